/** `data`: a database in memory that begins with the content of a file. */
import { readFile } from "node:fs/promises";
import test from "ava";
import { createClient } from "latchdb";
import type { LatchConfig, LocalClient } from "latchdb";
import type { ExecutionContext } from "ava";
import { selectColumn, selectValue, temporaryDatabase } from "../support/database.mjs";
import { journalModes, prepare } from "../support/queries.mjs";
import { unchecked } from "../support/unchecked.mjs";

function inMemory(t: ExecutionContext, data: LatchConfig["data"]): LocalClient {
  const client = createClient({ url: ":memory:", data });
  t.teardown(() => client.close());
  return client;
}

for (const mode of journalModes) {
  test(`the content of a file in journal mode ${mode}`, async (t) => {
    const { file, open } = await temporaryDatabase(t);
    const source = open();
    await prepare(source, mode);
    await source.execute("insert into t select value from generate_series(1, 5000)");
    if (mode === "wal") await source.execute("pragma wal_checkpoint(truncate)");
    const data = await readFile(file);
    const before = Buffer.from(data);
    const client = inMemory(t, data);
    t.deepEqual(data, before);
    // Nothing of it is read later.
    data.fill(0);
    t.is(await selectValue(client, "select count(*) from t"), 5_000);
    for (let run = 0; run < 10; run++) await client.execute("insert into t values (?)", [run]);
    await client.transaction((tx) => tx.execute("insert into t select a from t"));
    await client.executeMultiple("create index i on t (a); vacuum");
    t.is(await selectValue(client, "select count(*) from t"), 10_020);
    t.deepEqual(await selectColumn(client, "pragma integrity_check"), ["ok"]);
    t.is(await selectValue(source, "select count(*) from t"), 5_000);
  });
}

test("buffers and views, and again after reconnect()", async (t) => {
  const { file, open } = await temporaryDatabase(t);
  await open().execute("create table t (a)");
  const bytes = new Uint8Array(await readFile(file));
  const padded = new Uint8Array(bytes.length + 20);
  padded.set(bytes, 10);
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  const forms = [bytes, bytes.buffer, new DataView(padded.buffer, 10, bytes.length), shared];
  for (const data of forms) {
    const client = inMemory(t, data);
    await client.execute("insert into t values (1)");
    t.is(await selectValue(client, "select count(*) from t"), 1);
    // The caller's bytes are the caller's.
    const copy = new Uint8Array(bytes);
    bytes.fill(0);
    await client.reconnect();
    t.is(await selectValue(client, "select count(*) from t"), 0);
    bytes.set(copy);
  }
});

test("no bytes are an empty database, and what is no database is an error", async (t) => {
  const client = inMemory(t, new Uint8Array());
  await client.execute("create table t (a)");
  t.is(await selectValue(client, "select count(*) from t"), 0);
  for (const text of ["no", "x".repeat(18), "x".repeat(19), "x".repeat(5000)]) {
    t.throws(() => createClient({ url: ":memory:", data: Buffer.from(text) }), {
      code: "SQLITE_NOTADB",
    });
  }
});

test("only for a database in memory, of one client", async (t) => {
  const { url } = await temporaryDatabase(t);
  const data = new Uint8Array();
  const refused = { instanceOf: TypeError, message: /^data (is for|must be)/ };
  t.throws(() => createClient({ url, data }), refused);
  t.throws(() => createClient({ url: "file::memory:?cache=shared", data }), refused);
  for (const value of ["bytes", 5, [], {}]) {
    t.throws(() => createClient({ url: ":memory:", data: unchecked<ArrayBuffer>(value) }), refused);
  }
});
