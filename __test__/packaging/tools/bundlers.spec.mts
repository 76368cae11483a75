/**
 * Bundlers, without configuration for us: the binary stays outside, and the program finds it from the
 * bundle's place. `@libsql/client` passes few of these; what it passes is here.
 */
import { copyFile, cp, readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { binding, root } from "../support/packages.mjs";
import { newProject, node, type Project } from "../support/project.mjs";

const tools = {
  "@rollup/plugin-commonjs": "29",
  "@rollup/plugin-json": "6",
  "@rollup/plugin-node-resolve": "16",
  "@vercel/nft": "1",
  esbuild: "0.28",
  rolldown: "1",
  rollup: "4",
  vite: "7",
  webpack: "5",
};

const whole = { program: "program.mjs", prints: "hello SQLITE_ERROR true true true" };
const importsOnly = { program: "imports-only.mjs", prints: "hello" };
const both = ["esm", "cjs"];

const cases = [
  { tool: "esbuild", formats: both, ...whole },
  { tool: "webpack", formats: both, ...whole },
  { tool: "rollup", formats: both, ...whole },
  { tool: "rollup, node-resolve alone", formats: both, ...importsOnly },
  { tool: "rolldown", formats: both, ...whole },
  { tool: "Vite SSR, everything bundled", formats: both, ...whole },
];
/** The package, or what it depends on, is outside. */
const notAlone = [
  { tool: "rollup, no plugin", formats: both, ...importsOnly },
  { tool: "Vite SSR", formats: both, ...importsOnly },
  { tool: "Vite SSR, the package bundled", formats: both, ...whole },
];
const tracers = [{ tool: "nft", formats: ["esm"], ...whole }];

test.serial("bundlers", async (t) => {
  const project = await projectWith(t, tools);
  for (const { tool, formats, program, prints } of [...cases, ...notAlone]) {
    for (const format of formats) {
      await build(project, tool, format, program);
      t.is(await outputOf(project, tool, format), prints, `${tool}, ${format}`);
    }
  }
  for (const { tool, formats, program } of tracers) {
    for (const format of formats) await build(project, tool, format, program);
  }

  // Elsewhere, and on a machine that has nothing of the project.
  const elsewhere = project.at(join(project.directory, "../elsewhere"));
  await cp(join(project.directory, "out"), join(elsewhere.directory, "out"), { recursive: true });
  const binary = join(await project.packageFolder(binding.manifest.name), fileOfBinding());
  await rename(project.directory, `${project.directory}-gone`);
  for (const { tool, formats, prints } of tracers) {
    for (const format of formats) {
      t.is(await outputOf(elsewhere, tool, format), prints, `${tool}, elsewhere`);
    }
  }
  for (const { tool, formats, prints } of cases) {
    for (const format of formats) {
      const { code, stderr } = await run(elsewhere, tool, format);
      t.not(code, 0, `${tool}, ${format}: it has no binary`);
      t.regex(stderr, /ADDON_NOT_LOADED/, `${tool}, ${format}`);
      const moved = binary.replace(project.directory, `${project.directory}-gone`);
      await copyFile(moved, join(elsewhere.directory, folderOf(tool, format), fileOfBinding()));
      t.is(await outputOf(elsewhere, tool, format), prints, `${tool}, ${format}, elsewhere`);
    }
  }
});

test.serial("Vite's development server", async (t) => {
  const project = await projectWith(t, { vite: tools.vite });
  for (const ssr of [{}, { noExternal: ["@libsql/client"] }, { noExternal: true }]) {
    const options = JSON.stringify(ssr);
    const { stdout } = await project.succeed(node, ["serve.mjs", "served.mjs", options]);
    t.is(stdout.trim(), "hello SQLITE_ERROR true true", options);
  }
});

test.serial("pnpm: a bundle finds the binding that only the package can see", async (t) => {
  const project = await newProject(t);
  await project.pnpm("add", "@libsql/client@npm:latchdb");
  await project.copyContents("bundlers");
  t.false((await readdir(join(project.directory, "node_modules"))).includes("@latchdb"));
  for (const [format, file] of [
    ["esm", "bundle.mjs"],
    ["cjs", "bundle.cjs"],
  ]) {
    const options = ["--bundle", "--platform=node", `--format=${format}`, `--outfile=${file}`];
    // This checkout's: pnpm refuses packages with install scripts, which esbuild has.
    const esbuild = join(root, "node_modules/esbuild/bin/esbuild");
    await project.succeed(node, [esbuild, "program.mjs", ...options]);
    t.is((await project.succeed(node, [String(file)])).stdout.trim(), whole.prints, format);
  }
});

async function projectWith(t: ExecutionContext, dependencies: object): Promise<Project> {
  const project = await newProject(t, { devDependencies: dependencies });
  await project.npm("install", "@libsql/client@npm:latchdb");
  await project.copyContents("bundlers");
  return project;
}

function build(project: Project, tool: string, format: string, program: string): Promise<unknown> {
  return project.succeed(node, ["build.mjs", tool, format, program, folderOf(tool, format)]);
}

async function outputOf(project: Project, tool: string, format: string): Promise<string> {
  const { code, stdout, stderr } = await run(project, tool, format);
  return code === 0 ? stdout.trim() : stderr;
}

function run(project: Project, tool: string, format: string): ReturnType<Project["run"]> {
  const file = format === "esm" ? "bundle.mjs" : "bundle.cjs";
  return project.run(node, [join(folderOf(tool, format), file)]);
}

function folderOf(tool: string, format: string): string {
  return join("out", `${tool}-${format}`.replaceAll(/\W+/g, "-"));
}

function fileOfBinding(): string {
  return String(binding.manifest["main"]);
}
