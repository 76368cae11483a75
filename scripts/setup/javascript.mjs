import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { root } from "../support/root.mjs";
import { runOrExplain } from "../support/run.mjs";
import { tool } from "../support/tools.mjs";

/** Compiles lib to dist. It takes three seconds, so it is never skipped. */
export async function buildJavaScript() {
  rmSync(join(root, "dist"), { recursive: true, force: true });
  await compile("lib");
  const { code } = await runOrExplain(process.execPath, ["scripts/bundle.mjs"]);
  if (code !== 0) throw new Error("scripts/bundle.mjs failed: see above");
  return "compiled lib to dist";
}

/** Compiles the tests to build/test: those that changed, and what depends on them. */
export async function buildTests() {
  removeOutputWithoutSource();
  await compile("__test__/tsconfig.json");
  return "compiled __test__ to build/test";
}

async function compile(project) {
  const { code } = await runOrExplain(process.execPath, [tool("typescript", "tsc"), "-p", project]);
  if (code !== 0) throw new Error(`tsc -p ${project} found errors: see above`);
}

function removeOutputWithoutSource() {
  const output = join(root, "build", "test");
  if (!existsSync(output)) return;
  for (const path of readdirSync(output, { recursive: true })) {
    const source = join(root, "__test__", path.replace(/\.mjs$/, ".mts"));
    if (path.endsWith(".mjs") && !existsSync(source)) rmSync(join(output, path));
  }
}
