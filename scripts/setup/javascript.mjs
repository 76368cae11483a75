import { rmSync } from "node:fs";
import { join } from "node:path";
import { root } from "../support/root.mjs";
import { runOrExplain } from "../support/run.mjs";
import { tool } from "../support/tools.mjs";

/** Compiles lib to dist: always, for it takes two seconds. */
export async function buildJavaScript() {
  await compile("tsconfig.json", "dist");
  return "compiled lib to dist";
}

/** Compiles the tests to build/test. */
export async function buildTests() {
  await compile("__test__/tsconfig.json", "build/test");
  return "compiled __test__ to build/test";
}

/** Compiles afresh: what is gone from the sources is gone from the output too. */
async function compile(project, output) {
  rmSync(join(root, output), { recursive: true, force: true });
  const { code } = await runOrExplain(process.execPath, [tool("typescript", "tsc"), "-p", project]);
  if (code !== 0) throw new Error(`tsc -p ${project} found errors: they stand above`);
}
