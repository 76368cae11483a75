/** better-sqlite3 12, whose binary is one for each ABI of V8 (`bench/install.mjs` builds it). */
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { addonFor } from "../addons.mjs";
import { betterSqlite3Shape } from "./better-sqlite3-shape.mjs";
import { versionOf } from "./version-of.mjs";

/** @type {import("./index.mjs").Adapter["load"]} */
export async function load() {
  const nativeBinding = fileURLToPath(addonFor("better-sqlite3", process.versions.modules));
  return betterSqlite3Shape(
    (path) => new Database(path, { nativeBinding }),
    versionOf("better-sqlite3"),
  );
}
