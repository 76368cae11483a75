import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";
import { temporaryDirectory } from "../support/database.mjs";
import { whyNotTraceable } from "../support/strace.mjs";

/**
 * How often a round may name each file. SQLite alone: the database 6 times, the -journal once, the -wal and
 * the -shm 3 and 2 times (os_unix.c). Ours: whether the database is a symbolic link, and whether it is a
 * regular file, before it is opened; whether a killed swap has left its lock file; whether the first reader has
 * to recover the -wal or the -journal, which takes a thread; whether the -wal is left.
 */
const MOST: Readonly<Record<string, number>> = {
  "a.db": 6 + 2,
  "a.db-journal": 1 + 1,
  "a.db-wal": 3 + 2,
  "a.db-shm": 2,
  ".swap-lock-a.db": 1,
};

test("opening, one query and closing look at each file once", async (t) => {
  if (whyNotTraceable !== undefined) {
    t.log(`Skipped: no system calls can be recorded here (${whyNotTraceable})`);
    return t.pass();
  }
  const folder = await temporaryDirectory(t);
  const log = join(await temporaryDirectory(t), "trace");
  const program = fileURLToPath(new URL("system-calls-process.mjs", import.meta.url));
  // Only calls that name a file, and none of those of the runtime's own start.
  const options = ["-f", "-qq", "-s", "4096", "-e", "trace=%file", "-o", log];
  const child = spawn("strace", [...options, process.execPath, program, folder]);
  let errors = "";
  child.stderr.on("data", (data: Buffer) => (errors += data.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  t.is(code, 0, errors);

  const trace = await readFile(log, "utf8");
  const named = [...trace.matchAll(/^\d+ +\w+\([^"\n]*"([^"\n]*)"/gm)].map(([, path = ""]) => path);
  const files = named.filter((path) => path.startsWith(`${folder}/`)).map((path) => basename(path));
  const rounds: string[][] = [];
  for (const file of files) {
    if (file === "round") rounds.push([]);
    else rounds.at(-1)?.push(file);
  }
  t.deepEqual(rounds.pop(), []);
  t.is(rounds.length, 3);
  for (const round of rounds) {
    for (const file of new Set(round)) {
      const times = round.filter((other) => other === file).length;
      t.true(times <= (MOST[file] ?? 0), `${file} is named ${times} times`);
    }
  }
});
