import { createRequire } from "node:module";
import test from "ava";
import * as imported from "latchdb";
import { openClient } from "../support/database.mjs";

const required = createRequire(import.meta.url)("latchdb") as typeof imported;

test("import and require give one and the same error class", (t) => {
  t.is(required.LibsqlError, imported.LibsqlError);
  t.is(required.LibsqlBatchError, imported.LibsqlBatchError);
});

test("an error of an imported client is an instance of the required class", async (t) => {
  const client = await openClient(t);
  await t.throwsAsync(client.execute("NOT SQL"), { instanceOf: required.LibsqlError });
});
