/** Writes that are committed together have the results and the effect that they have alone. */
import { deepStrictEqual } from "node:assert";
import test, { type ExecutionContext } from "ava";
import fc from "fast-check";
import { LibsqlError, type LocalClient } from "latchdb";
import {
  openUrl,
  selectColumn,
  selectValue,
  type TemporaryDatabase,
} from "../support/database.mjs";
import { journalModes } from "../support/queries.mjs";
import { kinds, prepared, readAll } from "./support.mjs";

/** How a call ends, as far as it does not depend on what runs beside it. */
async function endOf(call: Promise<unknown>): Promise<unknown> {
  try {
    const { rows, rowsAffected, lastInsertRowid, columns } = (await call) as Awaited<
      ReturnType<LocalClient["execute"]>
    >;
    const values = rows.map((row) => Array.from(row as ArrayLike<unknown>));
    return { values, rowsAffected, lastInsertRowid, columns };
  } catch (error) {
    if (!(error instanceof LibsqlError)) throw error;
    const { code, extendedCode, message } = error;
    return { code, extendedCode, message, committed: (error as { committed?: true }).committed };
  }
}

const runs = Number(process.env["LATCHDB_GROUP_RUNS"] ?? 15);

for (const mode of journalModes) {
  test(`writes end as they do alone (${mode})`, async (t) => {
    let shared = 0;
    const write = fc.record({ kind: fc.nat(kinds.length - 1), number: fc.nat(60) });
    // Some calls are made together, and some after the ones before have ended.
    const rounds = fc.array(fc.array(write, { minLength: 1, maxLength: 40 }), {
      minLength: 1,
      maxLength: 8,
    });
    const play = async (client: LocalClient, chosen: fc.RandomType[]): Promise<unknown[]> => {
      const ends: unknown[] = [];
      // The client gets to know the statements.
      for (const kind of kinds) ends.push(await endOf(client.execute(kind(1000))));
      for (const round of chosen as unknown as Array<Array<{ kind: number; number: number }>>) {
        const calls = round.map(({ kind, number }) => {
          const make = kinds[kind];
          if (make === undefined) throw new Error("no such kind");
          return endOf(client.execute(make(number)));
        });
        ends.push(...(await Promise.all(calls)));
      }
      return [...ends, await readAll(client)];
    };
    await fc.assert(
      fc.asyncProperty(rounds, async (chosen) => {
        const played = [];
        for (const groupCommit of [true, false]) {
          const { client } = await prepared(t, mode, { groupCommit });
          played.push(await play(client, chosen as never));
          if (groupCommit) shared += client.stats().groupCommits.calls;
          else t.is(client.stats().groupCommits.calls, 0);
          client.close();
        }
        deepStrictEqual(played[0], played[1]);
      }),
      { numRuns: runs },
    );
    t.true(shared > runs, `only ${shared} calls have shared a commit`);
  });

  test(`16 writers share their commits, and each gets its own result (${mode})`, async (t) => {
    const { client } = await prepared(t, mode);
    const sql = "insert into log (what) values (?) returning at, what";
    await client.execute({ sql, args: ["first"] });
    const ids = new Set<unknown>();
    await Promise.all(
      Array.from({ length: 16 }, async (_, writer) => {
        for (let i = 0; i < 25; i++) {
          const what = `${writer} ${i}`;
          const { rows, rowsAffected, lastInsertRowid } = await client.execute({
            sql,
            args: [what],
          });
          t.is(rows[0]?.["what"], what);
          t.is(rowsAffected, 1);
          t.is(Number(lastInsertRowid), Number(rows[0]?.["at"]));
          ids.add(rows[0]?.["at"]);
        }
      }),
    );
    t.is(ids.size, 400);
    const { commits, calls } = client.stats().groupCommits;
    t.true(commits > 0 && calls > 200, `${commits} commits of ${calls} calls`);
    t.is(await selectValue(client, "select count(*) from log"), 401);
  });
}

/** Makes calls while another client has the write lock: all of them wait behind each other. */
async function together<T>(
  t: ExecutionContext,
  database: TemporaryDatabase,
  make: () => Array<Promise<T>>,
): Promise<T[]> {
  const holder = openUrl(t, database.url);
  const holding = await holder.transaction("write");
  const calls = Promise.all(make());
  await holding.rollback();
  holder.close();
  return calls;
}

