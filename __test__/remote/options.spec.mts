/** On a server: options of statements, and converters. */
import test from "ava";
import { createClient } from "latchdb";
import type { LatchConfig, LatchClient, RowMode } from "latchdb";
import { hasServer, protocols } from "../support/sqld.mjs";
import { sharedServer } from "./servers.mjs";

const shared = sharedServer(test);

for (const protocol of protocols) {
  test(`${protocol}: the rows of a statement`, async (t) => {
    if (!hasServer(t)) return;
    const client = shared.open(t, protocol);
    const sql = "select 1 as a, 'x' as b, 2 as a";
    const expected: Partial<Record<RowMode, unknown>> = {
      object: { a: 1, b: "x" },
      array: [1, "x", 2],
      pluck: 1,
    };
    for (const [mode, row] of Object.entries(expected)) {
      const statement = { sql, rowMode: mode as "array" };
      t.deepEqual((await client.execute(statement)).rows, [row] as never);
      t.deepEqual(await client.get(statement), row as never);
      const results = await client.batch([sql, statement, { sql: "select 5", rowMode: "pluck" }]);
      t.is(results[0]?.rows[0]?.[2], 2);
      t.deepEqual(results[1]?.rows, [row] as never);
      t.deepEqual(results[2]?.rows, [5] as never);
      for await (const found of client.iterate(statement)) t.deepEqual(found, row as never);
      await client.transaction(async (tx) => {
        t.deepEqual(await tx.get(statement), row as never);
        const [result] = await tx.batch([statement]);
        t.deepEqual(result?.rows, [row] as never);
        await tx.transaction(async (inner) =>
          t.deepEqual(await inner.get(statement), row as never),
        );
      });
      const url = shared.url(protocol);
      const other = createClient({ url, rowMode: mode } as LatchConfig) as LatchClient;
      t.teardown(() => other.close());
      t.deepEqual((await other.execute(sql)).rows, [row] as never);
    }
    const big = { sql: "select 9007199254740993", rowMode: "pluck" } as const;
    t.is(await client.get({ ...big, intMode: "bigint" }), 9007199254740993n);
    t.is(await client.get({ ...big, intMode: "string" }), "9007199254740993");
    await t.throwsAsync(client.get(big), { instanceOf: RangeError });
  });

  test(`${protocol}: what a server cannot do is refused before anything is sent`, async (t) => {
    const client = createClient({ url: `${protocol}://localhost:1` });
    t.teardown(() => client.close());
    const code = "OPTION_NOT_SUPPORTED";
    await t.throwsAsync(client.execute({ sql: "select 1", rowMode: "expand" }), { code });
    await t.throwsAsync(client.get({ sql: "select 1", readOnly: true }), { code });
    await t.throwsAsync(client.iterate({ sql: "select 1", readOnly: true }).next(), { code });
    await t.throwsAsync(client.batch([{ sql: "select 1", queryTimeout: 5 }]), { code });
    const none = unavailable();
    for (const options of none) {
      t.throws(() => createClient({ url: `${protocol}://localhost:1`, ...options }), { code });
    }
    await t.throwsAsync(client.execute({ sql: "select 1", rowMode: "rows" as "row" }), {
      instanceOf: TypeError,
    });
  });

  test(`${protocol}: an iterator has the limit of its statement`, async (t) => {
    if (!hasServer(t)) return;
    const client = shared.open(t, protocol);
    const sql =
      "with recursive n (i) as (select 1 union all select i + 1 from n where i < 300000000) select count(*) from n";
    const rows = client.iterate({ sql, queryTimeout: 50 });
    await t.throwsAsync(rows.next(), { code: "SQLITE_INTERRUPT", message: /within 50 ms/ });
  });

  test(`${protocol}: converters`, async (t) => {
    if (!hasServer(t)) return;
    const thrown = new Error("mine");
    const converters = {
      BOOLEAN: Boolean,
      json: (value: string) => JSON.parse(value),
      broken: () => {
        throw thrown;
      },
      text: () => {
        // oxlint-disable-next-line no-throw-literal
        throw "a text";
      },
    };
    const client = shared.open(t, protocol, { converters });
    const table = `converted_${protocol}`;
    await client.executeMultiple(
      `create table ${table} (id integer, done boolean, doc json, bad broken, worse text);
       insert into ${table} values (1, 0, '{"a":1}', null, null), (2, null, null, 5, null)`,
    );
    const good = {
      sql: `select id, done, doc, bad from ${table} where id = 1`,
      rowMode: "array",
    } as const;
    t.deepEqual(await client.get<unknown[]>(good), [1, false, { a: 1 }, null]);
    const bad = `select bad from ${table}`;
    const reasonOf = (call: Promise<unknown>): Promise<unknown> =>
      call.then(
        () => undefined,
        (error: unknown) => error,
      );
    t.is(await reasonOf(client.execute(bad)), thrown);
    t.is(await reasonOf(client.batch([bad])), thrown);
    await client.transaction(async (tx) => {
      await tx.execute(`insert into ${table} (id) values (3)`);
      t.is(await reasonOf(tx.execute(bad)), thrown);
    });
    t.is(await client.get({ sql: `select count(*) from ${table}`, rowMode: "pluck" }), 3);
    const insert = `insert into ${table} (id, bad) values (4, 4) returning bad`;
    t.is(await reasonOf(client.execute(insert)), thrown);
    t.true((thrown as { committed?: boolean }).committed);
    const text = `insert into ${table} (worse) values ('x') returning worse`;
    t.is(await reasonOf(client.execute(text)), "a text");
  });
}

function unavailable(): object[] {
  return [
    { readOnly: true },
    { fileMustExist: true },
    { rowMode: "expand" },
    { limits: { length: 5 } },
    { data: new Uint8Array() },
  ];
}
