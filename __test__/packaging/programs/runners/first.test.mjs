import { createRequire } from "node:module";
import { createClient, LibsqlError } from "@libsql/client";
import { expect, test } from "vitest";

test("values, errors and classes", async () => {
  const client = createClient({ url: ":memory:" });
  await client.execute("CREATE TABLE t (a)");
  await client.execute({ sql: "INSERT INTO t VALUES (?)", args: [new Uint8Array([1])] });
  await client.execute({ sql: "INSERT INTO t VALUES (?)", args: [new Date(5)] });
  const { rows } = await client.execute("SELECT a FROM t");
  expect(rows[0].a).toBeInstanceOf(ArrayBuffer);
  expect(rows[1].a).toBe(5);
  const error = await client.execute("nonsense").catch((reason) => reason);
  expect(error).toBeInstanceOf(LibsqlError);
  expect(error).toBeInstanceOf(Error);
  client.close();
});

// Stock has two classes.
test.runIf(process.env.IS_OURS === "1")("one class of errors, however it is loaded", () => {
  const native = createRequire(import.meta.url)("@libsql/client");
  expect(native.LibsqlError).toBe(LibsqlError);
});
