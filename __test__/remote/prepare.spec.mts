/** On a server: prepared statements, many lists of arguments, rows one after the other. */
import test from "ava";
import type { InArgs } from "latchdb";
import { hasServer, protocols } from "../support/sqld.mjs";
import { sharedServer } from "./servers.mjs";

const shared = sharedServer(test);

function* lists(count: number): Generator<InArgs> {
  for (let i = 1; i <= count; i++) yield [i];
}

for (const protocol of protocols) {
  test(`${protocol}: a prepared statement runs, and takes many lists`, async (t) => {
    if (!hasServer(t)) return;
    const { client, table } = await shared.withTable(t, protocol);
    const insert = client.prepare(`insert into ${table} (a) values (?)`);
    t.deepEqual(await insert.executeMany(lists(700)), { rowsAffected: 700 });
    const select = client.prepare<{ a: number }>(
      `select a from ${table} where a >= :least order by a`,
    );
    t.is((await select.get({ least: 5 }))?.a, 5);
    const found = [];
    for await (const { a } of select.iterate({ least: 699 })) found.push(a);
    t.deepEqual(found, [699, 700]);
    const error = await t.throwsAsync(insert.executeMany([[701], ...lists(1)]), {
      name: "LibsqlBatchError",
      code: "SQLITE_CONSTRAINT",
    });
    t.is((error as Error & { statementIndex?: number }).statementIndex, 1);
    const beyond = Array.from({ length: 300 }, (_, i): InArgs => [1000 + i]);
    const later = await t.throwsAsync(insert.executeMany([...beyond, [1]]), {
      code: "SQLITE_CONSTRAINT",
    });
    t.is((later as Error & { statementIndex?: number }).statementIndex, 300);
    t.is(await select.get({ least: 701 }), undefined);
    const description = await select.describe();
    t.deepEqual(description.parameters, [":least"]);
    t.is(description.columns[0]?.name, "a");
    t.true(description.readOnly);
    select.close();
    await t.throwsAsync(select.execute(), { code: "STATEMENT_CLOSED" });
  });

  test(`${protocol}: in a transaction, and in one inside of it`, async (t) => {
    if (!hasServer(t)) return;
    const { client, table } = await shared.withTable(t, protocol);
    await client.transaction(async (transaction) => {
      const insert = transaction.prepare(`insert into ${table} (a) values (?)`);
      await insert.executeMany(lists(3));
      await t.throwsAsync(insert.executeMany([[4], [1]]), { code: "SQLITE_CONSTRAINT" });
      const sums = [];
      for await (const row of transaction.iterate(`select sum(a) as n from ${table}`))
        sums.push(row["n"]);
      t.deepEqual(sums, [6]);
      const escaped = await transaction.transaction(async (inner) => {
        const iterator = inner.iterate(`select a from ${table}`);
        t.is((await iterator.next()).value?.["a"], 1);
        t.is((await inner.prepare(`select a from ${table}`).describe()).columns.length, 1);
        return iterator;
      });
      await t.throwsAsync(escaped.next(), { code: "TRANSACTION_CLOSED" });
    });
    const rows = client.iterate(`select 1`);
    client.close();
    await t.throwsAsync(rows.next(), { code: "CLIENT_CLOSED" });
  });
}
