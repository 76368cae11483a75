/** `@libsql/client`, which latchdb replaces. */
import { createClient } from "@libsql/client";
import { libsqlShape } from "./libsql-shape.mjs";
import { versionOf } from "./version-of.mjs";

/** @type {import("./index.mjs").Adapter["load"]} */
export async function load() {
  return libsqlShape(createClient, versionOf("@libsql/client"));
}
