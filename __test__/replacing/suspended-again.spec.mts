/** How a client is after a suspension: on the new file, with all that it was told. */
import { rename, rm, writeFile } from "node:fs/promises";
import test from "ava";
import { LibsqlError } from "latchdb";
import { selectColumn, selectRow, selectValue, temporaryDatabase } from "../support/database.mjs";
import { hasProc } from "../support/open-files.mjs";
import { lockElsewhere, reportOf } from "../support/processes.mjs";
import { journalModes } from "../support/queries.mjs";
import { barrier, replace, replaceBy, suspendable } from "../support/suspension.mjs";

const settings = {
  foreign_keys: 0,
  cache_size: -4321,
  synchronous: 1,
  recursive_triggers: 1,
  busy_timeout: 321,
} as const;

for (const mode of journalModes) {
  test(`settings hold on every connection afterwards (${mode})`, async (t) => {
    const { file } = await temporaryDatabase(t);
    const { client, suspended } = await suspendable(t, file, mode, { intMode: "bigint" });
    for (const [name, value] of Object.entries(settings)) {
      await client.execute(`pragma ${name} = ${value}`);
    }
    for (let again = 0; again < 2; again++) {
      await suspended((path) => replaceBy(path, mode, 1));
      const transaction = await client.transaction("deferred");
      for (const [name, value] of Object.entries(settings)) {
        t.is(await selectValue(transaction, `pragma ${name}`), BigInt(value), name);
        t.is(await selectValue(client, `pragma ${name}`), BigInt(value), name);
      }
      await transaction.commit();
      // What belongs to the file is the new one's.
      t.is(await selectValue(client, "pragma journal_mode"), mode);
    }
  });

  test(`statements are prepared anew: other columns, tables and types (${mode})`, async (t) => {
    const { file } = await temporaryDatabase(t);
    const { client, suspended } = await suspendable(t, file, mode);
    await client.execute("insert into t values (1)");
    const columnsOf = async (): Promise<unknown> => {
      const { columns, columnTypes, rows } = await client.execute("select * from t");
      return { columns, columnTypes, row: { ...rows[0] } };
    };
    for (let use = 0; use < 3; use++) {
      t.deepEqual(await columnsOf(), { columns: ["a"], columnTypes: [""], row: { a: 1 } });
    }
    await suspended((path) =>
      replace(path, mode, [
        "create table t (b integer, c text)",
        "insert into t values (2, 'two')",
        "create table u (a)",
      ]),
    );
    for (let use = 0; use < 3; use++) {
      t.deepEqual(await columnsOf(), {
        columns: ["b", "c"],
        columnTypes: ["INTEGER", "TEXT"],
        row: { b: 2, c: "two" },
      });
    }
    await t.throwsAsync(client.execute("select a from t"), { message: /no such column/ });
    t.deepEqual(await selectColumn(client, "select a from u"), []);
    await suspended((path) => replace(path, mode, ["create table t (a)"]));
    await t.throwsAsync(client.execute("select a from u"), { message: /no such table/ });
  });

  test(`200 suspensions leave nothing behind (${mode})`, async (t) => {
    t.timeout(120_000);
    const { file } = await temporaryDatabase(t);
    const report = await reportOf<Record<"descriptors" | "threads" | "megabytes" | "ms", number>>(
      t,
      "suspensions",
      { arguments: [file, mode], runtime: ["--expose-gc"] },
    );
    t.log(`${report.megabytes.toFixed(1)} MB more after 200 suspensions, ${report.ms} ms`);
    if (hasProc) {
      t.is(report.descriptors, 0, "descriptors have grown");
      t.is(report.threads, 0, "threads have grown");
    } else {
      t.log("no /proc on this system: descriptors and threads were not looked at");
    }
    t.true(report.megabytes < 20, `${report.megabytes} MB`);
  });
}

test("the timeout that the client was opened with still holds", async (t) => {
  const { file } = await temporaryDatabase(t);
  const { client, suspended } = await suspendable(t, file, "delete", { timeout: 300 });
  await suspended(() => Promise.resolve());
  t.is(await selectValue(client, "pragma busy_timeout"), 300);
  const lock = await lockElsewhere(t, file, "exclusive");
  const began = performance.now();
  await t.throwsAsync(client.execute("insert into t values (1)"), { code: "SQLITE_BUSY" });
  t.true(performance.now() - began >= 290);
  await lock.release();
});

test("the number of connections stays what it was", async (t) => {
  const { file } = await temporaryDatabase(t);
  const { client, suspended } = await suspendable(t, file, "delete", {
    concurrency: 2,
    timeout: 100,
  });
  await suspended(() => Promise.resolve());
  const first = await client.transaction("read");
  t.is(await selectValue(client, "select 1"), 1);
  const second = await client.transaction("read");
  await t.throwsAsync(client.transaction("read"), { code: "TRANSACTION_ACTIVE" });
  await first.commit();
  await second.commit();
});

test("a file that is missing ends the waiting calls, is not created, and is tried again", async (t) => {
  const { file } = await temporaryDatabase(t);
  const { client, suspended } = await suspendable(t, file);
  await client.execute("insert into t values (1)");
  const missing = { instanceOf: LibsqlError, code: "SQLITE_CANTOPEN" };
  const { passed, pass } = barrier();
  const moved = suspended(async (path) => {
    await passed;
    await rename(path, `${path}.away`);
    return "moved";
  });
  const waiting = [
    client.execute("select 1"),
    client.batch(["select 1"]),
    client.transaction("write"),
    suspended(() => Promise.resolve(t.fail("the action has run"))),
  ];
  pass();
  // What the action has done is done.
  t.is(await moved, "moved");
  for (const call of waiting) {
    const error = await t.throwsAsync<LibsqlError>(call as Promise<never>, missing);
    t.true(error?.message.includes(file));
  }
  await t.throwsAsync(client.execute("select 1"), missing);
  await t.throwsAsync(client.transaction("write"), missing);
  await t.throwsAsync(
    suspended(() => Promise.resolve()),
    missing,
  );
  await t.throwsAsync(writeFile(file, "", { flag: "r+" }), { code: "ENOENT" });
  t.false(client.closed);
  await rename(`${file}.away`, file);
  t.deepEqual(await selectColumn(client, "select a from t"), [1]);
  t.is(await suspended(() => Promise.resolve("again")), "again");
  await suspended((path) => rm(path));
  client.close();
  t.true(client.closed);
  await t.throwsAsync(client.execute("select 1"), { code: "CLIENT_CLOSED" });
});

test("what is no database is opened, and each call says what it is", async (t) => {
  const { file } = await temporaryDatabase(t);
  const { client, suspended } = await suspendable(t, file);
  await suspended((path) => writeFile(path, "no database ".repeat(100)));
  await t.throwsAsync(client.execute("select a from t"), { code: "SQLITE_NOTADB" });
  await suspended((path) => replaceBy(path, "delete", 1));
  t.is((await selectRow(client, "select a from t"))[0], 1);
});
