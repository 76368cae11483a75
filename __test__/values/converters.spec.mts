/** `converters`: what values of declared types become. */
import test from "ava";
import type { Row, RowMode } from "latchdb";
import { createClient } from "latchdb";
import { openClient, temporaryDatabase } from "../support/database.mjs";
import { unchecked } from "../support/unchecked.mjs";

const schema =
  "create table t (id integer primary key, done BOOLEAN, doc json, made date, plain);" +
  `insert into t values (1, 1, '{"a":[1]}', 0, 'x'), (2, 0, null, null, null)`;
const converters = {
  boolean: Boolean,
  JSON: JSON.parse,
  Date: (value: number) => new Date(value),
};

for (const execution of ["auto", "thread"] as const) {
  test(`by declared type, in upper or lower case, in every mode (${execution})`, async (t) => {
    const client = await openClient(t, { converters, execution });
    await client.executeMultiple(schema);
    const values = [1, true, { a: [1] }, new Date(0), "x"];
    const names = ["id", "done", "doc", "made", "plain"];
    const row = Object.fromEntries(names.map((name, i) => [name, values[i]]));
    const sql = "select * from t where id = 1";
    for (let run = 0; run < 5; run++) {
      t.deepEqual({ ...(await client.get(sql)) }, row as unknown as Row);
      t.deepEqual(await client.get<unknown>({ sql, rowMode: "object" }), row);
      t.deepEqual(await client.get<unknown>({ sql, rowMode: "array" }), values);
      t.deepEqual(await client.get<unknown>({ sql, rowMode: "expand" }), { t: row });
      t.is(await client.get<unknown>({ sql: "select done from t", rowMode: "pluck" }), true);
    }
    const [first, second] = await client.batch([sql, "select * from t where id = 2"]);
    t.deepEqual({ ...first?.rows[0] }, row as never);
    t.deepEqual({ ...second?.rows[0] }, {
      id: 2,
      done: false,
      doc: null,
      made: null,
      plain: null,
    } as never);
    for await (const found of client.iterate(sql)) t.deepEqual({ ...found }, row as never);
    await client.transaction(async (tx) => t.deepEqual({ ...(await tx.get(sql)) }, row as never));
    // An expression has no declared type.
    t.is(
      await client.get<unknown>({ sql: "select +done from t where id = 1", rowMode: "pluck" }),
      1,
    );
  });
}

test("they are asked for what is handed on, with the integers of the statement", async (t) => {
  const asked: unknown[] = [];
  const note = (value: unknown): unknown => (asked.push(value), value);
  const client = await openClient(t, { converters: { integer: note, boolean: note } });
  await client.executeMultiple(schema);
  await client.execute({ sql: "select id, done from t where id = 1", rowMode: "pluck" });
  await client.execute({ sql: "select made, done from t where id = 1", rowMode: "pluck" });
  await client.execute({ sql: "select id from t where id = 1", intMode: "bigint" });
  await client.execute("select id from t where id = 3");
  await client.execute("insert into t (id, done) values (5, 6)");
  t.deepEqual(asked, [1, 1n]);
});

test("what one throws is the error of the call, and nothing else breaks", async (t) => {
  for (const execution of ["auto", "thread"] as const) {
    const { open } = await temporaryDatabase(t);
    const thrown = new RangeError("mine");
    const client = open({
      execution,
      converters: {
        json: () => {
          throw thrown;
        },
        date: () => {
          // oxlint-disable-next-line no-throw-literal
          throw "text";
        },
      },
    });
    await client.executeMultiple(schema);
    const sql = "select * from t";
    const failsWith = async (call: Promise<unknown>, expected: unknown): Promise<void> => {
      const reason = await call.then(
        () => "nothing",
        (error: unknown) => error,
      );
      t.is(reason, expected);
    };
    for (let run = 0; run < 5; run++) {
      await failsWith(client.execute(sql), thrown);
      await failsWith(client.execute({ sql: "select made from t" }), "text");
    }
    await failsWith(client.get(sql), thrown);
    await failsWith(client.batch([sql]), thrown);
    await failsWith(client.iterate(sql).next(), thrown);
    t.false("committed" in thrown);
    await client.transaction(async (tx) => {
      await tx.execute("insert into t (id) values (10)");
      await failsWith(tx.execute(sql), thrown);
      await failsWith(tx.execute("insert into t (id, doc) values (11, 'x') returning doc"), thrown);
    });
    t.false("committed" in thrown);
    const ids = async (): Promise<unknown[]> =>
      (await client.execute({ sql: "select id from t", rowMode: "pluck" })).rows;
    t.deepEqual(await ids(), [1, 2, 10, 11]);
    // The row is in the file.
    await failsWith(
      client.execute("insert into t (id, doc) values (12, 'x') returning doc"),
      thrown,
    );
    t.true((thrown as { committed?: boolean }).committed);
    t.deepEqual(await ids(), [1, 2, 10, 11, 12]);
    await client.execute("delete from t where id = 12");
  }
});

test("a converter may call the client, and close it", async (t) => {
  for (const execution of ["auto", "thread"] as const) {
    const { open } = await temporaryDatabase(t);
    const inner: Promise<unknown>[] = [];
    const client = open({
      execution,
      converters: {
        boolean: (value) => {
          const sql = `select ${Number(value) + 40} as a, 'a text that is not short' as b`;
          inner.push(client.execute({ sql, rowMode: "array" }).then(({ rows }) => rows[0]));
          return value;
        },
        date: () => client.close(),
      },
    });
    await client.executeMultiple(schema);
    for (let run = 0; run < 10; run++) {
      const { rows } = await client.execute("select id, done, plain from t where id = 1");
      t.deepEqual({ ...rows[0] }, { id: 1, done: 1, plain: "x" } as never);
    }
    const text = "a text that is not short";
    t.deepEqual(
      await Promise.all(inner),
      inner.map(() => [41, text]),
    );
    t.is((await client.execute("select id, made from t where id = 1")).rows.length, 1);
    t.true(client.closed);
  }
});

test("many rows, and columns whose names repeat", async (t) => {
  const client = await openClient(t, { converters: { double: (value: number) => -value } });
  await client.execute("create table t (a integer, b double)");
  await client.execute("insert into t select value, value from generate_series(1, 3000)");
  const modes: readonly RowMode[] = ["row", "object", "array"];
  for (const rowMode of modes) {
    const { rows } = await client.execute({ sql: "select b, a, b as a from t", rowMode });
    const [first, second] = rowMode === "array" ? [0, 1] : ["b", "a"];
    t.true(
      rows.every((row, i) => {
        const values = row as Record<string | number, unknown>;
        return values[first as string] === -(i + 1) && values[second as string] === i + 1;
      }),
    );
  }
});

test("functions by the names of types, or a TypeError", (t) => {
  const open =
    (value: unknown): (() => void) =>
    () =>
      createClient({
        url: ":memory:",
        converters: unchecked<Record<string, never>>(value),
      }).close();
  t.throws(open({ json: 5 }), {
    instanceOf: TypeError,
    message: /^the converter for "json" must be a function, got 5$/,
  });
  t.throws(open("json"), { instanceOf: TypeError, message: /^converters must be an object/ });
  for (const none of [undefined, null, {}, { json: undefined }]) t.notThrows(open(none));
});
