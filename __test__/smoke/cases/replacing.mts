import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import type { LocalClient } from "latchdb";
import { journalModes, type Place, type SmokeCase } from "../case.mjs";
import { ended, startHolder } from "../holder-process.mjs";

export const replacing: SmokeCase[] = journalModes.flatMap((mode) => [
  {
    name: `a database is migrated under its callers, at the first try, 5 of 5 (${mode})`,
    async run(place) {
      const file = join(place.folder, "test.db");
      const client = await versionOne(place, file, mode);
      const end = new AbortController();
      const caller = (async () => {
        let seen = 1;
        while (!end.signal.aborted) {
          const { rows } = await client.execute("SELECT min(a), max(a) FROM t");
          assert.equal(rows[0]?.[0], rows[0]?.[1], "old and new in one answer");
          assert.ok(Number(rows[0]?.[0]) >= seen);
          seen = Number(rows[0]?.[0]);
        }
      })();
      for (let version = 2; version <= 6; version += 1) {
        const result = await client.replaceDatabase({ build: next, backup: true });
        assert.equal(result.mode, "rename");
        assert.equal(result.committed, true);
        assert.ok(basename(result.backup ?? "").startsWith(`test.db.v${version - 1}-v${version}-`));
        const { rows } = await client.execute("SELECT max(a) FROM t");
        assert.equal(rows[0]?.[0], version);
      }
      end.abort();
      await caller;
      client.close();
      const left = readdirSync(place.folder);
      assert.equal(left.length, 6, left.join(", "));
    },
  },
  {
    name: `who has it open is found, and keeps it in place (${mode})`,
    needsProcess: true,
    async run(place) {
      const file = join(place.folder, "test.db");
      const client = await versionOne(place, file, mode);
      const holder = await startHolder(place.packageFolder, file);
      await assert.rejects(client.replaceDatabase({ build: next }), { code: "DATABASE_IN_USE" });
      const { mode: how } = await client.replaceDatabase({ build: next, inUse: "in-place" });
      assert.equal(how, "in-place");
      holder.stdin.end();
      await ended(holder);
      const { mode: alone } = await client.replaceDatabase({ build: next });
      assert.equal(alone, "rename");
      assert.equal((await client.execute("SELECT max(a) FROM t")).rows[0]?.[0], 3);
      client.close();
      assert.deepEqual(readdirSync(place.folder), ["test.db"]);
    },
  },
]);

async function versionOne({ package: { createClient } }: Place, file: string, mode: string) {
  const client = createClient({ url: `file:${file}` });
  await client.execute(`PRAGMA journal_mode = ${mode}`);
  await fill(client, 1);
  return client;
}

async function next(staging: LocalClient, old: LocalClient | undefined): Promise<void> {
  const version = (await old?.execute("PRAGMA user_version"))?.rows[0]?.[0];
  await fill(staging, Number(version) + 1);
}

async function fill(client: LocalClient, version: number): Promise<void> {
  await client.executeMultiple(`
    CREATE TABLE t (a);
    INSERT INTO t VALUES (${version}), (${version});
    PRAGMA user_version = ${version};`);
}
