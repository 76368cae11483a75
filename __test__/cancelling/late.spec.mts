/** Aborts that come when SQLite has run the statement, and the lane still learns from it what may run in place. */
import test from "ava";
import { openUrl, selectValue, temporaryDatabase } from "../support/database.mjs";
import { spin, usualMicroseconds } from "../support/moments.mjs";

const TRIES = 60;
/** So many additions without a loop make a program that takes longer to look at than to run. */
const ADDITIONS = " + 0 * random()".repeat(250);

/** A statement that no client has seen: the lane looks at its program after the second run. */
const newInsert = (number: number): string =>
  `insert into t values (null, ${number}${ADDITIONS}) -- ${number}`;

test.serial(
  "a statement that resolves in spite of its abort leaves its transaction open",
  async (t) => {
    const { url } = await temporaryDatabase(t);
    const client = openUrl(t, url);
    await client.executeMultiple("pragma journal_mode = wal; pragma synchronous = normal");
    await client.execute("create table t (id integer primary key, n)");
    const usual = await usualMicroseconds((index) => client.execute(newInsert(-index)), 5);
    const { lastInsertRowid: before } = await client.execute("insert into t values (null, 0)");
    const lost: unknown[] = [];
    let resolved = 0;
    for (let number = 1; number <= TRIES; number++) {
      const sql = newInsert(number);
      const controller = new AbortController();
      await client.execute("begin");
      await client.execute(sql);
      const second = client.execute({ sql, signal: controller.signal });
      spin((usual * number) / TRIES);
      controller.abort();
      if (!(await second.then(Boolean, () => false))) {
        await client.execute("rollback").catch(() => undefined);
        continue;
      }
      resolved += 2;
      await client.execute("commit").catch((error: unknown) => lost.push(String(error)));
    }
    t.deepEqual(lost, []);
    const sql = "select count(*) from t where id > ?";
    t.is(await selectValue(client, { sql, args: [before ?? 0n] }), resolved);
    t.true(resolved > 0);
    t.log(`${resolved / 2} of ${TRIES} resolved`);
  },
);
