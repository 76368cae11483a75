/**
 * Cuts the power while a database is replaced, again and again: on a mounted file system, which is then
 * unmounted and mounted anew. Given as JSON: the device's image, how it is mounted and where, a place
 * elsewhere, and how often. Prints a line for each cut, and what came of all of them as JSON.
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdir, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";
import { examine, NEW_ROWS, OLD_ROWS } from "../../replacing/outcome.mjs";
import type { Outcome } from "../../replacing/outcome.mjs";
import { startHelper } from "../helper-process.mjs";
import { NAME, ROWS, copyDatabaseFiles, makeHotDatabase } from "../ledger/sandbox.mjs";
import type { Sandbox } from "../ledger/sandbox.mjs";
import { startStockReader } from "../ledger/stock-reader.mjs";
import { journalModes } from "../queries.mjs";
import type { ReplaceOrder } from "./replace-once.mjs";

export interface PowerCutOrder {
  image: string;
  /** Options of mount, without "loop". */
  options: string;
  mountPoint: string;
  scratch: string;
  cuts: number;
}

export interface PowerCuts {
  cuts: number;
  /** How often the database was what it was before, and the new one. */
  old: number;
  new: number;
  /** How many of the cuts came after the replacement had resolved. */
  resolved: number;
  problems: string[];
  /** How many of the files that were written and renamed without fsync were not whole. */
  torn: number;
  controls: number;
}

/** In ms: steps take less than that. */
const LONGEST_PAUSE = 4;
const CONTROLS = 10;

/** Both FS_IOC_SHUTDOWN of ext4 and XFS_IOC_GOINGDOWN; 2: what is in the journal's buffers is lost. */
const CUT = `open my $file, "<", $ARGV[0] or die $!;
  $| = 1; print "ready\\n"; <STDIN>; my $how = pack "L", 2;
  ioctl $file, 0x8004587d, $how or die "ioctl: $!"; print "cut\\n"`;

const { image, options, mountPoint, scratch, cuts } = JSON.parse(
  process.argv[2] ?? "{}",
) as PowerCutOrder;

const run = promisify(execFile);
const mount = () => run("mount", ["-o", `loop,${options}`, image, mountPoint]);
const unmount = () => run("umount", [mountPoint]);

const teardowns: Array<() => unknown> = [];
const stock = await startStockReader({ teardown: (end) => void teardowns.push(end) });
const sync = async (path: string): Promise<void> => {
  const file = await open(path);
  await file.sync();
  await file.close();
};

const report: PowerCuts = {
  cuts: 0,
  old: 0,
  new: 0,
  resolved: 0,
  problems: [],
  torn: 0,
  controls: 0,
};
const hot = new Map<string, string>();
for (const mode of journalModes) {
  const directory = join(scratch, mode);
  await mkdir(directory);
  hot.set(mode, await makeHotDatabase(directory, mode));
}
await mount();
try {
  for (let i = 0; i < cuts; i++) await cutOnce(i);
  for (let i = 0; i < CONTROLS; i++) await cutUnsynced(i);
} finally {
  await unmount();
  for (const teardown of teardowns) await teardown();
}
console.log(JSON.stringify(report));

/** Replaces a database, and cuts the power at a moment of it. */
async function cutOnce(i: number): Promise<void> {
  const mode = journalModes[i % 2] ?? "wal";
  const backup = i % 4 < 2;
  const root = join(mountPoint, `cut-${i}`);
  const sandbox: Sandbox = { root, target: join(root, NAME), scratch };
  await mkdir(root);
  await copyDatabaseFiles(hot.get(mode) ?? "", root);
  await run("sync", ["-f", mountPoint]);
  const order: ReplaceOrder = { how: "link", target: sandbox.target, rows: ROWS, backup };
  const cutter = await startCutter();
  const program = startHelper("replace-once", [JSON.stringify(order)]);
  await program.waitFor("ready");
  program.say("go");
  // A step, and a while after it.
  const steps = ["build", "check", "sync", "checkpoint", "backup", "rename", "sync-directory"];
  const step = steps[i % steps.length] ?? "rename";
  await Promise.race([program.waitFor(`step ${step}`), program.ended]);
  await setTimeout(Math.random() * LONGEST_PAUSE);
  const isResolved = program.lines.includes("resolved");
  await cutter();
  program.kill();
  await program.ended;
  await unmount();
  await mount();
  const outcome: Outcome = await examine(
    sandbox,
    { mode, backup },
    stock,
    i % 3 === 0 ? "recover" : "open",
  );
  const problems = [...outcome.problems];
  if (isResolved && outcome.seen !== NEW_ROWS) problems.push(`resolved, and ${outcome.seen}`);
  report.cuts++;
  if (isResolved) report.resolved++;
  if (outcome.seen === OLD_ROWS) report.old++;
  if (outcome.seen === NEW_ROWS) report.new++;
  report.problems.push(...problems.map((problem) => `${mode}, after ${step}: ${problem}`));
  console.log(`cut ${i + 1}: ${mode}, after ${step}: ${outcome.seen} ${problems.join("; ")}`);
  await rm(root, { recursive: true });
}

/** What people do who have no swap, that this can see: written, renamed, and nothing synced. */
async function cutUnsynced(i: number): Promise<void> {
  const [target, staging] = [join(mountPoint, `file-${i}`), join(mountPoint, `file-${i}.new`)];
  const [before, after] = [Buffer.alloc(100_000, "old"), Buffer.alloc(100_000, "new")];
  await writeFile(target, before);
  await copyFile(target, `${target}.copy`);
  await run("sync", ["-f", mountPoint]);
  const cutter = await startCutter();
  await writeFile(staging, after);
  await rename(staging, target);
  // The directory alone reaches the disk.
  await sync(mountPoint);
  await cutter();
  await unmount();
  await mount();
  const found = await readFile(target);
  report.controls++;
  if (!found.equals(before) && !found.equals(after)) report.torn++;
}

/** Something that cuts the power at once when it is told to. */
async function startCutter(): Promise<() => Promise<void>> {
  const child = spawn("perl", ["-e", CUT, mountPoint], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout });
  await once(lines, "line");
  return async () => {
    const ended = once(child, "close");
    child.stdin.end("now\n");
    const [code] = await ended;
    if (code !== 0) throw new Error("The power could not be cut");
  };
}
