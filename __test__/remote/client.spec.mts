/** What a client of a server does as a client of a file does it. */
import test from "ava";
import { LibsqlBatchError, LibsqlError, type PartlyCommitted } from "latchdb";
import { HttpClient, HttpTransaction } from "latchdb/http";
import { WsClient, WsTransaction } from "latchdb/ws";
import { selectColumn, selectValue } from "../support/database.mjs";
import { hasServer, protocols } from "../support/sqld.mjs";
import { unchecked } from "../support/unchecked.mjs";
import { newTable, sharedServer } from "./servers.mjs";

const shared = sharedServer(test);
const classes = { http: [HttpClient, HttpTransaction], ws: [WsClient, WsTransaction] } as const;

for (const protocol of protocols) {
  test(`${protocol}: the client and its transactions are of the protocol's classes`, async (t) => {
    if (!hasServer(t)) return;
    const client = shared.open(t, protocol);
    const [Client, Transaction] = classes[protocol];
    t.true(client instanceof Client);
    t.is(client.protocol, protocol);
    t.false(client.closed);
    const transaction = await client.transaction();
    t.true(transaction instanceof Transaction);
    transaction.close();
  });

  test(`${protocol}: a result has rows, columns, their types and the effects`, async (t) => {
    if (!hasServer(t)) return;
    const { client, table } = await shared.withTable(t, protocol);
    const inserted = await client.execute(`insert into ${table} values (7, 'x')`);
    t.is(inserted.rowsAffected, 1);
    t.is(inserted.lastInsertRowid, 7n);
    const { columns, columnTypes, rows } = await client.execute(
      `select a, b, 1 as c from ${table}`,
    );
    t.deepEqual(columns, ["a", "b", "c"]);
    t.deepEqual(
      columnTypes.map((type) => type.toLowerCase()),
      ["integer", "text", ""],
    );
    const [row] = rows;
    t.deepEqual({ ...row }, { a: 7, b: "x", c: 1 });
    t.is(row?.[1], "x");
    t.is(row?.length, 3);
  });

  test(`${protocol}: values come back as they were passed`, async (t) => {
    if (!hasServer(t)) return;
    const client = shared.open(t, protocol);
    const bytes = new Uint8Array([9, 1, 2, 3, 9]);
    const args = [
      null,
      "\ufeffwith a byte order mark",
      "žluť 🐎",
      1.5,
      7n,
      true,
      new Date(5),
      bytes.subarray(1, 4),
      new Float32Array([1]),
    ];
    const sql = `select ${args.map(() => "?").join(", ")}`;
    const transaction = await client.transaction("read");
    const inTransaction = await transaction.execute({ sql, args: unchecked(args) });
    transaction.close();
    const { rows } = await client.execute({ sql, args: unchecked(args) });
    t.deepEqual({ ...inTransaction.rows[0] }, { ...rows[0] });
    t.deepEqual(Array.from(unchecked<ArrayLike<unknown>>(rows[0])), [
      null,
      "\ufeffwith a byte order mark",
      "žluť 🐎",
      1.5,
      7,
      1,
      5,
      new Uint8Array([1, 2, 3]).buffer,
      new Float32Array([1]).buffer,
    ]);
  });

  test(`${protocol}: arguments by name, with any of the signs or none`, async (t) => {
    if (!hasServer(t)) return;
    const client = shared.open(t, protocol);
    const args = { a: 1n, ":b": 2n, $c: 3n };
    const { rows } = await client.execute({ sql: "select :a as x, :b as y, $c as z", args });
    t.deepEqual({ ...rows[0] }, { x: 1, y: 2, z: 3 });
  });

  for (const [intMode, expected] of [
    ["number", 5],
    ["bigint", 5n],
    ["string", "5"],
  ] as const) {
    test(`${protocol}: an integer with intMode ${intMode}`, async (t) => {
      if (!hasServer(t)) return;
      const client = shared.open(t, protocol, { intMode });
      t.is(await selectValue(client, "select 5"), expected);
    });
  }

  test(`${protocol}: an integer that is not safe is a RangeError`, async (t) => {
    if (!hasServer(t)) return;
    const client = shared.open(t, protocol);
    await t.throwsAsync(client.execute("select 9007199254740993"), { instanceOf: RangeError });
    const table = newTable();
    await client.execute(`create table ${table} (a)`);
    const sql = `insert into ${table} values (9007199254740993) returning a`;
    for (const call of [client.execute(sql), client.batch([sql])]) {
      const error = await t.throwsAsync<RangeError & PartlyCommitted>(call, {
        instanceOf: RangeError,
      });
      t.true(error?.committed);
    }
    t.is(await selectValue(client, `select count(*) from ${table}`), 2);
    const exact = shared.open(t, protocol, { intMode: "bigint" });
    t.is(await selectValue(exact, "select 9007199254740993"), 9007199254740993n);
  });

  test(`${protocol}: an infinite REAL, which the server cannot send, fails its own call alone`, async (t) => {
    if (!hasServer(t)) return;
    const { client, table } = await shared.withTable(t, protocol);
    const infinite = {
      instanceOf: LibsqlError,
      code: "HRANA_PROTO_ERROR",
      message: /CAST\(x AS TEXT\)/,
    };
    const beside = client.execute("select 1");
    await t.throwsAsync(client.execute("select 1, -9e999"), infinite);
    await t.throwsAsync(client.batch(["select 1", "select 9e999"]), infinite);
    await t.notThrowsAsync(beside);

    const transaction = await client.transaction();
    await transaction.execute(`insert into ${table} values (1, 2)`);
    await t.throwsAsync(transaction.execute(`select 9e999`), infinite);
    t.false(transaction.closed);
    await transaction.commit();
    const insert = `insert into ${table} values (2, 'x') returning 9e999`;
    const written = await t.throwsAsync<PartlyCommitted & LibsqlError>(
      client.execute(insert),
      infinite,
    );
    t.true(written?.committed);
    t.is(await selectValue(client, `select count(*) from ${table}`), 2);
    // A text that looks like one.
    const text = '{"type":"float","value":null}';
    t.is(await selectValue(client, { sql: "select ?", args: [text] }), text);
  });

  test(`${protocol}: rowMode object gives plain objects`, async (t) => {
    if (!hasServer(t)) return;
    const client = shared.open(t, protocol, { rowMode: "object" });
    const { rows } = await client.execute("select 1 as a, 'x' as b");
    t.deepEqual(rows[0], unchecked({ a: 1, b: "x" }));
    t.is(Object.getPrototypeOf(rows[0]), Object.prototype);
  });

  test(`${protocol}: a wrong argument or statement is an error before anything is sent`, async (t) => {
    if (!hasServer(t)) return;
    const client = shared.open(t, protocol);
    const sql = "select ?";
    await t.throwsAsync(client.execute({ sql, args: unchecked([undefined]) }), {
      instanceOf: TypeError,
    });
    await t.throwsAsync(client.execute({ sql, args: [NaN] }), { instanceOf: RangeError });
    await t.throwsAsync(client.execute({ sql, args: [2n ** 63n] }), { instanceOf: RangeError });
    await t.throwsAsync(client.execute({ sql, args: unchecked([{}]) }), {
      code: "ARGUMENT_NOT_SUPPORTED",
    });
    await t.throwsAsync(client.execute(unchecked<string>(5)), { instanceOf: TypeError });
    await t.throwsAsync(client.execute(sql, unchecked(new Map())), { instanceOf: TypeError });
    await t.throwsAsync(client.batch(["select 1"], unchecked("other")), { instanceOf: RangeError });
    await t.throwsAsync(client.transaction(unchecked("other")), { instanceOf: RangeError });
  });

  test(`${protocol}: a batch is one transaction, and its error has the index`, async (t) => {
    if (!hasServer(t)) return;
    const { client, table } = await shared.withTable(t, protocol);
    const results = await client.batch(
      [`insert into ${table} values (1, 'x')`, [`select b from ${table} where a = ?`, [1n]]],
      "write",
    );
    t.deepEqual(
      results.map(({ rows }) => rows.length),
      [0, 1],
    );
    const error = await t.throwsAsync<LibsqlBatchError>(
      client.batch([
        `insert into ${table} values (2, 'y')`,
        `insert into ${table} values (1, 'z')`,
      ]),
      { instanceOf: LibsqlBatchError, code: "SQLITE_CONSTRAINT" },
    );
    t.is(error?.statementIndex, 1);
    // The server refuses the whole batch for this text, and does not say which one it is.
    const refused = ["select 1", `insert into ${table} values (3, 'z')`, "garbage", "select 2"];
    const text = await t.throwsAsync<LibsqlBatchError>(client.batch(refused), {
      instanceOf: LibsqlBatchError,
    });
    t.is(text?.statementIndex, 2);
    const transaction = await client.transaction();
    const inside = await t.throwsAsync<LibsqlBatchError>(transaction.batch(refused), {
      instanceOf: LibsqlBatchError,
    });
    t.is(inside?.statementIndex, 2);
    await transaction.rollback();
    t.deepEqual(await selectColumn(client, `select a from ${table}`), [1]);
    t.deepEqual(await client.batch([]), []);
  });

  test(`${protocol}: migrate has foreign keys off`, async (t) => {
    if (!hasServer(t)) return;
    const client = shared.open(t, protocol);
    const [parent, child] = [newTable(), newTable()];
    await client.migrate([
      `create table ${child} (p references ${parent} (a))`,
      `insert into ${child} values (1)`,
      `create table ${parent} (a primary key)`,
    ]);
    t.is(await selectValue(client, `select count(*) from ${child}`), 1);
    await t.throwsAsync(client.execute(`insert into ${child} values (2)`), {
      code: "SQLITE_CONSTRAINT",
    });
  });

  test(`${protocol}: executeMultiple runs a script`, async (t) => {
    if (!hasServer(t)) return;
    const client = shared.open(t, protocol);
    const table = newTable();
    await client.executeMultiple(
      `create table ${table} (a); insert into ${table} values (1), (2);`,
    );
    t.is(await selectValue(client, `select count(*) from ${table}`), 2);
    const script = `insert into ${table} values (3); insert into nowhere values (4)`;
    const error = await t.throwsAsync<Error & PartlyCommitted>(client.executeMultiple(script));
    t.true(error?.maybeCommitted);
  });

  test(`${protocol}: a transaction commits, rolls back, and runs its operations in order`, async (t) => {
    if (!hasServer(t)) return;
    const { client, table } = await shared.withTable(t, protocol);
    const kept = await client.transaction("write");
    const operations = [
      kept.execute(`insert into ${table} values (1, 'x')`),
      kept.batch([`insert into ${table} values (2, 'y')`]),
      kept.executeMultiple(`insert into ${table} values (3, 'z')`),
      kept.commit(),
    ];
    t.true(kept.closed);
    await Promise.all(operations);
    await kept.rollback();
    await t.throwsAsync(kept.commit(), { code: "TRANSACTION_CLOSED" });
    await t.throwsAsync(kept.execute("select 1"), { code: "TRANSACTION_CLOSED" });
    await t.throwsAsync(kept.batch(["select 1"]), {
      instanceOf: LibsqlBatchError,
      code: "TRANSACTION_CLOSED",
    });
    const dropped = await client.transaction();
    await dropped.execute(`insert into ${table} values (4, 'x')`);
    await dropped.rollback();
    const closed = await client.transaction();
    await closed.execute(`insert into ${table} values (5, 'x')`);
    closed.close();
    t.deepEqual(await selectColumn(client, `select a from ${table} order by a`), [1, 2, 3]);
  });

  test(`${protocol}: what follows a rollback of SQLite's own is not committed alone`, async (t) => {
    if (!hasServer(t)) return;
    const { client, table } = await shared.withTable(t, protocol);
    await client.execute(`insert into ${table} values (1, 'x')`);
    const transaction = await client.transaction();
    await transaction.execute(`insert into ${table} values (2, 'x')`);
    // SQLite rolls the transaction back (https://sqlite.org/lang_conflict.html).
    await t.throwsAsync(transaction.execute(`insert or rollback into ${table} values (1, 'y')`));
    await t.throwsAsync(transaction.execute(`insert into ${table} values (3, 'x')`), {
      code: "TRANSACTION_CLOSED",
    });
    await t.throwsAsync(transaction.commit(), { code: "TRANSACTION_CLOSED" });
    t.deepEqual(await selectColumn(client, `select a from ${table}`), [1]);
  });

  test(`${protocol}: a closed client answers CLIENT_CLOSED, and reconnect() opens it again`, async (t) => {
    if (!hasServer(t)) return;
    const { client, table } = await shared.withTable(t, protocol);
    const transaction = await client.transaction();
    await transaction.execute(`insert into ${table} values (1, 'x')`);
    const underWay = t.throwsAsync(client.execute("select 1"), { code: "CLIENT_CLOSED" });
    t.is(unchecked<unknown>(client.close()), undefined);
    client.close();
    t.true(client.closed);
    t.true(transaction.closed);
    await underWay;
    const closed = { instanceOf: LibsqlError, code: "CLIENT_CLOSED" };
    await t.throwsAsync(client.execute("select 1"), closed);
    await t.throwsAsync(client.batch([]), closed);
    await t.throwsAsync(client.migrate([]), closed);
    await t.throwsAsync(client.transaction(), closed);
    await t.throwsAsync(client.executeMultiple("select 1"), closed);
    await t.throwsAsync(client.sync(), closed);
    await t.throwsAsync(transaction.execute("select 1"), { code: "TRANSACTION_CLOSED" });
    await client.reconnect();
    t.false(client.closed);
    t.is(await selectValue(client, `select count(*) from ${table}`), 0);
  });

  test(`${protocol}: sync() and replaceDatabase() say why they are not for servers`, async (t) => {
    if (!hasServer(t)) return;
    const client = shared.open(t, protocol);
    await t.throwsAsync(client.sync(), { code: "SYNC_NOT_SUPPORTED" });
    const local = unchecked<{ replaceDatabase(options: object): Promise<unknown> }>(client);
    await t.throwsAsync(local.replaceDatabase({}), { code: "NOT_A_FILE" });
  });

  test(`${protocol}: the stack of an error names the caller`, async (t) => {
    if (!hasServer(t)) return;
    const client = shared.open(t, protocol);
    const wrong = "select * from nowhere";
    async function theCaller(call: () => Promise<unknown>): Promise<void> {
      await call();
    }
    const transaction = await client.transaction();
    for (const call of [
      () => client.execute(wrong),
      () => client.batch(["select 1", wrong]),
      () => client.migrate([wrong]),
      () => client.executeMultiple(wrong),
      () => client.iterate(wrong).next(),
      () => client.get(wrong),
      () => client.prepare(wrong).executeMany([[]]),
      () => client.prepare(wrong).describe(),
      () => transaction.execute(wrong),
      () => transaction.batch(["select 1", wrong]),
      () => transaction.executeMultiple(wrong),
      () => transaction.prepare(wrong).execute(),
      () => transaction.prepare(wrong).executeMany([[]]),
      () => transaction.prepare(wrong).describe(),
      () => transaction.iterate(wrong).next(),
    ]) {
      const error = await t.throwsAsync(theCaller(call));
      t.regex(error?.stack ?? "", /theCaller/, String(call));
    }
    await transaction.transaction(async (nested) => {
      const call = (): Promise<unknown> => nested.execute(wrong);
      const error = await t.throwsAsync(theCaller(call));
      t.regex(error?.stack ?? "", /theCaller/, "of a nested transaction");
    });
    transaction.close();
  });

  test(`${protocol}: a failed statement of a batch is shown, without its arguments`, async (t) => {
    if (!hasServer(t)) return;
    const { client, table } = await shared.withTable(t, protocol);
    const insert = { sql: `insert into ${table}\n  values (?, ?)`, args: [1, "geheim"] };
    const shown = new RegExp(`\n  insert into ${table} values \\(\\?, \\?\\)$`);
    await client.execute(insert);
    const transaction = await client.transaction("write");
    for (const call of [
      () => client.batch(["select 1", insert]),
      () => client.migrate([insert]),
      () => transaction.batch([insert]),
    ]) {
      const error = await t.throwsAsync(call(), { instanceOf: LibsqlBatchError, message: shown });
      t.is(error.message.split("\n").length, 2);
    }
    const long = `selec ${"1, ".repeat(100)}`;
    const error = await t.throwsAsync(client.batch(["select 1", long]));
    t.regex(error?.message ?? "", /\n {2}selec 1, .{180,195}…$/);
    const single = await t.throwsAsync(transaction.execute(insert));
    t.false(single?.message.includes("insert into"));
    transaction.close();
  });
}
