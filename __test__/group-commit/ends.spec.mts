/** Calls of a group that do not end as the others do: aborted, closed, locked out, without room. */
import test from "ava";
import type { LocalClient } from "latchdb";
import { openUrl, selectColumn, selectValue } from "../support/database.mjs";
import { elapsed } from "../support/elapsed.mjs";
import { lockElsewhere } from "../support/processes.mjs";
import { journalModes } from "../support/queries.mjs";
import { randomNumbers } from "../support/random.mjs";
import { prepared } from "./support.mjs";

const sql = "insert into log (what) values (?)";
const written = "select what from log where typeof(what) = 'real' order by at";

/** The client gets to know the statement, and that a commit waits for the disk. */
async function know(client: LocalClient): Promise<void> {
  for (let i = 0; i < 3; i++) await client.execute({ sql, args: ["known"] });
}

/** Makes calls that write the numbers from `first` on. Returns those that were resolved, and the errors. */
async function write(
  client: LocalClient,
  first: number,
  count: number,
  signalOf: (n: number) => AbortSignal | undefined = () => undefined,
): Promise<{ resolved: number[]; errors: Map<number, unknown> }> {
  const resolved: number[] = [];
  const errors = new Map<number, unknown>();
  await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const n = first + i;
      try {
        await client.execute({ sql, args: [n], signal: signalOf(n) });
        resolved.push(n);
      } catch (error) {
        errors.set(n, error);
      }
    }),
  );
  return { resolved, errors };
}

for (const mode of journalModes) {
  test(`what an abort rejects is not written, and what it comes too late for is (${mode})`, async (t) => {
    const { client } = await prepared(t, mode);
    await know(client);
    const seed = Date.now() % 2 ** 31;
    t.log(`seed ${seed}`);
    const random = randomNumbers(seed);
    const resolved: number[] = [];
    let aborted = 0;
    for (let round = 0; round < 60; round++) {
      const controllers = Array.from({ length: 25 }, () => new AbortController());
      const first = round * controllers.length;
      const writing = write(
        client,
        first,
        controllers.length,
        (n) => controllers[n - first]?.signal,
      );
      for (let wave = 0; wave < 3; wave++) {
        await new Promise((resolve) => setImmediate(resolve));
        for (const controller of controllers) if (random() < 0.1) controller.abort();
      }
      const { resolved: done, errors } = await writing;
      resolved.push(...done);
      aborted += errors.size;
      for (const [n, error] of errors) t.is(error, controllers[n - first]?.signal.reason);
    }
    resolved.sort((a, b) => a - b);
    t.deepEqual(await selectColumn(client, written), resolved);
    t.true(aborted > 0 && client.stats().groupCommits.calls > 0);
  });

  test(`close() in the middle of groups loses nothing that was acknowledged (${mode})`, async (t) => {
    const { client, database } = await prepared(t, mode);
    await client.shutdown();
    const expected: number[] = [];
    for (let round = 0; round < 15; round++) {
      const writer = openUrl(t, database.url);
      await writer.execute("pragma synchronous = full");
      await know(writer);
      const writing = write(writer, round * 100, 40);
      for (let turn = 0; turn < round % 4; turn++) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      if (round % 2 === 0) writer.close();
      else await writer.shutdown({ drain: round % 3 === 0 });
      const { resolved, errors } = await writing;
      expected.push(...resolved);
      for (const error of errors.values()) t.is((error as { code?: string }).code, "CLIENT_CLOSED");
      if (round % 6 === 3) t.is(errors.size, 0);
    }
    const reader = openUrl(t, database.url);
    t.deepEqual(
      await selectColumn(reader, written),
      expected.sort((a, b) => a - b),
    );
  });

  test(`calls behind the lock of another process wait for as long as each may (${mode})`, async (t) => {
    const { client, database } = await prepared(t, mode);
    const patience = 1000;
    const writer = openUrl(t, database.url, { timeout: patience });
    await writer.execute("pragma synchronous = full");
    await know(writer);
    const lock = await lockElsewhere(t, database.file, "write");
    const ms = await elapsed(async () => {
      const { errors } = await write(writer, 0, 20);
      t.is(errors.size, 20);
      for (const error of errors.values()) t.is((error as { code?: string }).code, "SQLITE_BUSY");
    });
    // One after the other, they would wait for twenty times as long.
    t.true(ms >= patience - 10 && ms < 10 * patience, `${ms} ms`);
    const patient = openUrl(t, database.url, { timeout: 60_000 });
    await patient.execute("pragma synchronous = full");
    const writing = write(patient, 100, 20);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await lock.release();
    t.is((await writing).resolved.length, 20);
    t.is(
      await selectValue(client, "select count(*) from log where what >= 100 and what < 200"),
      20,
    );
  });

  test(`a call for which there is no room takes no other one along (${mode})`, async (t) => {
    const { client } = await prepared(t, mode);
    const insert = "insert into log (what) values (zeroblob(?))";
    for (let i = 0; i < 3; i++) await client.execute({ sql: insert, args: [1] });
    await know(client);
    const pages = Number(await selectValue(client, "pragma page_count"));
    await client.execute(`pragma max_page_count = ${pages + 4}`);
    const calls = Array.from({ length: 12 }, (_, i) =>
      i % 3 === 1
        ? client.execute({ sql: insert, args: [200_000] })
        : client.execute({ sql, args: [i] }),
    );
    const ends = await Promise.allSettled(calls);
    for (const [i, end] of ends.entries()) {
      const code = end.status === "rejected" ? (end.reason as { code: string }).code : "none";
      t.is(code, i % 3 === 1 ? "SQLITE_FULL" : "none");
    }
    t.deepEqual(await selectColumn(client, written), [0, 2, 3, 5, 6, 8, 9, 11]);
  });
}

