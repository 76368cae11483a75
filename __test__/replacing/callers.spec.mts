/** Callers of a client whose database is replaced under them: they wait, and see all old or all new. */
import test from "ava";
import { journalModes } from "../support/queries.mjs";
import { nextVersion, versionInFile, versionOf, versionOne } from "./versions.mjs";

const CALLERS = 16;
const REPLACEMENTS = 20;

for (const mode of journalModes) {
  test(`16 callers while it is replaced 20 times: no error, each answer whole, in order (${mode})`, async (t) => {
    const { client, file } = await versionOne(t, mode);
    const end = new AbortController();
    /** The newest version that is certain to be there. */
    let replaced = 1;
    let answers = 0;
    const callers = Array.from({ length: CALLERS }, async (_, caller) => {
      let seen = 1;
      while (!end.signal.aborted) {
        const atLeast = replaced;
        const found =
          caller % 4 === 0
            ? await client.batch(["select min(label), max(label) from item", "select 1"], "read")
            : [await client.execute("select min(label), max(label) from item")];
        const [first, last] = Array.from(found[0]?.rows[0] ?? []) as string[];
        const version = Number(first?.replace("version ", ""));
        if (first !== last) t.fail(`${first} and ${last} in one answer`);
        if (version < Math.max(seen, atLeast))
          t.fail(`${version} after ${Math.max(seen, atLeast)}`);
        seen = version;
        answers++;
      }
    });
    for (let round = 0; round < REPLACEMENTS; round++) {
      const { mode: how } = await client.replaceDatabase({
        build: nextVersion,
        durability: "none",
      });
      t.is(how, "rename");
      replaced++;
    }
    end.abort();
    await Promise.all(callers);
    t.log(`${answers} answers`);
    t.true(answers > CALLERS * REPLACEMENTS);
    t.is(await versionOf(t, client), REPLACEMENTS + 1);
    client.close();
    t.is(await versionInFile(t, file), REPLACEMENTS + 1);
  });

  test(`what was called before sees the old one, what is called after the new one (${mode})`, async (t) => {
    const { client } = await versionOne(t, mode);
    const before = client.execute("select max(label) from item");
    const replaced = client.replaceDatabase({ build: nextVersion });
    const after = client.execute("select max(label) from item");
    const written = client.execute("insert into item values (1000, 'version 2')");
    t.is((await before).rows[0]?.[0], "version 1");
    t.true((await replaced).committed);
    t.is((await after).rows[0]?.[0], "version 2");
    t.is((await written).rowsAffected, 1);
    t.is(await versionOf(t, client, 501), 2);
  });

  test(`5 restarts after a migration: no second migration, one backup (${mode})`, async (t) => {
    const { client, open, names } = await versionOne(t, mode);
    client.close();
    let migrations = 0;
    for (let restart = 0; restart < 6; restart++) {
      const app = open();
      const { rows } = await app.execute("pragma user_version");
      if (rows[0]?.[0] === 1) {
        migrations++;
        await app.replaceDatabase({ build: nextVersion, backup: true });
      }
      t.is(await versionOf(t, app), 2);
      app.close();
    }
    t.is(migrations, 1);
    const left = await names();
    t.is(left.length, 2, left.join(", "));
  });
}

test("an open transaction is waited for; where it stays open, nothing is changed", async (t) => {
  const { client } = await versionOne(t, "wal");
  const transaction = await client.transaction("write");
  await transaction.execute("insert into item values (1000, 'version 1')");
  const error = await t.throwsAsync(client.replaceDatabase({ build: nextVersion, timeoutMs: 50 }));
  t.like(error, { code: "TRANSACTION_ACTIVE" });
  const replaced = client.replaceDatabase({
    build: async (staging, old) => {
      t.is((await old?.execute("select count(*) from item"))?.rows[0]?.[0], 501);
      await nextVersion(staging, old);
    },
  });
  await transaction.commit();
  t.true((await replaced).committed);
  t.is(await versionOf(t, client), 2);
});

test("TEMP tables are refused with a code", async (t) => {
  const { client } = await versionOne(t, "wal");
  await client.execute("create temp table scratch (a)");
  await t.throwsAsync(client.replaceDatabase({ build: nextVersion }), { code: "CONNECTION_STATE" });
  t.is(await versionOf(t, client), 1);
});

test("close() while it is being built: waiting calls are CLIENT_CLOSED, the swap goes on", async (t) => {
  const { client, file } = await versionOne(t, "wal");
  let isBuilding = (): void => undefined;
  const building = new Promise<void>((resolve) => (isBuilding = resolve));
  let finish = (): void => undefined;
  const finished = new Promise<void>((resolve) => (finish = resolve));
  const replaced = client.replaceDatabase({
    build: async (staging, old) => {
      await nextVersion(staging, old);
      isBuilding();
      await finished;
    },
  });
  await building;
  const waiting = t.throwsAsync(client.execute("select 1"), { code: "CLIENT_CLOSED" });
  client.close();
  await waiting;
  finish();
  t.true((await replaced).committed);
  t.true(client.closed);
  t.is(await versionInFile(t, file), 2);
});
