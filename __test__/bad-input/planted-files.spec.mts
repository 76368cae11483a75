// Whatever somebody else has put there under a name that we or SQLite open: nothing waits for it, nothing
// else is changed by it, and what fails says why. Each kind of file has a process of its own, so that one
// that waits is a failure and no more.

import { lstatSync, readFileSync, statSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import type { LocalClient } from "latchdb";
import { SwapError, swapDatabase } from "latchdb/swap";
import { temporaryDirectory } from "../support/database.mjs";
import {
  ACTIONS,
  KINDS,
  NAMES,
  NOBODY,
  PRECIOUS,
  isRoot,
  prepareCases,
  type Action,
} from "../support/planted/cases.mjs";
import { startProgram } from "../support/processes.mjs";

/** Each is to take 100 ms at most, and the signal of those that have one comes then. */
const LIMIT = 3_000;
const LIMIT_OF_ALL = 60_000;

interface Ended {
  ended: number;
  ms: number;
  code?: string;
  message?: string;
}

/** Some outcomes: what else may fail or not, as it can. */
const EXPECTED: Record<string, Array<[name: string, action: Action, code: string]>> = {
  "a FIFO": [
    [".swap-lock-app.db", "use", "ok"],
    [".swap-lock-app.db", "recover", "UNTRUSTED_FILE"],
    [".swap-lock-app.db", "swapFile", "UNTRUSTED_FILE"],
    [".swap-lock-app.db", "swapDatabase", "UNTRUSTED_FILE"],
    [".swap-lock-app.db", "doctor", "ok"],
    ["app.db-journal", "use", "SQLITE_CANTOPEN"],
    ["app.db-journal", "swapDatabase", "UNTRUSTED_FILE"],
    ["app.db-wal", "use", "SQLITE_CANTOPEN"],
    ["app.db-shm", "use", "SQLITE_CANTOPEN"],
    ["app.db", "use", "SQLITE_CANTOPEN"],
  ],
  "a hard link to a file": [
    [".swap-lock-app.db", "use", "ok"],
    [".swap-lock-app.db", "recover", "UNTRUSTED_FILE"],
    ["app.db-journal", "use", "SQLITE_CANTOPEN"],
    ["app.db-wal", "use", "SQLITE_CANTOPEN"],
    ["app.db-shm", "use", "SQLITE_CANTOPEN"],
  ],
  "a stranger's file": [
    [".swap-lock-app.db", "use", "ok"],
    [".swap-lock-app.db", "recover", "UNTRUSTED_FILE"],
    ["app.db-journal", "use", "SQLITE_CANTOPEN"],
    ["app.db-wal", "swapDatabase", "UNTRUSTED_FILE"],
  ],
  "a file on which the same user has a lease": [
    [".swap-lock-app.db", "use", "ok"],
    [".swap-lock-app.db", "recover", "ok"],
    [".swap-lock-app.db", "swapFile", "TimeoutError"],
    ["app.db", "use", "CLIENT_CLOSED"],
    ["app.db", "swapDatabase", "TimeoutError"],
    ["app.db", "doctor", "ok"],
  ],
};

const users = isRoot ? [NOBODY, 0] : [process.getuid?.() ?? 0];
for (const [kind, plant] of Object.entries(KINDS)) {
  for (const user of users) {
    // Root has all permissions.
    if (user === 0 && kind === "a file without permissions") continue;
    test(`${kind}, for the user ${user}`, async (t) => {
      t.timeout(LIMIT_OF_ALL * 3);
      if (process.platform === "win32") {
        t.log("Skipped: Windows has no such files");
        return t.pass();
      }
      const cases = await prepareCases(t, user);
      const reason = await plant(t, cases, user);
      if (reason !== undefined) {
        t.log(`Skipped: ${reason}`);
        return t.pass();
      }
      const list = `${cases[0]?.file}-cases.json`.replace("/0/app.db", "");
      await writeFile(list, JSON.stringify(cases));
      const before = cases.map(({ victim }) => describe(victim));
      const program = startProgram(t, "planted-files", { arguments: [list, String(user)] });
      const killer = setTimeout(program.kill, LIMIT_OF_ALL);
      const { code, lines, errors } = await program.ended;
      clearTimeout(killer);
      const last = lines.at(-1) ?? errors;
      t.is(code, 0, `it was stopped in ${last}: ${JSON.stringify(cases.at(numberOf(last)))}`);
      const said = lines.map((line) => JSON.parse(line) as Ended);
      const ended = said.filter((line) => "ended" in line);
      t.is(ended.length, ACTIONS.length * NAMES.length);
      const slowest = ended.reduce((one, other) => (other.ms > one.ms ? other : one));
      const which = cases[slowest.ended];
      t.log(`slowest: ${which?.action} with ${which?.name}, ${slowest.ms} ms`);
      for (const { ended: number, ms, code: outcome, message = "" } of ended) {
        const { name, action } = cases[number] ?? {};
        const text = `${action} with ${name}: ${outcome} ${message}, ${ms} ms`;
        t.true(ms < LIMIT, text);
        t.regex(outcome ?? "", /^(?!INTERNAL)[A-Za-z_]+$/, text);
        const expected = EXPECTED[kind]?.find((one) => one[0] === name && one[1] === action);
        if (expected !== undefined) t.is(outcome, expected[2], text);
        if (expected?.[2] === "SQLITE_CANTOPEN") t.regex(message, /app\.db.*remove it/, text);
        if (outcome === "UNTRUSTED_FILE") t.regex(message, /remove it/, text);
      }
      // A link to the database is followed: that is the user's own name for it.
      const changed = cases.filter(
        ({ victim, name }, at) =>
          describe(victim) !== before[at] && !(name === "app.db" && kind.startsWith("a symbolic")),
      );
      t.deepEqual(
        changed.map(({ action, name, victim }) => [action, name, describe(victim)]),
        [],
      );
      for (const { planted, name, action } of cases) {
        // The others are leftovers of a swap, and removed or named.
        if (name.startsWith(".") && name !== ".swap-lock-app.db") continue;
        if (kind === "a directory")
          t.is(content(`${planted}/file`), PRECIOUS, `${action}, ${name}`);
      }
    });
  }
}

test("a directory with the name of a sidecar is not removed for a first database", async (t) => {
  const directory = await temporaryDirectory(t);
  for (const suffix of ["-wal", "-shm", "-journal"]) {
    const target = join(directory, `new${suffix}.db`);
    await mkdir(target + suffix);
    await writeFile(join(target + suffix, "file"), PRECIOUS);
    const build = (staging: LocalClient): Promise<unknown> => staging.execute("create table t (a)");
    await t.throwsAsync(swapDatabase(target, { build }), { instanceOf: SwapError });
    t.is(content(join(target + suffix, "file")), PRECIOUS);
  }
});

function numberOf(line: string): number {
  const { begins = -1 } = (line.startsWith("{") ? JSON.parse(line) : {}) as { begins?: number };
  return begins;
}

function describe(path: string): string {
  const { mode, uid, gid, size } = lstatSync(path);
  return JSON.stringify({ mode, uid, gid, size, content: content(path) });
}

function content(path: string): string | undefined {
  return statSync(path, { throwIfNoEntry: false }) && readFileSync(path, "utf8");
}
