/** bun:sqlite, a part of Bun. */
import { Database } from "bun:sqlite";
import { betterSqlite3Shape } from "./better-sqlite3-shape.mjs";

/** @type {import("./index.mjs").Adapter["load"]} */
export async function load() {
  return betterSqlite3Shape((path) => new Database(path), process.versions.bun);
}
