/** Other processes of a test: programs of `support/programs/`, which talk in lines. */
import type { ExecutionContext } from "ava";
import { startHelper, type Ended, type Program } from "./helper-process.mjs";

interface StartOptions {
  arguments?: string[];
  /** Options of the runtime itself, such as `--expose-gc`. */
  runtime?: string[];
}

/** Starts a program. The end of the test ends it, by its own id. */
export function startProgram(
  t: ExecutionContext,
  name: string,
  { arguments: args = [], runtime = [] }: StartOptions = {},
): Program {
  const program = startHelper(name, args, runtime);
  t.teardown(async () => {
    program.kill();
    await program.ended;
  });
  return program;
}

/** Runs a program to its end. */
export function runProgram(
  t: ExecutionContext,
  name: string,
  options?: StartOptions,
): Promise<Ended> {
  return startProgram(t, name, options).ended;
}

/** Runs a program that ends well, and reads what it printed last as JSON. */
export async function reportOf<T>(
  t: ExecutionContext,
  name: string,
  options?: StartOptions,
): Promise<T> {
  const { code, signal, lines, errors } = await runProgram(t, name, options);
  t.is(signal, null, `${name} was ended by a signal: ${errors}`);
  t.is(code, 0, `${name} failed: ${errors}`);
  return JSON.parse(lines.at(-1) ?? "null") as T;
}

/** A lock that another process holds. */
export interface HeldLock {
  /** Has it given back, and waits for that. */
  release(): Promise<void>;
}

/**
 * Has another process lock a database, and waits until it has. "write" is the lock of a
 * `BEGIN IMMEDIATE`; "exclusive" keeps readers out too.
 */
export async function lockElsewhere(
  t: ExecutionContext,
  file: string,
  kind: "write" | "exclusive",
): Promise<HeldLock> {
  const program = startProgram(t, "lock-holder", { arguments: [file, kind] });
  await program.waitFor("held");
  return {
    release: async () => {
      program.say("release");
      await program.waitFor("released");
    },
  };
}
