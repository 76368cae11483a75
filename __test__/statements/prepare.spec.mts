import test, { type ExecutionContext } from "ava";
import type { InArgs, LatchClient } from "latchdb";
import { openClient, openUrl, selectColumn, selectValue } from "../support/database.mjs";
import { unchecked } from "../support/unchecked.mjs";

// Statements that are run often: prepare().

const insert = "insert into t (id, a) values (?, ?)";

async function opened(t: ExecutionContext): Promise<LatchClient> {
  const client = await openClient(t);
  await client.execute("create table t (id integer primary key, a)");
  return client;
}

function* lists(count: number): Generator<InArgs> {
  for (let i = 1; i <= count; i++) yield [i, `row ${i}`];
}

test("it runs, gets the first row, and iterates", async (t) => {
  const client = await opened(t);
  using statement = client.prepare(insert);
  t.is((await statement.execute([1, "a"])).rowsAffected, 1);
  await statement.execute([2, "b"]);
  const select = client.prepare<{ id: number; a: string }>("select * from t where id >= :id");
  t.deepEqual({ ...(await select.get({ id: 2 })) }, { id: 2, a: "b" });
  t.is(await select.get({ id: 3 }), undefined);
  const found = [];
  for await (const row of select.iterate({ id: 1 }, { chunk: 1 })) found.push(row.a);
  t.deepEqual(found, ["a", "b"]);
});

test("it is what execute() runs: after a change of the schema, on every connection, after a reopening", async (t) => {
  const client = await opened(t);
  const select = client.prepare("select * from t");
  await select.execute();
  await client.execute("alter table t add column b default 7");
  t.deepEqual((await select.execute()).columns, ["id", "a", "b"]);
  await client.transaction(async (transaction) => {
    await transaction.execute("insert into t (id) values (1)");
    t.is((await transaction.prepare("select * from t").execute()).rows.length, 1);
    // That of the client is outside.
    t.is((await select.execute()).rows.length, 0);
  });
  await client.reconnect();
  t.is((await select.execute()).rows.length, 1);
});

test("nothing is sent before its first call, whose error is that of its SQL", async (t) => {
  const client = await opened(t);
  const wrong = client.prepare("selec 1");
  await t.throwsAsync(wrong.execute(), { message: /syntax error/ });
  await t.throwsAsync(wrong.describe(), { message: /syntax error/ });
  await t.throwsAsync(wrong.executeMany([[]]), { message: /syntax error/ });
  t.throws(() => client.prepare(unchecked<string>(7)), { instanceOf: TypeError });
});

test("after close() it is closed, and after that of its client or transaction, too", async (t) => {
  const client = await opened(t);
  const statement = client.prepare("select 1");
  const running = statement.execute();
  statement.close();
  statement.close();
  t.is((await running).rows.length, 1);
  const calls = [
    () => statement.execute(),
    () => statement.get(),
    () => statement.executeMany([]),
    () => statement.describe(),
  ];
  for (const call of calls) await t.throwsAsync(call, { code: "STATEMENT_CLOSED" });
  t.throws(() => statement.iterate(), { code: "STATEMENT_CLOSED" });
  const transaction = await client.transaction("read");
  const inside = transaction.prepare("select 1");
  await inside.execute();
  await transaction.rollback();
  await t.throwsAsync(inside.execute(), { code: "TRANSACTION_CLOSED" });
  await t.throwsAsync(inside.executeMany([[]]), { code: "TRANSACTION_CLOSED" });
  const other = client.prepare("select 1");
  client.close();
  await t.throwsAsync(other.execute(), { code: "CLIENT_CLOSED" });
  await t.throwsAsync(other.executeMany([[]]), { code: "CLIENT_CLOSED" });
  await t.throwsAsync(other.describe(), { code: "CLIENT_CLOSED" });
});

test("describe() tells columns and parameters", async (t) => {
  const client = await opened(t);
  const statement = client.prepare("select t.a as x, id + 1 from t where id = ?2 and a = :b");
  t.deepEqual(await statement.describe(), {
    columns: [
      { name: "x", declaredType: null, database: "main", table: "t", column: "a" },
      { name: "id + 1", declaredType: null, database: null, table: null, column: null },
    ],
    parameters: [null, "?2", ":b"],
    readOnly: true,
  });
  t.false((await client.prepare(insert).describe()).readOnly);
  await client.prepare("pragma user_version = 7").describe();
  t.is(await selectValue(client, "pragma user_version"), 0);
  const objects = await openClient(t, { rowMode: "object", intMode: "bigint" });
  t.is((await objects.prepare("select 1 as a").describe()).columns[0]?.name, "a");
});