test("what was undone and has run again is counted once", async (t) => {
  const counts: unknown[] = [];
  for (const groupCommit of [true, false]) {
    const { client, database } = await prepared(t, "delete", { groupCommit, timeout: 60_000 });
    const [log, fails, rollsBack] = [
      "insert into log (what) values (?)",
      "insert or fail into t (a) values (?), (?), (?)",
      "insert or rollback into t (a) values (?)",
    ];
    const run = (sql: string, ...args: number[]): Promise<unknown> =>
      endOf(client.execute({ sql, args }));
    for (let i = 0; i < 3; i++) {
      await run(log, i);
      await run(fails, 3 * i, 3 * i + 1, 3 * i + 2);
      await run(rollsBack, 100 + i);
    }
    const told = "select total_changes(), last_insert_rowid()";
    const logged = (): Array<Promise<unknown>> => [run(log, 1), run(log, 2), run(log, 3)];
    const ends: unknown[] = [];
    ends.push(await together(t, database, () => [...logged(), run(fails, 50, 51, 0)]));
    ends.push(await run(told));
    ends.push(await together(t, database, () => [...logged(), run(rollsBack, 100)]));
    ends.push(await run(told));
    counts.push(ends);
    t.is(client.stats().groupCommits.calls > 0, groupCommit);
  }
  t.deepEqual(counts[0], counts[1]);
});

test("PRAGMA defer_foreign_keys holds for the next call, and not for those behind it", async (t) => {
  const ends: unknown[] = [];
  for (const groupCommit of [true, false]) {
    const { client, database } = await prepared(t, "wal", { groupCommit, timeout: 60_000 });
    const run = (sql: string, ...args: number[]): Promise<unknown> =>
      endOf(client.execute({ sql, args }));
    const log = "insert into log (what) values (?)";
    const child = "insert into strict_child (parent) values (?)";
    await run("insert into parent values (1)");
    for (let i = 0; i < 4; i++) {
      await run(log, i);
      await run(child, 1);
    }
    const calls = await together(t, database, () => [
      run(log, 4),
      run("pragma defer_foreign_keys = on"),
      ...[5, 6, 7, 8].map((n) => run(log, n)),
      run(child, 2),
    ]);
    // Where the check is deferred, the row that is refused has become the last one.
    ends.push([calls, await run("select last_insert_rowid()")]);
    t.is(client.stats().groupCommits.calls > 0, groupCommit);
  }
  t.deepEqual(ends[0], ends[1]);
});

test("rows that are too many for one answer are not sent before they are committed", async (t) => {
  const { client } = await prepared(t, "delete");
  const sql = "update log set what = what || ? returning what";
  const row = "x".repeat(3000);
  await client.execute({ sql: "insert into log (what) values (?)", args: ["a"] });
  await client.execute({ sql, args: [""] });
  await client.execute({ sql, args: [""] });
  await client.execute(
    `insert into log (what) select '${row}' from (select 1 from pragma_function_list limit 50)`,
  );
  const results = await Promise.all(
    Array.from({ length: 10 }, (_, i) => client.execute({ sql, args: [`${i}`] })),
  );
  const count = Number(await selectValue(client, "select count(*) from log"));
  for (const [i, { rows }] of results.entries()) {
    t.is(rows.length, count);
    const added = Array.from({ length: i + 1 }, (_, j) => j).join("");
    for (const { what } of rows) t.true(String(what).endsWith(added));
  }
});

test("without `groupCommit`, and where a commit does not wait for the disk, each commits alone", async (t) => {
  const write = async (client: LocalClient): Promise<number> => {
    const sql = "insert into log (what) values (1)";
    for (let i = 0; i < 3; i++) await client.execute(sql);
    for (let i = 0; i < 5; i++) {
      await Promise.all(Array.from({ length: 20 }, () => client.execute(sql)));
    }
    return client.stats().groupCommits.calls;
  };
  const { client, database } = await prepared(t, "wal");
  t.true((await write(client)) > 0);
  const without = openUrl(t, database.url, { groupCommit: false });
  await without.execute("pragma synchronous = full");
  t.is(await write(without), 0);
  const quick = openUrl(t, database.url);
  await quick.execute("pragma synchronous = normal");
  t.is(await write(quick), 0);
});

test("another connection sees a group as a whole, and in the order of the calls", async (t) => {
  const { client, database } = await prepared(t, "wal");
  const observer = openUrl(t, database.url);
  const sql = "insert into log (what) values (?)";
  await client.execute({ sql, args: [-1] });
  await client.execute({ sql, args: [-1] });
  const seen: number[] = [];
  const writing = { isOver: false };
  const observing = (async () => {
    while (!writing.isOver) {
      const found = await selectColumn(
        observer,
        "select what from log where what >= 0 order by at",
      );
      t.deepEqual(
        found,
        Array.from({ length: found.length }, (_, i) => i),
      );
      t.true(found.length >= Number(seen.at(-1) ?? 0));
      seen.push(found.length);
    }
  })();
  let next = 0;
  for (let round = 0; round < 20; round++) {
    await Promise.all(
      Array.from({ length: 30 }, async () => {
        const args = [next++];
        await client.execute({ sql, args });
      }),
    );
  }
  writing.isOver = true;
  await observing;
  t.true(client.stats().groupCommits.calls > 0);
  t.is(await selectValue(observer, "select count(*) from log where what >= 0"), 600);
});
