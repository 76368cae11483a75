/**
 * Makes what bundlers take (dist/bundle). Of dist/: all CommonJS modules in one function, which
 * lib/bundle/load.mts calls, and the entry points with their exports. Of lib/: the entry points for servers
 * alone, which need nothing of Node's, as ES modules.
 */
import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { root } from "./support/root.mjs";

const dist = join(root, "dist");
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
/** The entry points that run wherever web standards are. */
const portable = ["http", "web", "ws"];
const entries = readdirSync(dist)
  .filter((name) => name.endsWith(".mjs"))
  .map((name) => name.slice(0, -".mjs".length))
  .filter((name) => name !== "web");

await bundleStringWidth();

/** @type {import("esbuild").Plugin} */
const onlyTheVersion = {
  name: "only-the-version",
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]package\.json$/ }, () => ({
      contents: JSON.stringify({ version }),
      loader: "json",
    }));
  },
};

/**
 * WebSockets of Node's `ws`, and those of runtimes that have their own, which the package for both chooses by
 * the condition of the moment when the bundle is made.
 *
 * @type {import("esbuild").Plugin}
 */
const webSockets = {
  name: "web-sockets",
  setup({ onLoad, onResolve }) {
    const namespace = "web-sockets";
    onResolve({ filter: /^@libsql\/isomorphic-ws$/ }, ({ path }) => ({ path, namespace }));
    onLoad({ filter: /.*/, namespace }, () => ({
      contents: `const { bun, deno } = process.versions;
        exports.WebSocket = bun || deno ? globalThis.WebSocket : require("ws");`,
      resolveDir: root,
    }));
  },
};

writeFileSync(join(dist, "bundle/code.mjs"), await code());
// These packages are in the code.
const licenses = {
  "detect-libc": "detect-libc/LICENSE",
  "hrana-client": "@libsql/hrana-client/LICENSE",
  "js-base64": "js-base64/LICENSE.md",
  ws: "ws/LICENSE",
};
for (const [name, file] of Object.entries(licenses)) {
  copyFileSync(join(root, "node_modules", file), join(dist, `bundle/${name}.LICENSE`));
}
for (const name of entries) writeFileSync(join(dist, `bundle/${name}.mjs`), entry(name));
await bundlePortable();

async function code() {
  const { outputFiles } = await build({
    stdin: {
      contents: `module.exports = (name) => { ${entries
        .map((name) => `if (name === "${name}") return require("./${name}.js");`)
        .join("\n")} }`,
      resolveDir: dist,
    },
    bundle: true,
    write: false,
    platform: "node",
    format: "cjs",
    target: "node20",
    external: ["@libsql/core/*", "@latchdb/*", "*.node", "bufferutil", "utf-8-validate"],
    plugins: [onlyTheVersion, webSockets],
  });
  return [
    `export const version = ${JSON.stringify(version)};`,
    "export function evaluate(require, folder) {",
    "const module = { exports: {} };",
    "const exports = module.exports;",
    // Where addon/binaries.js is, in the package.
    'const __dirname = require("node:path").join(folder, "dist", "addon");',
    outputFiles[0].text.replace(/^"use strict";\n/, ""),
    "return module.exports;",
    "}",
    "",
  ].join("\n");
}

async function bundlePortable() {
  const outdir = join(dist, "bundle/portable");
  rmSync(outdir, { recursive: true, force: true });
  await build({
    entryPoints: portable.map((name) => join(root, `lib/${name}.ts`)),
    outdir,
    outExtension: { ".js": ".mjs" },
    chunkNames: "shared-[hash]",
    bundle: true,
    splitting: true,
    // What a runtime has beyond the web's standards is looked for when the program runs.
    platform: "neutral",
    format: "esm",
    target: "es2022",
    external: ["@libsql/core/*", "@libsql/hrana-client"],
  });
}

/** The ES module of an entry point, with the CommonJS module from load.mjs. */
function entry(name) {
  const text = readFileSync(join(dist, `${name}.mjs`), "utf8");
  const [line, local, path] = /^import \* as (\w+) from "\.\/(\w+)\.js";$/m.exec(text) ?? [];
  if (path !== name)
    throw new Error(`dist/${name}.mjs does not begin with the import of ${name}.js`);
  return text.replace(
    line,
    `import { load } from "./load.mjs";\nconst ${local} = load("${name}");`,
  );
}

/** Puts the ES module that measures texts into the package: no user of the database installs it. */
async function bundleStringWidth() {
  const file = join(dist, "cli/output/string-width.mjs");
  await build({
    entryPoints: [file],
    outfile: file,
    allowOverwrite: true,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
  });
  // Its author's license, which is that of the modules that it uses.
  copyFileSync(
    join(root, "node_modules/string-width/license"),
    join(dist, "cli/output/string-width.LICENSE"),
  );
}
