/**
 * Who reads a file first sets right what a crash has left in it, with a writer's locks
 * (https://sqlite.org/wal.html#recovery, https://sqlite.org/lockingv3.html#hot_journals). The other
 * connections of the same client wait for that, though no `timeout` is set.
 */
import { copyFile, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import type { ExecutionContext } from "ava";
import { openUrl, selectValue, temporaryDirectory } from "../support/database.mjs";
import { journalModes, prepare, type JournalMode } from "../support/queries.mjs";

const ROUNDS = 20;
/** How much there is to set right, in bytes: some ten milliseconds' work. */
const LEFT = 16 * 1024 * 1024;

for (const mode of journalModes) {
  test(`the first calls of a client do not fail for a recovery (${mode})`, async (t) => {
    t.timeout(120_000);
    const left = await leftByCrash(t, mode);
    const found: unknown[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const directory = join(left, `../round-${round}`);
      await copyAll(left, directory);
      const client = openUrl(t, `file:${join(directory, "test.db")}`);
      const write = async (): Promise<void> => {
        const transaction = await client.transaction("write");
        await transaction.execute("insert into t values (2)");
        await transaction.commit();
      };
      const read = async (): Promise<void> => {
        const transaction = await client.transaction("read");
        await transaction.execute("select count(*) from t");
        await transaction.commit();
      };
      // In another order in each round, so that each is first, second and third in some.
      const calls = [write, read, () => client.execute("select count(*) from t"), read, write];
      await Promise.all(calls.map((_, i) => calls[(i + round) % calls.length]?.()));
      found.push(
        await selectValue(client, "select group_concat(a) from (select a from t order by a)"),
      );
      client.close();
    }
    t.deepEqual(
      found,
      Array.from({ length: ROUNDS }, () => "1,2,2"),
    );
  });
}

/** A directory with a database as a crash leaves it: a row 1 was committed, and {@link LEFT} is left. */
async function leftByCrash(t: ExecutionContext, mode: JournalMode): Promise<string> {
  const directory = await temporaryDirectory(t);
  const [live, left] = [join(directory, "live"), join(directory, "left")];
  await mkdir(live);
  const client = openUrl(t, `file:${join(live, "test.db")}`, { concurrency: 1 });
  await prepare(client, mode);
  await client.execute("create table filler (b)");
  await client.execute("pragma wal_autocheckpoint = 0");
  await client.execute("insert into t values (1)");
  const fill = { sql: "insert into filler values (zeroblob(?))", args: [BigInt(LEFT)] };
  await client.execute(fill);
  if (mode === "wal") {
    await copyAll(live, left);
  } else {
    // With few pages in its cache it writes some of the transaction before its end.
    await client.execute("pragma cache_size = 10");
    const transaction = await client.transaction("write");
    await transaction.execute("update filler set b = randomblob(length(b))");
    await copyAll(live, left);
    await transaction.rollback();
  }
  client.close();
  t.true((await readdir(left)).includes(mode === "wal" ? "test.db-wal" : "test.db-journal"));
  return left;
}

async function copyAll(from: string, to: string): Promise<void> {
  await mkdir(to);
  for (const name of await readdir(from)) await copyFile(join(from, name), join(to, name));
}
