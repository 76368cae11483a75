/** Runs a statement for each of many lists of arguments, as fast as the database takes them. */
import type { InArgs } from "@libsql/core/api";
import type { CallSignal } from "./call-signal";
import { currentTrace, withTrace, type Trace } from "./tracing";

/** Where the lists come from. */
export type Arguments = Iterable<InArgs> | AsyncIterable<InArgs>;

/** The lists of one request. */
export interface Portion {
  /** Takes a list, whose array the caller may use again afterwards. */
  add(args: InArgs): void;
  readonly isFull: boolean;
  /** Runs the statement for the lists so far. Resolves to the number of rows that have changed. */
  run(): Promise<number>;
}

/**
 * Reads a source to its end. One portion runs while the next one is filled; the source is not read further
 * ahead.
 * @param begin makes an empty portion; `first` is the index of its first list
 * @returns the number of rows that have changed
 * @throws what the source throws, of which nothing more is read; the error of a statement
 */
export function runAll(
  source: Arguments,
  begin: (first: number) => Portion,
  signal: CallSignal | undefined,
): Promise<number> {
  const trace = currentTrace();
  // The time that the source takes is no wait, and the calls that the source makes are not of this trace.
  trace?.submitted();
  return withTrace(undefined, () => readAll(source, begin, signal, trace));
}

async function readAll(
  source: Arguments,
  begin: (first: number) => Portion,
  signal: CallSignal | undefined,
  trace: Trace | undefined,
): Promise<number> {
  let rowsAffected = 0;
  let running: Promise<number> | undefined;
  let count = 0;
  let portion = begin(count);
  let isEmpty = true;
  const run = async (): Promise<void> => {
    const earlier = running;
    if (earlier !== undefined) rowsAffected += await earlier;
    signal?.throwIfAborted();
    running = withTrace(trace, () => portion.run());
    // It is awaited later, when the next portion is full.
    running.catch(() => undefined);
    portion = begin(count);
    isEmpty = true;
  };
  try {
    for await (const args of source) {
      portion.add(args);
      isEmpty = false;
      count++;
      if (portion.isFull) await run();
    }
  } catch (error) {
    await running?.catch(() => undefined);
    throw error;
  }
  if (!isEmpty) await run();
  if (running !== undefined) rowsAffected += await running;
  return rowsAffected;
}
