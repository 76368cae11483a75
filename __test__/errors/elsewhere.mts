/** Errors that are made in another process, because their cause holds for a whole one. */
import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createClient } from "latchdb";
import type { Place, Said } from "./page.mjs";

const program = fileURLToPath(new URL("../support/programs/errors-elsewhere.mjs", import.meta.url));
const run = promisify(execFile);

/** The commands of a shell before the program: "$1" is the directory. */
const SETTINGS: Record<string, string> = {
  nobody: ":",
  descriptors: "ulimit -n 80",
  size: "ulimit -f 128",
  mounted: 'mount --bind "$1" "$1"; mount -o remount,ro,bind "$1"',
  full: 'mount -t tmpfs -o size=1m tmpfs "$1"',
};
const UNSHARED = ["mounted", "full"];

const probe = spawnSync("unshare", ["-Urm", "true"]);

/** Why there are no mounts of our own, if so. */
export const noMounts: string | undefined =
  probe.status === 0
    ? undefined
    : `no mount namespace of our own here (${String(probe.error ?? probe.stderr).trim()})`;

/** What the scenarios of a cause have thrown, and in which directory. One process tells of all of them. */
type Outcome = { dir: string; errors: Record<string, Said> };
const outcomes = new Map<string, Promise<Outcome>>();

/** What a scenario has thrown in a process for which the cause holds, as if it had been in `place`. */
export async function elsewhere(place: Place, cause: string, scenario: string): Promise<Said> {
  if (!outcomes.has(cause)) outcomes.set(cause, outcomeOf(cause));
  const { dir, errors } = (await outcomes.get(cause)) as Outcome;
  const said = errors[scenario];
  if (said === undefined) throw new Error(`${cause} has no scenario ${scenario}`);
  return { ...said, message: said.message.replaceAll(dir, place.dir) };
}

async function outcomeOf(cause: string): Promise<Outcome> {
  const dir = mkdtempSync(join(tmpdir(), "latchdb-"));
  try {
    // On the disk that will be read-only.
    for (const mode of ["wal", "delete"]) {
      const client = createClient({ url: `file:${join(dir, `${mode}.db`)}` });
      await client.executeMultiple(`pragma journal_mode = ${mode}; create table t (a)`);
      client.close();
    }
    const shell = ["sh", "-e", "-c", `${SETTINGS[cause]}; exec "$0" "$2" "$3" "$1"`];
    const [command = "", ...args] = [
      ...(UNSHARED.includes(cause) ? ["unshare", "-Urm"] : []),
      ...shell,
      process.execPath,
      dir,
      program,
      cause,
    ];
    const { stdout } = await run(command, args);
    return { dir, errors: JSON.parse(stdout) as Outcome["errors"] };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
