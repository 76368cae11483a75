/** Kills a program before each of its system calls that changes a file, one run for each. */
import type { ExecutionContext } from "ava";
import { historyOf, readDisk } from "../crash-states/index.mjs";
import type { History } from "../crash-states/index.mjs";
import type { Call } from "../crash-states/call.mjs";
import { traceProgram } from "./strace.mjs";
import type { KillPoint } from "./strace.mjs";

/** A place for one run of the program. */
export interface Run {
  /** The directory whose files matter, without symbolic links. */
  root: string;
  arguments: string[];
  /** Files whose changes are no reason for a kill, as in `historyOf`. */
  isDisregarded?: (path: string) => boolean;
  /** Looks at what the kill has left. */
  check(killed: Kill): Promise<void>;
}

export interface Kill {
  /** How many calls had changed a file. */
  done: number;
  /** For messages: the call before which it was. */
  before: string;
  /** What the program had said by then, in lines. */
  said: string[];
}

/** A call that changed something. */
export interface Change {
  /** The place of the call in the trace. */
  call: number;
  thread: number;
  text: string;
}

/** So many of the changes, spread over all of them. */
export function everySoMany(changes: Change[], count: number): Change[] {
  const every = Math.ceil(changes.length / count);
  return changes.filter((_, i) => i % every === 0);
}

/**
 * Another run may share its calls out between its threads in another way, or make one more that
 * changes nothing: what a pass has missed, the next ones look for beside where it was, and there again.
 */
const PASSES = [0, -1, 1, -2, 2, 0, -1, 1, -3, 3, -4, 4];

/**
 * Runs the program once to its end, and then kills it before each call that changes a file, a name
 * or an attribute, or that syncs one. It fails if there is such a call before which no run was
 * killed.
 *
 * @returns where it was killed, in the order of the calls
 */
export async function sweepKills(
  t: ExecutionContext,
  program: string,
  arrange: () => Promise<Run>,
  choose: (changes: Change[]) => Change[] = (changes) => changes,
  mayMiss = 0,
): Promise<Kill[]> {
  const recorded = await runOnce(t, program, await arrange());
  const chosen = new Set(choose(recorded.changes));
  const kills = new Map<number, Kill>();
  const tried = new Set<string>();
  for (const [pass, shift] of PASSES.entries()) {
    for (const [done, change] of recorded.changes.entries()) {
      if (!chosen.has(change) || kills.has(done)) continue;
      const { call, text } = change;
      const { name, when } = pointOf(recorded.calls, call);
      const point = { name, when: Math.max(1, when + shift) };
      const key = `${pass} ${point.name} ${point.when}`;
      if (tried.has(key)) continue;
      tried.add(key);
      const run = await arrange();
      const { changes, wasKilled, lines } = await runOnce(t, program, run, point);
      if (!wasKilled) continue;
      const before = recorded.changes[changes.length]?.text ?? text;
      const kill = { done: changes.length, before, said: lines };
      await run.check(kill);
      kills.set(kill.done, kill);
    }
  }
  const missed = recorded.changes.filter((change, done) => chosen.has(change) && !kills.has(done));
  const texts = missed.map(({ text }) => text);
  if (missed.length > mayMiss * chosen.size) {
    t.deepEqual(texts, [], "no run was killed before these calls");
  } else if (missed.length > 0) {
    t.log(`no run was killed before ${texts.join(", ")}`);
  }
  return [...kills.values()].sort((a, b) => a.done - b.done);
}

interface Ran {
  calls: Call[];
  changes: Change[];
  lines: string[];
  wasKilled: boolean;
}

async function runOnce(
  t: ExecutionContext,
  program: string,
  { root, arguments: args, isDisregarded = () => false }: Run,
  killBefore?: KillPoint,
): Promise<Ran> {
  const before = await readDisk(root);
  const options = killBefore === undefined ? {} : { killBefore };
  const { calls, lines, wasKilled } = await traceProgram(t, program, {
    arguments: args,
    ...options,
  });
  return {
    calls,
    lines,
    wasKilled,
    changes: changesIn(calls, historyOf(calls, { root, before, isDisregarded })),
  };
}

/** The calls that changed something, each once. */
function changesIn(calls: readonly Call[], { operations }: History): Change[] {
  const changes = new Map<number, Change>();
  for (const { kind, call, text } of operations) {
    if (kind === "mark" || changes.has(call)) continue;
    changes.set(call, { call, thread: calls[call]?.thread ?? 0, text });
  }
  return [...changes.values()];
}

/** How strace finds a call again: it counts the calls of a name in each thread. */
function pointOf(calls: readonly Call[], index: number): KillPoint {
  const call = calls[index];
  if (call === undefined) throw new Error(`The trace has no call ${index}`);
  const { name, thread } = call;
  const isAlike = (other: Call): boolean => other.name === name && other.thread === thread;
  return { name, when: calls.slice(0, index + 1).filter(isAlike).length };
}
