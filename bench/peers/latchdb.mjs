/** latchdb, from a checkout with `dist/` and a binary. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { libsqlShape } from "./libsql-shape.mjs";

/** @type {import("./index.mjs").Adapter["load"]} */
export async function load({ from }) {
  const { createClient } = createRequire(join(from, "package.json"))(join(from, "dist/index.js"));
  const { version } = JSON.parse(readFileSync(join(from, "package.json"), "utf8"));
  return libsqlShape(createClient, version);
}
