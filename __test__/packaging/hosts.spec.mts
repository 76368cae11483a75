/** What programs run in, other than a plain process with its node_modules. */
import { cp, mkdir } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { root } from "./support/packages.mjs";
import { bun, newProject, node, Project } from "./support/project.mjs";

const esbuild = join(root, "node_modules/esbuild/bin/esbuild");

async function projectWith(t: ExecutionContext, program: string): Promise<Project> {
  const project = await newProject(t);
  await project.npm("install", "latchdb");
  await project.copyProgram(program);
  return project;
}

async function assertSwaps(t: ExecutionContext, stdout: string): Promise<void> {
  t.deepEqual(JSON.parse(stdout), { rows: [{ name: "new", population: 1 }], leftovers: [] });
}

test("worker threads, terminated while they query", async (t) => {
  const project = await projectWith(t, "workers.mjs");
  for (const runtime of bun === undefined ? [node] : [node, bun]) {
    const { stdout } = await project.succeed(runtime, ["workers.mjs"]);
    t.deepEqual(JSON.parse(stdout), [42, 42, 42], runtime);
  }
});

test("esbuild, with the binding external", async (t) => {
  const bundle = ["migrate-and-swap.mjs", "--bundle", "--platform=node", "--format=esm"];
  const banner =
    'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);';
  // As it is, and with what bundles of other packages need.
  for (const options of [[], ["--external:@latchdb/*", `--banner:js=${banner}`]]) {
    const project = await projectWith(t, "migrate-and-swap.mjs");
    await project.succeed(node, [esbuild, ...bundle, "--outfile=bundle.mjs", ...options]);
    await assertSwaps(t, (await project.succeed(node, ["bundle.mjs"])).stdout);
  }
  // CommonJS has no top-level await: a program that needs none.
  const project = await projectWith(t, "hello.cjs");
  const commonjs = ["hello.cjs", "--bundle", "--platform=node", "--outfile=bundle.cjs"];
  await project.succeed(node, [esbuild, ...commonjs]);
  t.is((await project.succeed(node, ["bundle.cjs"])).stdout.trim(), "hello");
});

test("esbuild, with the binding copied beside the bundle", async (t) => {
  const project = await projectWith(t, "hello.cjs");
  const bundle = ["--bundle", "--platform=node", "--loader:.node=copy", "--outdir=../elsewhere"];
  await project.succeed(node, [esbuild, "hello.cjs", ...bundle, "--conditions=node"]);
  const elsewhere = project.at(join(project.directory, "../elsewhere"));
  t.is((await elsewhere.succeed(node, ["hello.js"])).stdout.trim(), "hello");
});

const compiler = bun;
if (compiler === undefined) {
  test.skip("bun build --compile: Bun does not run on this platform", () => undefined);
} else {
  test("bun build --compile: one file, away from node_modules", async (t) => {
    const project = await projectWith(t, "migrate-and-swap.mjs");
    await project.succeed(compiler, [
      "build",
      "--compile",
      "migrate-and-swap.mjs",
      "--outfile=program",
    ]);
    const elsewhere = join(project.directory, "../elsewhere");
    await mkdir(elsewhere);
    const program = process.platform === "win32" ? "program.exe" : "program";
    await cp(join(project.directory, program), join(elsewhere, program));
    const { stdout } = await project.at(elsewhere).succeed(join(elsewhere, program), []);
    await assertSwaps(t, stdout);
  });
}
