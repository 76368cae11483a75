/**
 * SIGKILL before the system calls by which vector indexes of libSQL are taken over: the file has the old indexes or the
 * new ones, whole, and they can be taken over again. `npm run test:crashes` kills before each call.
 */
import { copyFile, readdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { createClient } from "latchdb";
import { runCommand } from "../support/command.mjs";
import { temporaryDirectory } from "../support/database.mjs";
import { sweepKills, type Change } from "../support/kill-sweep.mjs";
import { isDisregarded, isRecordable, isThorough } from "../support/recordable.mjs";
import { answer } from "./answers.mjs";
import { startSide } from "./sides.mjs";

const ROWS = 120;

const look = [
  "select count(*) from t",
  "select id from vector_top_k('ti', '[1,2,40.4]', 3)",
  "select id from vector_top_k('wi', '[1,0]', 1)",
  "pragma integrity_check",
];
const whole = [`[[${ROWS}]]`, "[[40],[41],[39]]", '[["a"]]', '[["ok"]]'];

const scenarios = [
  { how: "option", mode: "wal" },
  { how: "command", mode: "delete" },
  { how: "option", mode: "delete" },
  { how: "command", mode: "wal" },
] as const;

const stock = startSide("stock");
test.after.always(() => stock.end());

for (const { how, mode } of isThorough ? scenarios : scenarios.slice(0, 2)) {
  test.serial(
    `after a kill, the indexes are the old or the new ones (${how}, ${mode})`,
    async (t) => {
      t.timeout(3_600_000);
      if (!isRecordable(t)) return;
      const made = join(await temporaryDirectory(t), "made.db");
      const errors = await stock.answers(made, [
        `pragma journal_mode = ${mode}`,
        "create table t (id integer primary key, name text, e F32_BLOB(3))",
        "create index ti on t (libsql_vector_idx(e, 'metric=l2'))",
        "create table w (k text primary key, e F32_BLOB(2)) without rowid",
        "create index wi on w (libsql_vector_idx(e))",
        "insert into w values ('a', vector('[1,0]')), ('b', vector('[0,1]')), ('c', null)",
        `with recursive n (i) as (select 1 union all select i + 1 from n limit ${ROWS})
        insert into t select i, 'n' || i, vector32('[1,2,' || i || ']') from n`,
        "pragma wal_checkpoint(truncate)",
      ]);
      t.deepEqual(
        errors.filter((each) => each.startsWith("error")),
        [],
      );
      const seen = { old: 0, new: 0 };
      const kills = await sweepKills(
        t,
        "adopt-once",
        async () => {
          const root = await realpath(await temporaryDirectory(t));
          const file = join(root, "data.db");
          await copyFile(made, file);
          return {
            root,
            arguments: [file, how],
            isDisregarded,
            async check({ before }) {
              const version = await examine(t, root, file, how, `killed before ${before}`);
              seen[version]++;
            },
          };
        },
        chosen,
        // The thread that opens a WAL makes calls of the same name first, to the -shm.
        how === "option" ? 0.4 : 0.1,
      );
      t.log(`${kills.length} kills, ${JSON.stringify(seen)}`);
      t.true(seen.old > 0);
      // The last change to a rollback journal is the commit.
      if (mode === "wal") t.true(seen.new > 0);
    },
  );
}

/** Looks at what a kill has left, takes the indexes over again, and says which ones there were. */
async function examine(
  t: ExecutionContext,
  root: string,
  file: string,
  how: "option" | "command",
  what: string,
): Promise<"old" | "new"> {
  const found = await answers(file, false);
  const isOld = found.every((each) => each.includes("VECTOR_INDEX_NOT_SUPPORTED"));
  if (isOld) t.deepEqual(await stock.answers(file, look), whole, what);
  else t.deepEqual(found, whole, what);
  const isBackup = /^data\.db\.before-adopt-[^-]+$/;
  for (const name of (await readdir(root)).filter((each) => isBackup.test(each))) {
    t.deepEqual(await stock.answers(join(root, name), look), whole, `${what}: ${name}`);
  }
  if (how === "command") {
    const { code, stderr } = await runCommand("adopt", file);
    t.is(code, 0, `${what}: ${stderr}`);
  }
  t.deepEqual(await answers(file, how === "option"), whole, `${what}, and taken over again`);
  return isOld ? "old" : "new";
}

async function answers(file: string, adoptVectorIndexes: boolean): Promise<string[]> {
  const client = createClient({ url: `file:${file}`, adoptVectorIndexes });
  const all: string[] = [];
  for (const sql of look) all.push(await answer(client, sql));
  client.close();
  return all;
}

/**
 * Those of the thread that takes over: all, or some around the commits of the backup and of the indexes. The thread that
 * closes the client makes a checkpoint: of its calls those whose names the other one does not have are found again.
 */
function chosen(changes: Change[]): Change[] {
  const last = changes.findLast(({ text }) => /^write data\.db-(?:wal|journal) /.test(text));
  const isFound = ({ thread, text }: Change): boolean =>
    thread === last?.thread || /^(?:remove|truncate) /.test(text);
  const found = changes.filter(isFound);
  if (isThorough) return found;
  return found.filter(({ text }) => /^(?:rename \.staging-|(?:remove|sync) data\.db)/.test(text));
}
