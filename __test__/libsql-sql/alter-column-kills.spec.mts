/**
 * SIGKILL before the system calls of ALTER COLUMN that change something: the column is as before or as after, its
 * rows are the same, and its index is in order. `npm run test:crashes` kills before each of them.
 */
import { realpath } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { createClient } from "latchdb";
import { selectColumn, selectValue, temporaryDirectory } from "../support/database.mjs";
import { everySoMany, sweepKills } from "../support/kill-sweep.mjs";
import { journalModes } from "../support/queries.mjs";
import { isDisregarded, isRecordable, isThorough } from "../support/recordable.mjs";

/** How many kills there are in a journal mode where it is not all. */
const KILLS = 5;

for (const mode of journalModes) {
  test(`ALTER COLUMN that is killed leaves the old column or the new one (${mode})`, async (t) => {
    t.timeout(3_600_000);
    if (!isRecordable(t)) return;
    const values = ["x", "X", "y", "0", "0", "0"];
    const kills = await sweepKills(
      t,
      "alter-columns",
      async () => {
        const root = await realpath(await temporaryDirectory(t));
        const file = join(root, "data.db");
        const client = createClient({ url: `file:${file}` });
        await client.executeMultiple(`
          pragma journal_mode = ${mode};
          create table t (a integer primary key);
          insert into t values (1), (2), (3), (4), (5), (6);
          alter table t add column b text default 0;
          update t set b = 'x' where a = 1; update t set b = 'X' where a = 2; update t set b = 'y' where a = 3;
          create index tb on t (b);`);
        client.close();
        return {
          root,
          arguments: [file],
          isDisregarded,
          async check({ before, said }) {
            const found = createClient({ url: `file:${file}` });
            const sql = String(await selectValue(found, "select sql from sqlite_schema"));
            t.is(
              await selectValue(found, "pragma integrity_check"),
              "ok",
              `killed before ${before}`,
            );
            t.deepEqual(
              await selectColumn(found, "select b from t not indexed order by a"),
              values,
            );
            const equal = await selectValue(
              found,
              "select count(*) from t indexed by tb where b = 'x'",
            );
            found.close();
            t.is(equal, sql.includes("nocase") ? 2 : 1);
            const made = Number(/default (\d+)/.exec(sql)?.[1]);
            const told = said.filter((line) => /^\d+$/.test(line)).length;
            t.true(
              made === told || made === told + 1,
              `${sql} after ${told}, killed before ${before}`,
            );
          },
        };
      },
      isThorough ? (changes) => changes : (changes) => everySoMany(changes, KILLS),
      0.5,
    );
    t.log(`${kills.length} kills`);
    t.true(kills.length > 0);
  });
}
