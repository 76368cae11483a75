import assert from "node:assert/strict";
import { closeSync, fsyncSync, openSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { journalModes, type Place, type SmokeCase } from "../case.mjs";
import { endlessQuery } from "../endless-query.mjs";

export const closing: SmokeCase[] = journalModes.flatMap((mode) => [
  {
    name: `right after close() the file can be synced, renamed and removed (${mode})`,
    async run(place) {
      const file = join(place.folder, "test.db");
      const client = await open(place, file, mode);
      // Everything that could hold it: rows that were read, and a transaction that is not over.
      await client.execute("SELECT * FROM t");
      const transaction = await client.transaction("write");
      await transaction.execute("INSERT INTO t VALUES ('never')");
      client.close();
      syncRenameRemove(file);
      assert.deepEqual(readdirSync(place.folder), [], "nothing is left beside it");
    },
  },
  {
    name: `close() in the middle of a query ends it and frees the file (${mode})`,
    async run(place) {
      const file = join(place.folder, "test.db");
      const client = await open(place, file, mode);
      const endless = assert.rejects(client.execute(endlessQuery), { code: "CLIENT_CLOSED" });
      client.close();
      syncRenameRemove(file);
      await endless;
      await assert.rejects(client.execute("SELECT 1"), { code: "CLIENT_CLOSED" });
    },
  },
  {
    name: `a database renamed over a closed one is read (${mode})`,
    async run(place) {
      const [file, next] = ["test.db", "next.db"].map((name) => join(place.folder, name));
      assert.ok(file !== undefined && next !== undefined);
      const client = await open(place, file, mode);
      for (let round = 1; round <= 5; round += 1) {
        const builder = await open(place, next, mode);
        await builder.execute({ sql: "UPDATE t SET a = ?", args: [`version ${round}`] });
        builder.close();
        client.close();
        renameSync(next, file);
        await client.reconnect();
        const { rows } = await client.execute("SELECT a FROM t");
        assert.equal(rows[0]?.a, `version ${round}`);
      }
      client.close();
    },
  },
]);

/** At the first try, each: nothing is awaited and nothing is tried again. */
function syncRenameRemove(file: string): void {
  const descriptor = openSync(file, "r+");
  fsyncSync(descriptor);
  closeSync(descriptor);
  renameSync(file, `${file}.renamed`);
  rmSync(`${file}.renamed`);
}

/** A client on a file with a table and a row. */
async function open({ package: { createClient } }: Place, file: string, mode: string) {
  const client = createClient({ url: `file:${file}` });
  await client.execute(`PRAGMA journal_mode = ${mode}`);
  await client.batch(["CREATE TABLE t (a)", "INSERT INTO t VALUES ('first')"], "write");
  return client;
}