for (const [kind, open] of Object.entries({
  "a file": opened,
  async memory(t: ExecutionContext) {
    const client = openUrl(t, ":memory:");
    await client.execute("create table t (id integer primary key, a)");
    return client;
  },
})) {
  test(`${kind}: executeMany() takes lists as they come, in one transaction`, async (t) => {
    const client = await open(t);
    const statement = client.prepare(insert);
    t.deepEqual(await statement.executeMany([]), { rowsAffected: 0 });
    t.deepEqual(await statement.executeMany(lists(2500)), { rowsAffected: 2500 });
    t.is(
      await selectValue(client, "select sum(id) from t where a = 'row ' || id"),
      (2500 * 2501) / 2,
    );
    // The source changes the list that it has given.
    const list = [0, ""] as [number, string];
    async function* source(): AsyncGenerator<InArgs> {
      for (let i = 3001; i <= 5000; i++) {
        list[0] = i;
        list[1] = `row ${i}`;
        yield list;
        if (i === 4000)
          t.is(await selectValue(client, "select count(*) from t").catch(() => 2500), 2500);
      }
    }
    t.deepEqual(await statement.executeMany(source()), { rowsAffected: 2000 });
    t.is(await selectValue(client, "select count(*) from t where a = 'row ' || id"), 4500);
    const update = client.prepare("update t set a = :a where id <= :most returning id");
    const named: InArgs[] = [
      { a: "x", most: 3 },
      { ":a": "y", "@most": 2 },
    ];
    t.deepEqual(await update.executeMany(named), { rowsAffected: 5 });
    t.deepEqual(await selectColumn(client, "select a from t where id <= 3"), ["y", "y", "x"]);
    // The rows of RETURNING are nobody's, and later ones have their columns.
    t.deepEqual((await update.execute({ a: "z", most: 1 })).columns, ["id"]);
  });

  test(`${kind}: one list that fails undoes all, and is named`, async (t) => {
    const client = await open(t);
    const statement = client.prepare(insert);
    const given = [...lists(3000), [2500, "again"]];
    let returned = false;
    function* source(): Generator<InArgs> {
      try {
        yield* given;
        for (let i = 4000; ; i++) yield [i, null];
      } finally {
        returned = true;
      }
    }
    const error = await t.throwsAsync(statement.executeMany(source()), {
      name: "LibsqlBatchError",
      message: /UNIQUE constraint failed/,
    });
    t.is((error as Error & { statementIndex?: number }).statementIndex, 3000);
    t.true(returned);
    t.is(await selectValue(client, "select count(*) from t"), 0);
    const thrown = new Error("of the source");
    function* throwing(): Generator<InArgs> {
      yield* lists(1500);
      throw thrown;
    }
    await t.throwsAsync(statement.executeMany(throwing()), { is: thrown });
    await t.throwsAsync(statement.executeMany([[1, undefined] as unknown as InArgs]), {
      instanceOf: TypeError,
    });
    await t.throwsAsync(statement.executeMany(unchecked<Iterable<InArgs>>(5)), {
      instanceOf: TypeError,
    });
    t.is(await selectValue(client, "select count(*) from t"), 0);
    t.is(client.stats().transactions.open, 0);
  });
}

test("executeMany() of a transaction is a savepoint", async (t) => {
  const client = await opened(t);
  await client.transaction(async (transaction) => {
    await transaction.execute("insert into t values (1, 'first')");
    const statement = transaction.prepare(insert);
    await t.throwsAsync(
      statement.executeMany([
        [2, "x"],
        [1, "y"],
      ]),
      { message: /UNIQUE/ },
    );
    t.is(await selectValue(transaction, "select count(*) from t"), 1);
    await statement.executeMany([[2, "x"]]);
    await transaction.transaction(async (inner) => {
      await inner
        .prepare(insert)
        .executeMany(lists(5))
        .catch(() => undefined);
      await inner.prepare(insert).executeMany([[9, "z"]]);
    });
  });
  t.deepEqual(await selectColumn(client, "select id from t"), [1, 2, 9]);
});

test("an abort ends it, also while the source gives nothing", async (t) => {
  const client = await opened(t);
  const controller = new AbortController();
  const reason = new Error("enough");
  async function* waiting(): AsyncGenerator<InArgs> {
    yield* lists(1200);
    controller.abort(reason);
    await new Promise(() => undefined);
  }
  const statement = client.prepare(insert);
  await t.throwsAsync(statement.executeMany(waiting(), { signal: controller.signal }), {
    is: reason,
  });
  t.is(await selectValue(client, "select count(*) from t"), 0);
  await statement.executeMany(lists(3));
  t.is(await selectValue(client, "select count(*) from t"), 3);
});

test("the source is read no further than one request ahead", async (t) => {
  const client = await opened(t);
  let read = 0;
  let seen = 0;
  async function* source(): AsyncGenerator<InArgs> {
    for (const list of lists(10_000)) {
      read++;
      yield list;
    }
  }
  const blocked = await client.transaction("write");
  const running = client.prepare(insert).executeMany(source());
  await new Promise(setImmediate);
  // The transaction of the call waits for its turn to write.
  seen = read;
  await blocked.rollback();
  await running;
  t.true(seen <= 2000, `${seen}`);
  t.is(read, 10_000);
});

/** How many texts; 100,000 take a minute. */
const TEXTS = Number(process.env["TEXTS"] ?? 5000);

test("many different texts, and one that is used all the time", async (t) => {
  const client = await opened(t);
  const often = client.prepare("select 7 as a");
  for (let i = 0; i < TEXTS; i += 1000) {
    const texts = Array.from({ length: 1000 }, (_, j) => client.prepare(`select ${i + j} as a`));
    const found = await Promise.all(texts.map(async (text) => (await text.get())?.["a"]));
    t.deepEqual(
      found,
      texts.map((_, j) => i + j),
    );
    t.is((await often.get())?.["a"], 7);
  }
});
