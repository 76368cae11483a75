import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { createClient, LibsqlBatchError, LibsqlError } from "latchdb";
import type { InValue } from "latchdb";
import { openClient, openUrl, selectValue, temporaryDirectory } from "../support/database.mjs";
import { unchecked } from "../support/unchecked.mjs";

test("a file in a directory that is not there is SQLITE_CANTOPEN and names the path", async (t) => {
  const file = join(await temporaryDirectory(t), "missing", "test.db");
  const error = t.throws<LibsqlError>(() => createClient({ url: `file:${file}` }), {
    instanceOf: LibsqlError,
    code: "SQLITE_CANTOPEN",
  });
  t.true(error?.message.includes(file));
});

test("a directory is SQLITE_CANTOPEN and names the path", async (t) => {
  const directory = join(await temporaryDirectory(t), "directory");
  await mkdir(directory);
  const error = t.throws<LibsqlError>(() => createClient({ url: `file:${directory}` }), {
    instanceOf: LibsqlError,
    code: "SQLITE_CANTOPEN",
  });
  t.true(error?.message.includes(directory));
});

test("sync of a local file is SYNC_NOT_SUPPORTED", async (t) => {
  const client = await openClient(t);
  await t.throwsAsync(client.sync(), { instanceOf: LibsqlError, code: "SYNC_NOT_SUPPORTED" });
});

test("sync in memory is SYNC_NOT_SUPPORTED", async (t) => {
  const client = openUrl(t, ":memory:");
  await t.throwsAsync(client.sync(), { instanceOf: LibsqlError, code: "SYNC_NOT_SUPPORTED" });
});

for (const [title, value] of [
  ["an object", { a: 1 }],
  ["an array", [1, 2]],
  ["a function", () => 1],
  ["a symbol", Symbol("a")],
] as const) {
  test(`${title} as an argument is refused with a code, in whatever way it is passed`, async (t) => {
    const client = await openClient(t);
    const argument = unchecked<InValue>(value);
    const refused = { instanceOf: LibsqlError, code: "ARGUMENT_NOT_SUPPORTED" };
    await t.throwsAsync(client.execute({ sql: "select ?", args: [argument] }), refused);
    await t.throwsAsync(client.execute("select :a", { a: argument }), refused);
    await t.throwsAsync(client.batch([{ sql: "select ?", args: [argument] }]), refused);
    t.is(await selectValue(client, "select 1"), 1);
  });
}

for (const [title, sql] of [
  ["empty", ""],
  ["blank", " \n\t "],
  ["a line comment", "-- nothing here"],
  ["a block comment", "/* nothing here */"],
] as const) {
  test(`SQL that is ${title} is SQLITE_MISUSE with a message that says so`, async (t) => {
    const client = await openClient(t);
    const error = await t.throwsAsync<LibsqlError>(client.execute(sql), {
      instanceOf: LibsqlError,
      code: "SQLITE_MISUSE",
    });
    t.false(error?.message.includes("not an error"));
  });
}

test("empty SQL in a batch names the statement", async (t) => {
  const client = await openClient(t);
  const error = await t.throwsAsync<LibsqlBatchError>(client.batch(["select 1", ""]), {
    instanceOf: LibsqlBatchError,
    code: "SQLITE_MISUSE",
  });
  t.is(error?.statementIndex, 1);
});

test("the extended code of a STRICT table's refusal has a name", async (t) => {
  const client = await openClient(t);
  await client.execute("create table strict_table (a int) strict");
  const error = await t.throwsAsync<LibsqlError>(
    client.execute("insert into strict_table values ('x')"),
    { instanceOf: LibsqlError, code: "SQLITE_CONSTRAINT" },
  );
  t.is(error?.extendedCode, "SQLITE_CONSTRAINT_DATATYPE");
});

test("the message of a batch has its code once", async (t) => {
  const client = await openClient(t);
  await client.executeMultiple("create table t (a unique); insert into t values (1)");
  const insert = "insert into t values (1)";
  const message = `SQLITE_CONSTRAINT: UNIQUE constraint failed: t.a\n  ${insert}`;
  await t.throwsAsync(client.batch([insert], "write"), { message });
  await t.throwsAsync(client.migrate([insert]), { message });
  const transaction = await client.transaction();
  await t.throwsAsync(transaction.batch([insert]), { message });
  await transaction.rollback();
});
