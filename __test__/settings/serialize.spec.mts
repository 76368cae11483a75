/** `serialize()`: the content of a database, at one moment in the order of the calls. */
import { writeFile } from "node:fs/promises";
import { setImmediate as nextTurn } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import { createClient } from "latchdb";
import type { LocalClient } from "latchdb";
import { selectColumn, selectValue, temporaryDatabase } from "../support/database.mjs";
import { countTo, journalModes, prepare } from "../support/queries.mjs";
import { internal } from "../support/internals.mjs";
import { unchecked } from "../support/unchecked.mjs";

const COUNT = "select count(*) from t";
const FILL = "insert into t select randomblob(100) from generate_series(1, 5000)";

function inMemory(t: ExecutionContext, data?: ArrayBuffer): LocalClient {
  const client = createClient({ url: ":memory:", data });
  t.teardown(() => client.close());
  return client;
}

async function rowsIn(t: ExecutionContext, content: ArrayBuffer): Promise<unknown> {
  const client = inMemory(t, content);
  t.deepEqual(await selectColumn(client, "pragma integrity_check"), ["ok"]);
  return await selectValue(client, COUNT);
}

for (const mode of journalModes) {
  for (const pageSize of [512, 4096, 65536]) {
    test(`a file in journal mode ${mode}, pages of ${pageSize} bytes`, async (t) => {
      const { file, open } = await temporaryDatabase(t);
      const client = open();
      await client.executeMultiple(`pragma page_size = ${pageSize}; vacuum`);
      await prepare(client, mode);
      await client.execute(FILL);
      const content = await client.serialize();
      t.is(content.byteLength, pageSize * Number(await selectValue(client, "pragma page_count")));
      t.is(await rowsIn(t, content), 5_000);
      // A file takes it, too.
      await writeFile(`${file}-copy`, new Uint8Array(content));
      const copy = createClient({ url: `file:${file}-copy` });
      t.teardown(() => copy.close());
      t.is(await selectValue(copy, COUNT), 5_000);
      t.is(await selectValue(copy, "pragma journal_mode"), mode === "wal" ? "wal" : "delete");
    });
  }
}

test("a database in memory, again and again; an empty one has no bytes", async (t) => {
  let client = inMemory(t);
  t.is((await client.serialize()).byteLength, 0);
  client = inMemory(t, await client.serialize());
  await client.execute("create table t (a)");
  for (let rows = 1; rows <= 5; rows++) {
    await client.execute("insert into t values (?)", [rows]);
    client = inMemory(t, await client.serialize());
    t.is(await selectValue(client, COUNT), rows);
  }
});

for (const mode of journalModes) {
  test(`what was called before is in it, and nothing that was called later: ${mode}`, async (t) => {
    const { open } = await temporaryDatabase(t);
    const client = open();
    await prepare(client, mode);
    await client.execute(FILL);
    for (let round = 0; round < 8; round++) {
      const before = client.execute("insert into t values (1)");
      const content = client.serialize();
      const behind = client.batch(["insert into t values (2)", "insert into t values (2)"]);
      await Promise.all([before, behind]);
      t.is(await rowsIn(t, await content), 5_000 + round * 3 + 1, `${round}`);
    }
  });
}

test("other calls run meanwhile", async (t) => {
  const { open } = await temporaryDatabase(t);
  const client = open();
  await prepare(client, "wal");
  for (let i = 0; i < 5; i++) await client.execute(FILL);
  const serializing = { isDone: false };
  const content = client.serialize().finally(() => (serializing.isDone = true));
  let writes = 0;
  for (;;) {
    await client.execute("insert into t values (1)");
    if (serializing.isDone) break;
    writes++;
    await nextTurn();
  }
  t.is(await rowsIn(t, await content), 25_000);
  t.true(writes > 0);
});

test("in an explicit transaction it has what that has written", async (t) => {
  const { open } = await temporaryDatabase(t);
  const client = open();
  await prepare(client, "wal");
  await client.execute("begin");
  await client.execute("insert into t values (1)");
  t.is(await rowsIn(t, await client.serialize()), 1);
  await client.execute("rollback");
  t.is(await rowsIn(t, await client.serialize()), 0);
});

test("attached and TEMP databases are not in it, and options of the client do not change it", async (t) => {
  const { file } = await temporaryDatabase(t);
  const converters = { BLOB: () => t.fail("a page was converted") };
  const client = createClient({ url: `file:${file}`, converters, rowMode: "object", strict: true });
  t.teardown(() => client.close());
  await client.executeMultiple(`
    create table t (a blob); insert into t values (1), (2);
    attach ':memory:' as other; create table other.u (a); create temp table v (a);
  `);
  const copy = inMemory(t, await client.serialize());
  t.deepEqual(await selectColumn(copy, "select name from sqlite_schema"), ["t"]);
  t.is(await selectValue(copy, COUNT), 2);
});

