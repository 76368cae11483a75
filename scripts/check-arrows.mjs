/**
 * Checks which folders import which others, and that neither files nor folders import each other in a
 * circle. Imports of types count; tests do not.
 */
import { posix } from "node:path";
import { naming, rustImports, typescriptImports } from "./support/imports.mjs";

const SWAP = ["lib/addon", "lib/client", "lib/local/native", "lib/local/wire"];
const FLOOR = ["src", "src/files", "src/jobs"];
const SHARED = [...FLOOR, "src/sqlite", "src/wire"];
const SWAPS = ["src/swap", "src/swap/file", "src/swap/database", "src/swap/steps"];

/** The folders that each folder may import from, besides itself. `src` is what is for all of them. */
const ALLOWED = {
  lib: [
    "lib/client",
    "lib/local",
    "lib/local/native",
    "lib/local/swap",
    "lib/local/swap/database",
    "lib/remote/http",
    "lib/remote/ws",
  ],
  "lib/addon": [],
  "lib/bundle": [],
  "lib/cli": ["lib", "lib/client", "lib/local/swap", "lib/local/swap/database"],
  "lib/client": [],
  "lib/client/rows": [],
  "lib/install": ["lib/addon"],
  "lib/local": ["lib/client", "lib/local/native", "lib/local/scheduler", "lib/local/swap/database"],
  "lib/local/native": ["lib/addon", "lib/client", "lib/client/rows", "lib/local/wire"],
  "lib/local/scheduler": ["lib/addon", "lib/client", "lib/local/native", "lib/local/wire"],
  "lib/local/swap": SWAP,
  "lib/local/swap/database": [...SWAP, "lib/local/swap"],
  "lib/local/wire": ["lib/client"],
  "lib/remote": ["lib/client", "lib/client/rows"],
  "lib/remote/http": ["lib/client", "lib/remote"],
  "lib/remote/ws": ["lib/client", "lib/remote"],
  src: [],
  "src/files": ["src", "src/jobs"],
  "src/jobs": ["src"],
  "src/wire": ["src", "src/jobs"],
  "src/functions": ["src"],
  "src/vectors": ["src"],
  "src/sqlite": [...FLOOR, "src/functions", "src/vectors"],
  "src/client": SHARED,
  "src/swap": [...SHARED, "src/swap/steps", "src/swap/file", "src/swap/database"],
  "src/swap/steps": SHARED,
  "src/swap/file": [...SHARED, "src/swap/steps"],
  "src/swap/database": [...SHARED, "src/swap/steps"],
  "src/environment": [...SHARED, "src/client", "src/swap"],
  "src/api": [...SHARED, "src/client", "src/environment", ...SWAPS],
};

const problems = [];
for (const imports of [typescriptImports("lib"), rustImports("src")]) {
  const folders = new Map();
  for (const [file, imported] of imports) {
    const from = folderOf(file);
    const to = new Set([...imported].map(folderOf).filter((folder) => folder !== from));
    folders.set(from, new Set([...(folders.get(from) ?? []), ...to]));
    for (const other of to) {
      if (!ALLOWED[from]?.includes(other)) problems.push(`${file} must not import from ${other}`);
    }
  }
  problems.push(...circles(imports), ...circles(folders));
}
problems.push(...naming("src", "rusqlite", ["src/sqlite", "src/files/sqlite_calls"]));
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;

/** The nearest folder that the table names: a folder for one module's systems belongs to the module's. */
function folderOf(file) {
  let folder = posix.dirname(file);
  while (!(folder in ALLOWED)) folder = posix.dirname(folder);
  return folder;
}

/** A circle for each name that is the first on one. */
function circles(imports) {
  return [...imports.keys()].flatMap((start) => {
    const ways = [[start]];
    const seen = new Set();
    for (const way of ways) {
      for (const next of imports.get(way.at(-1)) ?? []) {
        if (next === start) return [`a circle: ${[...way, start].join(" -> ")}`];
        if (next < start || seen.has(next)) continue;
        seen.add(next);
        ways.push([...way, next]);
      }
    }
    return [];
  });
}
