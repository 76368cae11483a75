/**
 * SIGKILL before the system calls of group commits that change something: what was acknowledged is there, and of
 * each other call all or nothing. Runs differ in how they form groups. `npm run test:crashes` kills before each of them.
 */
import { realpath } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { createClient } from "latchdb";
import { selectColumn, selectValue, temporaryDirectory } from "../support/database.mjs";
import { everySoMany, sweepKills, type Change } from "../support/kill-sweep.mjs";
import { journalModes } from "../support/queries.mjs";
import { isDisregarded, isRecordable, isThorough } from "../support/recordable.mjs";

/** How many kills there are in a journal mode where it is not all. */
const KILLS = 4;

for (const mode of journalModes) {
  test(`after a kill, what was acknowledged is there (${mode})`, async (t) => {
    t.timeout(3_600_000);
    if (!isRecordable(t)) return;
    let grouped = 0;
    let acknowledged = 0;
    const kills = await sweepKills(
      t,
      "group-writer",
      async () => {
        const root = await realpath(await temporaryDirectory(t));
        const file = join(root, "data.db");
        const client = createClient({ url: `file:${file}` });
        await client.executeMultiple(`
          pragma journal_mode = ${mode};
          create table entry (id integer primary key);
          create table twin (id integer primary key);
          create trigger pair after insert on entry begin insert into twin values (new.id); end;`);
        client.close();
        return {
          root,
          arguments: [file],
          isDisregarded,
          async check({ before, said }) {
            const found = createClient({ url: `file:${file}` });
            const ids = await selectColumn(found, "select id from entry where id >= 0 order by id");
            const twins = await selectColumn(
              found,
              "select id from twin where id >= 0 order by id",
            );
            t.is(await selectValue(found, "pragma integrity_check"), "ok");
            found.close();
            t.deepEqual(twins, ids, `killed before ${before}`);
            // What is there is a beginning of the calls in their order.
            t.deepEqual(
              ids,
              ids.map((_, i) => i),
            );
            const told = said.filter((line) => /^\d+$/.test(line)).map(Number);
            t.true(
              told.every((id) => ids.includes(id)),
              `${told} of ${ids}, killed before ${before}`,
            );
            acknowledged += told.length;
            if (ids.length > told.length) grouped++;
          },
        };
      },
      chosen,
      0.5,
    );
    t.log(`${kills.length} kills, ${acknowledged} acknowledged`);
    t.true(kills.length > 0);
    if (isThorough) t.true(grouped > 0 && acknowledged > 0);
  });
}

function chosen(changes: Change[]): Change[] {
  if (isThorough) return changes;
  // What is before them happens at the same call in each run.
  const ofCommits = changes.filter(({ text }) => /-(?:wal|journal)\b/.test(text));
  return everySoMany(ofCommits, KILLS);
}