test("a client that only reads has it, too", async (t) => {
  const { file, open } = await temporaryDatabase(t);
  await prepare(open(), "wal");
  const client = createClient({ url: `file:${file}`, readOnly: true });
  t.teardown(() => client.close());
  t.is(await rowsIn(t, await client.serialize()), 0);
});

test("a header that does not tell the number of pages", async (t) => {
  const { file, open } = await temporaryDatabase(t);
  const source = open();
  await prepare(source, "delete");
  await source.execute(FILL);
  const content = await source.serialize();
  // As a file has it that a version of SQLite before 3.7.0 has written last.
  const header = new DataView(content);
  header.setUint32(28, 0xffff_ffff);
  header.setUint32(92, header.getUint32(24) + 1);
  await writeFile(`${file}-old`, new Uint8Array(content));
  const old = createClient({ url: `file:${file}-old` });
  t.teardown(() => old.close());
  const again = await old.serialize();
  t.is(again.byteLength, content.byteLength);
  t.deepEqual(new Uint8Array(again), new Uint8Array(content));
});

test("a database for which there is no memory", (t) => {
  const { contentOf } = internal<{ contentOf(pages: object[]): ArrayBuffer }>(
    "local/serialization",
  );
  const error = t.throws(() => contentOf([{ byteLength: 2 ** 52 }]), { code: "SQLITE_NOMEM" });
  t.regex(
    error?.message ?? "",
    /There is no memory for .*4503599627370496 bytes.*copyDatabase\(\)/,
  );
});

const connections: Array<[title: string, open: (url: string) => Promise<LocalClient>]> = [
  ["memory", async () => createClient({ url: ":memory:" })],
  ["shared memory", async () => createClient({ url: "file::memory:?cache=shared" })],
  ["a temporary database", async () => createClient({ url: "file:" })],
  ["one connection", async (url) => createClient({ url, concurrency: 1 })],
  ["a file", async (url) => createClient({ url })],
  [
    "a pinned client",
    async (url) => {
      const client = createClient({ url });
      await client.execute("create temp table pins (a)");
      return client;
    },
  ],
];

for (const [title, open] of connections) {
  test(`writes behind it have no part in any of its pages: ${title}`, async (t) => {
    const { url } = await temporaryDatabase(t);
    const client = await open(url);
    t.teardown(() => client.close());
    await client.executeMultiple("create table t (id integer primary key, v, b)");
    await client.execute(
      "insert into t select value, 0, randomblob(900) from generate_series(1, 6000)",
    );
    for (let round = 0; round < 5; round++) {
      const content = client.serialize();
      const behind = [
        client.execute("update t set v = v + 1"),
        client.execute("delete from t where id % 100 = ?", [round]),
        client.execute("vacuum"),
      ];
      await Promise.all(behind);
      const copy = inMemory(t, await content);
      t.deepEqual(await selectColumn(copy, "pragma integrity_check"), ["ok"]);
      t.deepEqual(await selectColumn(copy, "select distinct v from t"), [round]);
      t.is(await selectValue(copy, COUNT), 6_000 - round * 60);
    }
    // An explicit transaction that ends behind it.
    for (const end of ["commit", "rollback"]) {
      const [begin, content] = [client.execute("begin"), client.serialize()];
      const behind = [client.execute("update t set v = -1"), client.execute(end)];
      await Promise.all([begin, ...behind]);
      const copy = inMemory(t, await content);
      const expected = end === "commit" ? [5] : [-1];
      t.deepEqual(await selectColumn(copy, "select distinct v from t"), expected);
    }
  });
}

test("an abort and close() end it, and a closed client has none", async (t) => {
  const { open } = await temporaryDatabase(t);
  const client = open();
  await prepare(client, "wal");
  for (let i = 0; i < 5; i++) await client.execute(FILL);
  const reason = new Error("enough");
  const controller = new AbortController();
  const aborted = client.serialize({ signal: controller.signal });
  await nextTurn();
  controller.abort(reason);
  t.is(await t.throwsAsync(aborted), reason);
  t.is(await t.throwsAsync(client.serialize({ signal: AbortSignal.abort(reason) })), reason);
  await t.throwsAsync(client.serialize({ signal: unchecked<AbortSignal>(5) }), {
    instanceOf: TypeError,
  });
  // It waits behind a call that takes long.
  const before = client.execute(`select (${countTo(100_000_000)})`).catch(() => undefined);
  const closed = client.serialize();
  client.close();
  await t.throwsAsync(closed, { code: "CLIENT_CLOSED" });
  await before;
  await t.throwsAsync(client.serialize(), { code: "CLIENT_CLOSED" });
});