test("a COMMIT that readers block ends with them", async (t) => {
  const { client, database } = await prepared(t, "delete", { timeout: 60_000 });
  await know(client);
  const reader = openUrl(t, database.url);
  const reading = await reader.transaction("read");
  await reading.execute("select * from log");
  const writing = write(client, 0, 20);
  // By then the COMMIT waits.
  await new Promise((resolve) => setTimeout(resolve, 100));
  await reading.rollback();
  const { errors } = await writing;
  t.deepEqual([...errors.values()], []);
  t.deepEqual(
    await selectColumn(client, written),
    Array.from({ length: 20 }, (_, i) => i),
  );
});

test("an abort ends the wait for a COMMIT that readers block, and the others wait on", async (t) => {
  const { client, database } = await prepared(t, "delete", { timeout: 60_000 });
  await know(client);
  const reader = openUrl(t, database.url);
  const reading = await reader.transaction("read");
  await reading.execute("select * from log");
  const controllers = Array.from({ length: 8 }, () => new AbortController());
  const calls = controllers.map(({ signal }, n) => client.execute({ sql, args: [n], signal }));
  const ends = Promise.allSettled(calls);
  // One call after the other is aborted while the COMMIT waits: that of the first one, and that of all others.
  const ms = await elapsed(async () => {
    for (const [n, controller] of controllers.slice(0, 3).entries()) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      controller.abort();
      await t.throwsAsync(calls[n] ?? Promise.resolve(), {
        any: true,
        is: controller.signal.reason,
      });
    }
  });
  t.true(ms < 10_000, `${ms} ms`);
  await reading.rollback();
  const ended = await ends;
  t.true(ended.slice(3).every(({ status }) => status === "fulfilled"));
  t.deepEqual(await selectColumn(client, written), [3, 4, 5, 6, 7]);
});

test("a write whose page cache is full does not wait for readers before the COMMIT does", async (t) => {
  const patience = 1000;
  const { client, database } = await prepared(t, "delete", { timeout: patience });
  await client.execute("pragma cache_size = 5");
  const large = "insert into log (what) values (zeroblob(60000))";
  for (let i = 0; i < 3; i++) await client.execute(large);
  await know(client);
  const reader = openUrl(t, database.url);
  const reading = await reader.transaction("read");
  await reading.execute("select count(*) from log");
  const ms = await elapsed(async () => {
    const calls = Array.from({ length: 12 }, (_, i) =>
      client.execute(i % 2 === 0 ? { sql, args: [i] } : large),
    );
    for (const end of await Promise.allSettled(calls)) {
      t.is(end.status === "rejected" && (end.reason as { code: string }).code, "SQLITE_BUSY");
    }
  });
  // Those that wait in the middle of the group, and then alone, take more than six times as long.
  t.true(ms < 5 * patience, `${ms} ms`);
  await reading.rollback();
});

test("a COMMIT that readers block for too long writes nothing, and each call tells it", async (t) => {
  const patience = 500;
  const { client, database } = await prepared(t, "delete", { timeout: patience });
  await know(client);
  const reader = openUrl(t, database.url);
  const reading = await reader.transaction("read");
  await reading.execute("select * from log");
  const ms = await elapsed(async () => {
    const { errors } = await write(client, 0, 20);
    t.is(errors.size, 20);
    for (const error of errors.values()) t.is((error as { code?: string }).code, "SQLITE_BUSY");
  });
  t.true(ms < 10 * patience, `${ms} ms`);
  await reading.rollback();
  t.deepEqual(await selectColumn(client, written), []);
  t.is((await write(client, 0, 20)).resolved.length, 20);
});
