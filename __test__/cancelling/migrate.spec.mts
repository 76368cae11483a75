import { statSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import type { ExecutionContext } from "ava";
import type { LocalClient } from "latchdb";
import { openUrl, selectValue, temporaryDatabase } from "../support/database.mjs";
import { spin, usualMicroseconds } from "../support/moments.mjs";
import { countTo, endlessQuery } from "../support/queries.mjs";

// migrate() turns foreign keys off for a while. However it ends, they are afterwards what they were:
// on the connection that it used, and on every other one.

const reason = new Error("changed my mind");

/** The kinds of database whose connections differ: those of files come and go, memory has one. */
const kinds: Array<[string, (t: ExecutionContext) => Promise<LocalClient>]> = [
  ["a file", async (t) => (await temporaryDatabase(t)).open()],
  [
    "a file in WAL mode",
    async (t) => {
      const client = (await temporaryDatabase(t)).open();
      await client.execute("pragma journal_mode = wal");
      return client;
    },
  ],
  [
    "a client that is pinned by a TEMP table",
    async (t) => {
      const client = (await temporaryDatabase(t)).open();
      await client.execute("create temp table draft (a)");
      return client;
    },
  ],
  [
    "a client that is pinned by ATTACH",
    async (t) => {
      const database = await temporaryDatabase(t);
      const client = database.open();
      await client.execute("attach ? as other", [join(database.directory, "other.db")]);
      return client;
    },
  ],
  ["memory", async (t) => openUrl(t, ":memory:")],
];

/** What is asked of both, with the foreign keys that the user wants. */
async function assertForeignKeys(
  t: ExecutionContext,
  client: LocalClient,
  expected: number,
): Promise<void> {
  t.is(await selectValue(client, "pragma foreign_keys"), expected);
  const transaction = await client.transaction("deferred");
  t.is(await selectValue(transaction, "pragma foreign_keys"), expected);
  await transaction.rollback();
  t.is(await selectValue(client, "pragma foreign_keys"), expected);
}

interface Ending {
  name: string;
  /** Makes a migration and has it end. */
  migrate: (t: ExecutionContext, client: LocalClient) => Promise<void>;
}

/** Aborts the migration after a while in which it has begun. */
async function abortLater(
  t: ExecutionContext,
  client: LocalClient,
  statements: string[],
  ms: number,
): Promise<void> {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(reason), ms);
  t.teardown(() => clearTimeout(timer));
  await t.throwsAsync(client.migrate(statements, { signal: controller.signal }), { is: reason });
}

const endings: Ending[] = [
  {
    name: "succeeds",
    migrate: async (t, client) => {
      await t.notThrowsAsync(client.migrate(["create table u (a)"]));
    },
  },
  {
    name: "has no statements",
    migrate: async (t, client) => {
      await t.notThrowsAsync(client.migrate([]));
    },
  },
  {
    name: "fails in its first statement",
    migrate: async (t, client) => {
      await t.throwsAsync(client.migrate(["garbage"]), { code: "SQLITE_ERROR" });
    },
  },
  {
    name: "fails in a later statement",
    migrate: async (t, client) => {
      await t.throwsAsync(
        client.migrate(["create table u (a)", "insert into u values (1)", "no"]),
        {
          code: "SQLITE_ERROR",
        },
      );
    },
  },
  {
    name: "holds a COMMIT",
    migrate: async (t, client) => {
      await t.throwsAsync(client.migrate(["create table u (a)", "commit", "select 1"]));
    },
  },
  {
    name: "holds a ROLLBACK",
    migrate: async (t, client) => {
      await t.throwsAsync(client.migrate(["create table u (a)", "rollback", "select 1"]));
    },
  },
  {
    name: "is aborted before it is called",
    migrate: async (t, client) => {
      const signal = AbortSignal.abort(reason);
      await t.throwsAsync(client.migrate(["create table u (a)"], { signal }), { is: reason });
    },
  },
  {
    name: "is aborted in the turn in which it is called",
    migrate: async (t, client) => {
      const controller = new AbortController();
      const migrated = client.migrate([endlessQuery], { signal: controller.signal });
      controller.abort(reason);
      await t.throwsAsync(migrated, { is: reason });
    },
  },
  {
    name: "is aborted while it is queued",
    migrate: async (t, client) => {
      const controller = new AbortController();
      const before = client.execute(countTo(500_000));
      const migrated = client.migrate([endlessQuery], { signal: controller.signal });
      const aborted = t.throwsAsync(migrated, { is: reason });
      controller.abort(reason);
      await aborted;
      await before;
    },
  },
  {
    name: "is aborted while its first statement runs",
    migrate: (t, client) => abortLater(t, client, [endlessQuery], 30),
  },
  {
    name: "is aborted while a write of it runs",
    migrate: (t, client) =>
      abortLater(t, client, ["create table u (a)", `insert into u ${endlessQuery}`], 30),
  },
  {
    name: "is aborted while its last statement runs",
    migrate: (t, client) =>
      abortLater(t, client, ["create table u (a)", "insert into u values (1)", endlessQuery], 30),
  },
];

