/** Makes a bundle of a program: node build.mjs TOOL FORMAT PROGRAM FOLDER. */
import { cpSync } from "node:fs";
import { dirname, join } from "node:path";

const [tool, format, program, folder] = process.argv.slice(2);
const isModule = format === "esm";
const fileName = isModule ? "bundle.mjs" : "bundle.cjs";
const rollupFormat = isModule ? "es" : "cjs";

/** A builder for each tool, without configuration beyond what it needs for a program of Node. */
const builders = {
  async esbuild() {
    const { build } = await import("esbuild");
    const outfile = join(folder, fileName);
    await build({ entryPoints: [program], bundle: true, platform: "node", format, outfile });
  },

  async webpack() {
    const { default: webpack } = await import("webpack");
    const esm = {
      experiments: { outputModule: true },
      output: { library: { type: "module" }, chunkFormat: "module" },
    };
    const { output, ...options } = isModule ? esm : {};
    const compiler = webpack({
      mode: "production",
      // It takes longer than all else here.
      optimization: { minimize: false },
      target: "node",
      context: process.cwd(),
      entry: `./${program}`,
      ...options,
      output: { ...output, path: join(process.cwd(), folder), filename: fileName },
    });
    await new Promise((resolve, reject) => {
      compiler.run((error, stats) => {
        const { errors, warnings } = stats?.toJson() ?? { errors: [error], warnings: [] };
        const problems = [...errors, ...warnings].map(({ message }) => message);
        if (problems.length > 0) reject(new Error(problems.join("\n")));
        else compiler.close(resolve);
      });
    });
  },

  async rollup() {
    const { default: nodeResolve } = await import("@rollup/plugin-node-resolve");
    const { default: commonjs } = await import("@rollup/plugin-commonjs");
    const { default: json } = await import("@rollup/plugin-json");
    await rollup([nodeResolve(), commonjs(), json()]);
  },

  async "rollup, node-resolve alone"() {
    const { default: nodeResolve } = await import("@rollup/plugin-node-resolve");
    await rollup([nodeResolve()]);
  },

  // Every package that is imported stays outside.
  "rollup, no plugin": () => rollup([]),

  async rolldown() {
    const { rolldown } = await import("rolldown");
    const bundle = await rolldown({ input: program, platform: "node" });
    await bundle.write({ dir: folder, format: rollupFormat, entryFileNames: fileName });
  },

  "Vite SSR": () => vite({}),
  "Vite SSR, the package bundled": () => vite({ noExternal: ["@libsql/client"] }),
  "Vite SSR, everything bundled": () => vite({ noExternal: true }),

  /** Not a bundle: the files that the program needs. */
  async nft() {
    const { nodeFileTrace } = await import("@vercel/nft");
    const { fileList } = await nodeFileTrace([program], { base: process.cwd() });
    for (const file of fileList) cpSync(file, join(folder, file));
    cpSync(program, join(folder, dirname(program), fileName));
  },
};

async function rollup(plugins) {
  const tools = await import("rollup");
  const bundle = await tools.rollup({ input: program, plugins, onwarn: () => undefined });
  await bundle.write({ dir: folder, format: rollupFormat, entryFileNames: fileName });
}

async function vite(ssr) {
  const { build } = await import("vite");
  const rollupOptions = { output: { format: rollupFormat, entryFileNames: fileName } };
  await build({
    configFile: false,
    logLevel: "error",
    ssr,
    build: { ssr: program, outDir: folder, rollupOptions },
  });
}

await builders[tool]();
