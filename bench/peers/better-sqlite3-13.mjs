/** better-sqlite3 13, on Node 22 or later. Its package has a binary on Node-API for each platform. */
import Database from "better-sqlite3-13";
import { betterSqlite3Shape } from "./better-sqlite3-shape.mjs";
import { versionOf } from "./version-of.mjs";

/** @type {import("./index.mjs").Adapter["load"]} */
export async function load() {
  return betterSqlite3Shape((path) => new Database(path), versionOf("better-sqlite3-13"));
}
