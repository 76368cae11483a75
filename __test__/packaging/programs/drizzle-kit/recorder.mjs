// Loaded into drizzle-kit: appends what it asks of the client to the file RECORD, a line of JSON a call.
import { createClient } from "@libsql/client";
import { appendFileSync } from "node:fs";

const client = createClient({ url: ":memory:" });
const record = (method, statements) =>
  appendFileSync(process.env.RECORD, `${JSON.stringify([method, ...statements.map(textOf)])}\n`);
/** Calls that the client makes itself are not drizzle-kit's. */
let depth = 0;

patch(Object.getPrototypeOf(client), "");
patch(Object.getPrototypeOf(await client.transaction("read")), "transaction ");
client.close();

function patch(prototype, prefix) {
  for (const method of ["execute", "batch", "migrate", "executeMultiple", "commit", "rollback"]) {
    const original = prototype[method];
    if (original === undefined) continue;
    prototype[method] = function (...args) {
      if (depth === 0) record(prefix + method, args.slice(0, 1).flat());
      depth++;
      try {
        return original.apply(this, args);
      } finally {
        depth--;
      }
    };
  }
}

function textOf(statement) {
  return typeof statement === "string" ? statement : statement.sql;
}
