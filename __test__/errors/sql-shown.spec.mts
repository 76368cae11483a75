/** The SQL that an error's message shows behind its first line, which is SQLite's text, and `offset`. */
import test from "ava";
import { LibsqlBatchError, type LibsqlError, type LocalClient, type SqlPlace } from "latchdb";
import { openClient, temporaryDatabase } from "../support/database.mjs";

type Placed = LibsqlError & SqlPlace;

/** The error of a call. */
async function errorOf(call: () => Promise<unknown>): Promise<Placed> {
  try {
    await call();
  } catch (error) {
    return error as Placed;
  }
  throw new Error("The call has not failed");
}

const near = 'SQLITE_ERROR: near "form": syntax error';

/** Each way to run one statement. */
const ways: Array<[string, (client: LocalClient, sql: string) => Promise<unknown>]> = [
  ["execute", (client, sql) => client.execute(sql)],
  [
    "execute with a signal",
    (client, sql) => client.execute({ sql, signal: AbortSignal.timeout(60_000) }),
  ],
  ["batch", (client, sql) => client.batch(["select 1", sql])],
  ["migrate", (client, sql) => client.migrate([sql])],
  ["executeMultiple", (client, sql) => client.executeMultiple(sql)],
  ["iterate", (client, sql) => client.iterate(sql).next()],
  ["execute in a transaction", inTransaction((executor, sql) => executor.execute(sql))],
  ["batch in a transaction", inTransaction((executor, sql) => executor.batch([sql]))],
  [
    "executeMultiple in a transaction",
    inTransaction((executor, sql) => executor.executeMultiple(sql)),
  ],
];

function inTransaction(
  run: (
    executor: Pick<LocalClient, "execute" | "batch" | "executeMultiple">,
    sql: string,
  ) => Promise<unknown>,
): (client: LocalClient, sql: string) => Promise<unknown> {
  return async (client, sql) => {
    using transaction = await client.transaction("write");
    return await run(transaction as unknown as LocalClient, sql);
  };
}

for (const [title, run] of ways) {
  test(`${title}: a syntax error shows its line, and a caret below the place`, async (t) => {
    const client = await openClient(t);
    for (let i = 0; i < 2; i++) {
      const error = await errorOf(() => run(client, "select *\n  form t\n"));
      t.is(error.message, `${near}\n  line 2:   form t\n            ^`);
      t.is(error.offset, 11);
      const cause = error.cause as Placed | undefined;
      t.is(cause?.message, 'near "form": syntax error');
      t.is(cause?.offset, 11);
    }
  });
}

test("offset counts the units of the caller's string", async (t) => {
  const client = await openClient(t);
  for (const before of ["", "/* é😀 */ ", "\ufeff", "select 'ä', "]) {
    const sql = `${before}${before.startsWith("select") ? "" : "select "}nope`;
    const { offset } = await errorOf(() => client.execute(sql));
    t.is(sql.slice(offset), "nope", sql);
  }
});

test("offset is the place in the whole script, also behind a trigger and ALTER COLUMN", async (t) => {
  const client = await openClient(t);
  const script =
    "create table t (a);\ncreate trigger r after insert on t begin select 1; end;\n" +
    "alter table t alter column a to a text;\n;select ';', é from t";
  const error = await errorOf(() => client.executeMultiple(script));
  t.is(script.slice(error.offset), "é from t");
  t.true(
    error.message.endsWith("\n  line 4: ;select ';', é from t\n                       ^"),
    error.message,
  );
});

test("an error that SQLite tells no place of has neither a caret nor an offset", async (t) => {
  const client = await openClient(t);
  await client.executeMultiple("create table t (a unique); create view v as select nope from t");
  await client.execute("insert into t values (1)");
  for (const [sql, text] of [
    ["select * from nope", "SQLITE_ERROR: no such table: nope"],
    ["select * from v", "SQLITE_ERROR: no such column: nope"],
    ["insert into t values (1)", "SQLITE_CONSTRAINT: UNIQUE constraint failed: t.a"],
  ] as const) {
    const error = await errorOf(() => client.execute(sql));
    t.is(error.message, text);
    t.false("offset" in error);
  }
});

test("a statement that fails among others is shown on one line, without its arguments", async (t) => {
  const client = await openClient(t);
  await client.executeMultiple("create table t (a unique, b); insert into t values (1, 2)");
  const sql = "insert into t\n  values (?, ?)";
  const text = "SQLITE_CONSTRAINT: UNIQUE constraint failed: t.a\n  insert into t values";
  const batch = ["select 1", { sql, args: [1, "geheim"] }];
  for (const call of [
    () => client.batch(batch, "write"),
    () => client.migrate(batch),
    inTransactionOf(client, batch),
  ]) {
    const error = await errorOf(call);
    t.true(error instanceof LibsqlBatchError);
    t.is(error.message, `${text} (?, ?)`);
  }
  const script = "select 1;\ninsert into t\n  values (1, ';'); select 2";
  const error = await errorOf(() => client.executeMultiple(script));
  t.is(error.message, `${text} (1, ';');`);
});

function inTransactionOf(
  client: LocalClient,
  batch: Parameters<LocalClient["batch"]>[0],
): () => Promise<unknown> {
  return async () => {
    using transaction = await client.transaction("write");
    return await transaction.batch(batch as Parameters<typeof transaction.batch>[0]);
  };
}

test("of long SQL a part is shown", async (t) => {
  const client = await openClient(t);
  await client.execute("create table t (a unique)");
  const sql = `select ${"1, ".repeat(900)}nope, ${"1, ".repeat(900)}1`;
  const { message, offset } = await errorOf(() => client.execute(sql));
  const [first, line = "", caret = ""] = message.split("\n");
  t.is(first, "SQLITE_ERROR: no such column: nope");
  t.true(line.length < 90, line);
  t.true(line.slice(caret.length - 1).startsWith("nope"), message);
  t.is(offset, sql.indexOf("nope"));
  const values = Array.from({ length: 1000 }, () => "(1)").join(", ");
  const batch = await errorOf(() => client.batch([`insert into t values ${values}`]));
  t.regex(
    batch.message,
    /^SQLITE_CONSTRAINT: [^\n]+\n {2}insert into t values \(1\), .{170,190}…$/,
  );
});

test("what does not concern a statement is one line", async (t) => {
  const { open } = await temporaryDatabase(t);
  const client = open();
  await client.execute("create table t (a references t (rowid) deferrable initially deferred)");
  const error = await errorOf(() => client.batch(["select 1", "select 1 << 60"]));
  t.false(error.message.includes("\n"));
  const transaction = await client.transaction();
  transaction.close();
  t.is(
    (await errorOf(() => transaction.execute("selec 1"))).message,
    "TRANSACTION_CLOSED: The transaction is closed",
  );
  client.close();
  t.is(
    (await errorOf(() => client.batch(["selec 1"]))).message,
    "CLIENT_CLOSED: The client is closed",
  );
});
