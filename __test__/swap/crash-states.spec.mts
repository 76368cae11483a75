// What a power cut can leave of a swap: its system calls are recorded, and every state that a model
// of a file system allows is looked at. Without one of its fsyncs, states come up that are wrong.

import test from "ava";
import type { ExecutionContext } from "ava";
import {
  checkCrashStates,
  edited,
  ext4,
  historyOf,
  posix,
  readDisk,
} from "../crash-states/index.mjs";
import type { CrashState, History, Inode, Operation, Report } from "../crash-states/index.mjs";
import { isFoundBy } from "../crash-states/is-found-by.mjs";
import { traceProgram, whyNotTraceable } from "../support/strace.mjs";
import { describe, makeSandbox } from "./sandbox.mjs";
import type { Sandbox, SandboxOptions } from "./sandbox.mjs";

interface Recording {
  sandbox: Sandbox;
  history: History;
  /** The file that is the target in the end, and the directory that it is in. */
  file: Inode;
  directory: Inode;
  check(history: History): Report;
}

async function record(
  t: ExecutionContext,
  options: SandboxOptions,
): Promise<Recording | undefined> {
  if (whyNotTraceable !== undefined) {
    t.log(`Skipped: no system calls can be recorded here (${whyNotTraceable})`);
    t.pass();
    return undefined;
  }
  const sandbox = await makeSandbox(t, options);
  const { root } = sandbox;
  const before = await readDisk(root);
  const { calls } = await traceProgram(t, "swap-once", {
    arguments: [JSON.stringify(sandbox.order)],
  });
  const history = historyOf(calls, { root, before, umask: process.umask() });
  const renamed = history.operations
    .flatMap((operation) => (operation.kind === "entries" ? operation.entries : []))
    .findLast(({ name, inode }) => name === "tool.node" && inode !== undefined);
  if (renamed?.inode === undefined) throw new Error("The recorded swap made no target");
  return {
    sandbox,
    history,
    file: renamed.inode,
    directory: renamed.directory,
    check: (checked) =>
      checkCrashStates({
        history: checked,
        models: [posix, ext4],
        isWatched: (path) => path.startsWith("live/"),
        findProblem: (state) => findProblem(state, options, sandbox.newBytes),
      }),
  };
}

function findProblem(
  { files, marks }: CrashState,
  { isNew = false, durability = "full" }: SandboxOptions,
  newBytes: Buffer,
): string | undefined {
  const target = files.get("live/tool.node");
  const found =
    target === undefined
      ? "missing"
      : describe(target.bytes, target.attributes.get("mode"), newBytes);
  const isNewForGood = marks.has("resolved") && durability === "full";
  const isOld = found === (isNew ? "missing" : "old");
  return found === "new" || (isOld && !isNewForGood) ? undefined : found;
}

const swaps: Array<[title: string, options: SandboxOptions]> = [
  ["a plain swap", {}],
  ["a file that is signed in place", { signing: "in place" }],
  ["a file that is signed into a new one", { signing: "into a new file" }],
];

for (const [title, options] of swaps) {
  test(`${title}: old or new after any power cut, and new once it has resolved`, async (t) => {
    const recording = await record(t, options);
    if (recording === undefined) return;
    const { states, violations } = recording.check(recording.history);
    t.deepEqual(violations.slice(0, 5), []);
    t.log(`states: ${JSON.stringify(states)}`);
    for (const model of [posix, ext4]) t.true((states[model.name] ?? 0) >= 10, model.name);
  });

  test(`${title}: without an fsync the checker finds what goes wrong`, async (t) => {
    const recording = await record(t, options);
    if (recording === undefined) return;
    const { history, file, directory, check } = recording;
    const without = (isLeftOut: (operation: Operation) => boolean): History =>
      edited(history, (operations) => operations.filter((operation) => !isLeftOut(operation)));
    const withoutFile = without(({ kind, ...rest }) => kind === "sync" && isOf(rest, file));
    isFoundBy(t, check(withoutFile), /^neither old nor new/);
    const withoutDirectory = without(
      ({ kind, ...rest }) => kind === "sync" && isOf(rest, directory),
    );
    isFoundBy(t, check(withoutDirectory), /^old$/);
  });
}

function isOf(operation: object, inode: Inode): boolean {
  return "inode" in operation && operation.inode === inode;
}

for (const signing of ["in place", "into a new file"] as const) {
  test(`signed ${signing}: with the fsync before prepare, and not after it, the checker finds what goes wrong`, async (t) => {
    const recording = await record(t, { signing });
    if (recording === undefined) return;
    const { history, check } = recording;
    const early = edited(history, (operations) => {
      const isMark = ({ kind, text }: Operation): boolean =>
        kind === "mark" && text === "mark prepare begins";
      const start = operations.findIndex(isMark);
      const written = operations.slice(0, start).findLast(({ kind }) => kind === "write");
      if (written?.kind !== "write") throw new Error("Nothing was written before prepare");
      const isLate = ({ kind, ...rest }: Operation): boolean =>
        kind === "sync" && isOf(rest, recording.file);
      const sync = operations.find(isLate);
      if (sync?.kind !== "sync") throw new Error("The staging file was not synced after prepare");
      return [
        ...operations.slice(0, start),
        { ...sync, inode: written.inode },
        ...operations.slice(start).filter((operation) => !isLate(operation)),
      ];
    });
    isFoundBy(t, check(early), /^neither old nor new/);
  });
}

test("with the mode set after the fsync the checker finds what goes wrong, where names overtake modes", async (t) => {
  const recording = await record(t, {});
  if (recording === undefined) return;
  const late = edited(recording.history, (operations) => {
    const isMode = ({ kind }: Operation): boolean => kind === "attribute";
    const modes = operations.filter(isMode);
    const rest = operations.filter((operation) => !isMode(operation));
    const synced = rest.findIndex(
      ({ kind, ...operation }) => kind === "sync" && isOf(operation, recording.file),
    );
    return [...rest.slice(0, synced + 1), ...modes, ...rest.slice(synced + 1)];
  });
  isFoundBy(t, recording.check(late), /^new, mode/, [posix]);
});

test("a first file: none or new after any power cut, and new once it has resolved", async (t) => {
  const recording = await record(t, { isNew: true });
  if (recording === undefined) return;
  t.deepEqual(recording.check(recording.history).violations.slice(0, 5), []);
});

test("a barrier: old or new after any power cut, and neither once its fsync is taken out", async (t) => {
  const recording = await record(t, { durability: "barrier" });
  if (recording === undefined) return;
  const { history, check, file } = recording;
  t.deepEqual(check(history).violations.slice(0, 5), []);
  const withoutFile = edited(history, (operations) =>
    operations.filter(({ kind, ...rest }) => kind !== "sync" || !isOf(rest, file)),
  );
  isFoundBy(t, check(withoutFile), /^neither old nor new/);
});
