/**
 * Checks which folders import which others, and that neither files nor folders import each other in a
 * circle. Imports of types count.
 */
import { readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";

const SWAP = ["lib/addon", "lib/client", "lib/local/native", "lib/local/wire"];

/** The folders that each folder may import from, besides itself. */
const ALLOWED = {
  lib: ["lib/client", "lib/local", "lib/local/native", "lib/local/swap", "lib/local/swap/database"],
  "lib/addon": [],
  "lib/cli": ["lib/local/swap", "lib/local/swap/database"],
  "lib/client": [],
  "lib/install": ["lib/addon"],
  "lib/local": ["lib/client", "lib/local/native", "lib/local/scheduler", "lib/local/swap/database"],
  "lib/local/native": ["lib/addon", "lib/client", "lib/local/wire"],
  "lib/local/scheduler": ["lib/client", "lib/local/native", "lib/local/wire"],
  "lib/local/swap": SWAP,
  "lib/local/swap/database": [...SWAP, "lib/local/swap"],
  "lib/local/wire": ["lib/client"],
};

const { dirname } = posix;
const files = readdirSync("lib", { recursive: true })
  .map((name) => `lib/${name.replaceAll("\\", "/")}`)
  .filter((name) => name.endsWith(".ts"));
const problems = [];
/** What each file, and each folder, imports. */
const fileImports = new Map(files.map((file) => [file, importsOf(file)]));
const folderImports = new Map(Object.keys(ALLOWED).map((folder) => [folder, new Set()]));

for (const [file, imported] of fileImports) {
  const folder = dirname(file);
  for (const other of imported) {
    if (dirname(other) === folder) continue;
    folderImports.get(folder)?.add(dirname(other));
    if (ALLOWED[folder]?.includes(dirname(other)) !== true) {
      problems.push(`${file} must not import ${other}`);
    }
  }
}
for (const imports of [fileImports, folderImports]) {
  for (const start of imports.keys()) {
    const circle = circleFrom(start, imports);
    if (circle !== undefined) problems.push(`a circle: ${circle.join(" -> ")}`);
  }
}
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;

function importsOf(file) {
  const text = readFileSync(file, "utf8");
  const specifiers = [...text.matchAll(/(?:\bfrom|\bimport)[\s(]*"(\.[^"]+)"/g)].map(
    ([, to]) => to,
  );
  const paths = specifiers.map((to) => `${posix.join(dirname(file), to)}.ts`);
  return new Set(paths.filter((path) => path !== file && files.includes(path)));
}

/** The shortest way from `start` back to it; undefined unless `start` is the first name on it. */
function circleFrom(start, imports) {
  const ways = [[start]];
  const seen = new Set();
  for (const way of ways) {
    for (const next of imports.get(way.at(-1)) ?? []) {
      if (next === start) return [...way, start];
      // A circle is reported once: from its first name.
      if (next < start || seen.has(next)) continue;
      seen.add(next);
      ways.push([...way, next]);
    }
  }
  return undefined;
}
