import { rmSync } from "node:fs";
import { join } from "node:path";
import { root } from "../support/root.mjs";
import { runOrExplain } from "../support/run.mjs";
import { tool } from "../support/tools.mjs";

/** Compiles lib to dist. It takes two seconds, so it is never skipped. */
export async function buildJavaScript() {
  await compile("lib", "dist");
  return "compiled lib to dist";
}

/** Compiles the tests to build/test. */
export async function buildTests() {
  await compile("tsconfig.test.json", "build/test");
  return "compiled __test__ to build/test";
}

/** Compiles into an emptied folder, so that no output outlives its source. */
async function compile(project, output) {
  rmSync(join(root, output), { recursive: true, force: true });
  const { code } = await runOrExplain(process.execPath, [tool("typescript", "tsc"), "-p", project]);
  if (code !== 0) throw new Error(`tsc -p ${project} found errors: see above`);
}