for (const [kind, open] of kinds) {
  for (const { name, migrate } of endings) {
    test(`foreign keys stay on after a migration that ${name} (${kind})`, async (t) => {
      const client = await open(t);
      await migrate(t, client);
      await assertForeignKeys(t, client, 1);
      await client.execute("create table if not exists p (id integer primary key)");
      await client.execute("create table child (p references p (id))");
      await t.throwsAsync(client.execute("insert into child values (55)"), {
        code: "SQLITE_CONSTRAINT",
      });
    });

    test(`foreign keys stay off after a migration that ${name} (${kind})`, async (t) => {
      const client = await open(t);
      await client.execute("pragma foreign_keys = off");
      await migrate(t, client);
      await assertForeignKeys(t, client, 0);
    });
  }

  test.serial(
    `foreign keys are what they were after migrations that are aborted at any moment (${kind})`,
    async (t) => {
      const client = await open(t);
      await client.execute("create table p (id integer primary key)");
      await client.execute("create table child (id integer primary key, p references p (id))");
      const insert = (id: number): Array<{ sql: string; args: number[] }> => [
        { sql: "insert into child values (?, null)", args: [id] },
      ];
      const usual = await usualMicroseconds((index) => client.migrate(insert(-1 - index)));
      const tries = 160;
      let [resolved, rejected] = [0, 0];
      const wrong: string[] = [];
      for (let i = 1; i <= tries; i++) {
        const isOn = i <= tries / 2 ? 1 : 0;
        if (i === tries / 2 + 1) await client.execute("pragma foreign_keys = off");
        const controller = new AbortController();
        const migrated = client.migrate(insert(i), { signal: controller.signal });
        // Of a file the commit takes most of the time.
        spin((((i * 7) % 61) / 50) * (i % 3 === 0 ? usual : Math.min(usual, 150)));
        controller.abort(reason);
        const outcome = await migrated.then(
          () => 1,
          (error: unknown) => (error === reason ? 0 : String(error)),
        );
        if (outcome === 1) resolved++;
        else rejected++;
        const sql = "select count(*) from child where id = ?";
        const written = await selectValue(client, { sql, args: [i] });
        if (written !== outcome) wrong.push(`${i}: ${outcome}, and ${written} written`);
        const now = await selectValue(client, "pragma foreign_keys");
        if (now === isOn) continue;
        wrong.push(`${i}: foreign keys are ${now}`);
        await client.execute(`pragma foreign_keys = ${isOn}`);
      }
      t.deepEqual(wrong, []);
      await assertForeignKeys(t, client, 0);
      // How many aborts come in time depends on the machine.
      t.is(resolved + rejected, tries);
      t.log(`${resolved} resolved, ${rejected} rejected`);
    },
  );
}

for (const mode of ["delete", "wal"] as const) {
  test(`a migration that is aborted while SQLite commits resolves (${mode})`, async (t) => {
    const { file, open } = await temporaryDatabase(t);
    const client = open();
    await client.execute(`pragma journal_mode = ${mode}`);
    await client.execute("create table t (b)");
    const watched = mode === "wal" ? `${file}-wal` : file;
    const controller = new AbortController();
    const migrated = client.migrate(["insert into t values (zeroblob(60000000))"], {
      signal: controller.signal,
    });
    const before = statSync(watched).size;
    // It grows: the pages are being written.
    while (statSync(watched).size === before);
    controller.abort(reason);
    const outcome = await migrated.then(
      () => 1,
      (error: unknown) => (error === reason ? 0 : String(error)),
    );
    t.is(await selectValue(client, "select count(*) from t"), outcome);
    await assertForeignKeys(t, client, 1);
  });
}

for (const end of ["close", "shutdown"] as const) {
  test(`foreign keys are on again in a client that is reconnected after ${end} in a migration`, async (t) => {
    const client = (await temporaryDatabase(t)).open();
    const migrated = client.migrate(["create table u (a)", `insert into u ${endlessQuery}`]);
    const ended = t.throwsAsync(migrated, { code: "CLIENT_CLOSED" });
    await new Promise((resolve) => setTimeout(resolve, 20));
    await client[end]();
    await ended;
    await client.reconnect();
    await assertForeignKeys(t, client, 1);
  });
}

test("foreign keys are on again in a client that is reconnected in a migration", async (t) => {
  const client = (await temporaryDatabase(t)).open();
  const migrated = client.migrate(["create table u (a)", `insert into u ${endlessQuery}`]);
  const ended = t.throwsAsync(migrated, { code: "CLIENT_CLOSED" });
  await new Promise((resolve) => setTimeout(resolve, 20));
  await client.reconnect();
  await ended;
  await assertForeignKeys(t, client, 1);
  t.is(await selectValue(client, "select count(*) from sqlite_schema where name = 'u'"), 0);
});

test("calls behind an aborted migration have the foreign keys as they were", async (t) => {
  const client = (await temporaryDatabase(t)).open();
  await client.executeMultiple(
    "create table p (id integer primary key); create table child (p references p (id))",
  );
  const controller = new AbortController();
  const migrated = client.migrate([endlessQuery], { signal: controller.signal });
  const [aborted, asked, violated] = [
    t.throwsAsync(migrated, { is: reason }),
    selectValue(client, "pragma foreign_keys"),
    t.throwsAsync(client.execute("insert into child values (1)"), { code: "SQLITE_CONSTRAINT" }),
  ];
  const timer = setTimeout(() => controller.abort(reason), 20);
  t.teardown(() => clearTimeout(timer));
  await aborted;
  t.is(await asked, 1);
  await violated;
});

test("a migration that fails takes foreign keys from no transaction that is open beside it", async (t) => {
  const client = (await temporaryDatabase(t)).open();
  const transaction = await client.transaction("deferred");
  await t.throwsAsync(client.migrate(["garbage"]), { code: "SQLITE_ERROR" });
  t.is(await selectValue(transaction, "pragma foreign_keys"), 1);
  await transaction.rollback();
  await assertForeignKeys(t, client, 1);
});
