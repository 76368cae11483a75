/** Files that somebody else has put where a file of ours, or of SQLite's, would be. */
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { chmod, copyFile, mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import type { ExecutionContext } from "ava";
import { createClient } from "latchdb";
import { temporaryDirectory } from "../database.mjs";
import { holdLeases } from "../leases.mjs";

export const ACTIONS = [
  "use",
  "recover",
  "swapFile",
  "swapDatabase",
  "replaceDatabase",
  "copyTo",
  "copyFrom",
  "fsyncFile",
  "doctor",
  "exit",
] as const;
export type Action = (typeof ACTIONS)[number];

/** One action on one database. */
export interface Case {
  number: number;
  action: Action;
  file: string;
  planted: string;
  /** The name of what is planted. */
  name: string;
  /** A file that nothing is to happen to. */
  victim: string;
}

/** All names that can be known beforehand of files that we or SQLite open. */
export const NAMES = [
  ".swap-lock-app.db",
  ".swap-backup-app.db",
  ".staging-0123456789ab-app.db",
  ".aside-0123456789ab-app.db",
  "app.db-journal",
  "app.db-wal",
  "app.db-shm",
  "app.db",
];

export const PRECIOUS = "precious";
export const NOBODY = 65_534;
export const STRANGER = 65_533;
export const isRoot = process.getuid?.() === 0;

/** Makes what is planted; answers why it cannot be made here, where it cannot. */
export type Plant = (
  t: ExecutionContext,
  cases: Case[],
  user: number,
) => Promise<string | undefined>;

const each =
  (make: (one: Case, user: number) => void): Plant =>
  async (_t, cases, user) => {
    for (const one of cases) make(one, user);
    return undefined;
  };

const onlyRoot =
  (plant: Plant): Plant =>
  async (t, cases, user) =>
    isRoot ? plant(t, cases, user) : "only root can make it";

const run = (program: string, args: string[]): string | undefined => {
  const { status, error, stderr } = spawnSync(program, args, { encoding: "utf8" });
  return status === 0 ? undefined : String(error ?? stderr).trim();
};

const leased =
  (owner: (user: number) => number): Plant =>
  async (t, cases, user) => {
    for (const { planted, name, file } of cases) {
      if (name === "app.db") copyFileSync(join(dirname(file), "source.db"), planted);
      else writeFileSync(planted, PRECIOUS);
      chmodSync(planted, 0o666);
      if (isRoot) chownSync(planted, owner(user), owner(user));
    }
    const paths = cases.map(({ planted }) => planted);
    const leases = await holdLeases(t, paths, isRoot ? owner(user) : undefined);
    return "reason" in leases ? leases.reason : undefined;
  };

/** Every kind of file that can be planted. */
export const KINDS: Record<string, Plant> = {
  "a FIFO": async (_t, cases) => {
    // As root makes one, others can read it and not write to it: to open it is to wait.
    const failed = run("mkfifo", ["-m", "0444", ...cases.map(({ planted }) => planted)]);
    return failed;
  },
  "a character device": onlyRoot(async (_t, cases) => {
    for (const { planted } of cases) {
      // /dev/zero
      const failed = run("mknod", ["-m", "0666", planted, "c", "1", "5"]);
      if (failed !== undefined) return failed;
    }
    return undefined;
  }),
  "a socket": async (t, cases) => {
    for (const { planted } of cases) {
      const server = createServer().listen(planted);
      t.teardown(() => server.close());
      await once(server, "listening");
    }
    return undefined;
  },
  "a directory": each(({ planted }) => {
    mkdirSync(planted);
    writeFileSync(join(planted, "file"), PRECIOUS);
  }),
  "a symbolic link to a file": each(({ planted, victim }) => symlinkSync(victim, planted)),
  "a symbolic link to nothing": each(({ planted, victim }) =>
    symlinkSync(`${victim}-missing`, planted),
  ),
  "a hard link to a file": each(({ planted, victim }) => linkSync(victim, planted)),
  "a stranger's file": onlyRoot(
    each(({ planted }) => {
      writeFileSync(planted, PRECIOUS, { mode: 0o666 });
      chmodSync(planted, 0o666);
      chownSync(planted, STRANGER, STRANGER);
    }),
  ),
  "a file without permissions": each(({ planted }) => {
    writeFileSync(planted, PRECIOUS);
    chmodSync(planted, 0);
  }),
  "an immutable file": onlyRoot(async (t, cases) => {
    const paths = cases.map(({ planted }) => planted);
    for (const path of paths) writeFileSync(path, PRECIOUS);
    t.teardown(() => void run("chattr", ["-i", ...paths]));
    return run("chattr", ["+i", ...paths]);
  }),
  "a file on which a stranger has a lease": onlyRoot(leased(() => STRANGER)),
  "a file on which the same user has a lease": leased((user) => user),
};

/** A database for each name and action, in a directory of its own, which belongs to the user. */
export async function prepareCases(t: ExecutionContext, user: number): Promise<Case[]> {
  const directory = await temporaryDirectory(t);
  await chmod(directory, 0o755);
  const templates: Record<string, string> = {};
  for (const mode of ["wal", "delete"]) {
    templates[mode] = join(directory, `${mode}.db`);
    const client = createClient({ url: `file:${templates[mode]}` });
    await client.executeMultiple(`pragma journal_mode = ${mode}; create table t (a)`);
    client.close();
  }
  const cases: Case[] = [];
  for (const action of ACTIONS) {
    for (const name of NAMES) {
      const number = cases.length;
      const folder = join(directory, String(number));
      await mkdir(folder);
      const victim = join(directory, `victim-${number}`);
      await writeFile(victim, PRECIOUS, { mode: 0o640 });
      const template = templates[/-(wal|shm)$/.test(name) ? "wal" : "delete"] as string;
      const file = join(folder, "app.db");
      const made = [join(folder, "source.db"), ...(name === "app.db" ? [] : [file])];
      for (const path of made) await copyFile(template, path);
      if (isRoot) for (const path of [folder, victim, ...made]) chownSync(path, user, user);
      cases.push({ number, action, file, planted: join(folder, name), name, victim });
    }
  }
  return cases;
}
