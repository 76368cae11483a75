/**
 * Traces of calls, on the tracing channel `latchdb:query`
 * (https://nodejs.org/api/diagnostics_channel.html#class-tracingchannel). The methods of the API begin a trace; what
 * runs a call tells the trace when it does. While nobody listens, a call costs one look at the channel.
 */
import type { QueryTrace } from "../../index.js";
import { builtin } from "./builtin";
import { errorOf } from "./failure";

/** The methods of which each call is a trace. */
type Method = "execute" | "get" | "batch" | "migrate" | "executeMultiple";

/** What a transaction does besides the calls of its methods. */
type Step = "begin" | "executeMany" | "commit" | "rollback";

/** Where the calls of a client or a transaction run. */
export interface TracedPlace {
  /** The path of a file, or the URL of a server without secrets. */
  path: string;
  /** Whether they are those of an interactive transaction. */
  transaction: boolean;
}

const BATCHES: ReadonlySet<string> = new Set<Method>(["batch", "migrate"]);

/** Longer SQL of a batch is cut here, in UTF-16 units. */
const LONGEST_SQL = 64 * 1024;

const queries = builtin("node:diagnostics_channel")?.tracingChannel?.("latchdb:query");

/** Whether anybody listens. `hasSubscribers` of the whole channel is missing before Node 20.13. */
const isHeard = queries === undefined ? (): boolean => false : hasSubscribersOf(queries);

function hasSubscribersOf(channels: NonNullable<typeof queries>): () => boolean {
  const { start, end, asyncStart, asyncEnd, error } = channels;
  return () =>
    asyncEnd.hasSubscribers ||
    start.hasSubscribers ||
    end.hasSubscribers ||
    asyncStart.hasSubscribers ||
    error.hasSubscribers;
}

/** The trace of one call. What runs the call adds to it. */
export class Trace {
  readonly context: QueryTrace;
  readonly #made = performance.now();
  #isSubmitted = false;
  /** It was told. What is heard of it later is not in it. */
  #isSettled = false;
  /** Since when it has been running, in ms; undefined if that is measured elsewhere. */
  #began: number | undefined;

  constructor(method: QueryTrace["method"], sql: string, { path, transaction }: TracedPlace) {
    this.context = {
      method,
      sql,
      path,
      transaction,
      lane: undefined,
      queuedMs: 0,
      runMs: 0,
      rows: 0,
      error: undefined,
    };
  }

  /** It leaves the queue: it begins to run, or waits for a thread. */
  submitted(): void {
    if (this.#isSubmitted || this.#isSettled) return;
    this.#isSubmitted = true;
    this.context.queuedMs += performance.now() - this.#made;
  }

  /** It begins to run on this lane. */
  begins(lane: QueryTrace["lane"]): void {
    if (this.#isSettled) return;
    this.submitted();
    this.context.lane = lane;
    this.#began = performance.now();
  }

  /** It has run since `begins()`. */
  ended(): void {
    if (this.#began === undefined) return;
    this.context.runMs += performance.now() - this.#began;
    this.#began = undefined;
  }

  /** It could not run where it had begun to. */
  wasRefused(): void {
    if (this.#isSettled) return;
    this.context.lane = undefined;
    this.#began = undefined;
  }

  /** It has run on this lane: it has waited for that since `submitted()`, and has run, for these times in ms. */
  ran(lane: QueryTrace["lane"], queuedMs: number, runMs: number): void {
    if (this.#isSettled) return;
    this.context.lane = lane;
    this.context.queuedMs += queuedMs;
    this.context.runMs += runMs;
  }

  /** It has failed, or has all of its rows. */
  settled(error?: { error: unknown }): void {
    this.ended();
    // It has never run.
    if (!this.#isSubmitted) this.submitted();
    if (error !== undefined) this.context.error = error.error;
    this.#isSettled = true;
  }
}

/** The trace of the call that is being made. */
let current: Trace | undefined;

/** The trace of the call that is being made or started; undefined if it has none. */
export function currentTrace(): Trace | undefined {
  return current;
}

/** Starts a call, or a part of it, that was made before. */
export function withTrace<T>(trace: Trace | undefined, start: () => T): T {
  const outer = current;
  current = trace;
  try {
    return start();
  } finally {
    current = outer;
  }
}

type AnyMethod = (this: object, ...args: unknown[]) => unknown;

/** Lets the calls of a class be traced. `placeOf` tells where those of an instance run. */
export function traceCalls<C extends object>(
  { prototype }: { prototype: C },
  methods: ReadonlyArray<(Method | "iterate") & keyof C>,
  placeOf: (self: C) => TracedPlace,
): void {
  if (queries === undefined) return;
  for (const method of methods) {
    const call = prototype[method] as AnyMethod;
    const trace = method === "iterate" ? traceIterator : traceCall;
    const traced = function (this: C, first: unknown, second: unknown, third: unknown): unknown {
      if (!isHeard()) return call.call(this, first, second, third);
      const start = (): unknown => call.call(this, first, second, third);
      const sql = BATCHES.has(method) ? sqlOfBatch(first) : sqlOfStatement(first);
      return trace(new Trace(method, sql, placeOf(this)), start);
    };
    Object.defineProperty(traced, "name", { value: method });
    Object.defineProperty(traced, "length", { value: call.length });
    Object.defineProperty(prototype, method, {
      value: traced,
      writable: true,
      enumerable: false,
      configurable: true,
    });
  }
}

/** Traces a step of a transaction, whose failure is no error yet. */
export function tracedStep<T>(
  step: Step,
  sql: string,
  place: TracedPlace,
  start: () => Promise<T>,
): Promise<T> {
  if (!isHeard()) return start();
  return traceCall(new Trace(step, sql, place), start) as Promise<T>;
}

/** Traces a call as `TracingChannel.tracePromise` does. The caller's function is in the stacks of errors, too. */
async function traceCall(trace: Trace, start: () => unknown): Promise<unknown> {
  const { context } = trace;
  let failed: { error: unknown } | undefined;
  try {
    const result = await started(trace, start as () => Promise<unknown>);
    context.rows = context.method === "get" ? Number(result !== undefined) : rowsOf(result);
    return result;
  } catch (error) {
    failed = { error: errorOf(error) };
    throw error;
  } finally {
    publishEnd(trace, failed);
  }
}

/** Starts a traced call. */
export function started<T>(trace: Trace, start: () => T): T {
  try {
    // With the stores that are bound to the channel (OpenTelemetry's, for example).
    return queries?.start.runStores(trace.context, () => withTrace(trace, start)) as T;
  } finally {
    queries?.end.publish(trace.context);
  }
}

/** Tells the end of a traced call. */
export function publishEnd(trace: Trace, failed: { error: unknown } | undefined): void {
  trace.settled(failed);
  const { context } = trace;
  if (failed !== undefined) queries?.error.publish(context);
  queries?.asyncStart.publish(context);
  queries?.asyncEnd.publish(context);
}

/** Traces an iterator from its first fetch to its end. */
function traceIterator(trace: Trace, start: () => unknown): unknown {
  return withTrace(trace, start);
}

/** The SQL of a batch. Reads nothing that could run code of the caller's twice but the statements and their `sql`. */
function sqlOfBatch(given: unknown): string {
  if (!Array.isArray(given)) return "";
  let sql = "";
  for (let i = 0; i < given.length; i++) {
    if (sql !== "") sql += ";\n";
    sql += sqlOfStatement(given, i);
    if (sql.length > LONGEST_SQL) return `${sql.slice(0, LONGEST_SQL)}…`;
  }
  return sql;
}

/** The SQL of a statement, which is in a batch at `index`. There it may be `[sql, args]`. */
function sqlOfStatement(given: unknown, index?: number): string {
  try {
    const statement: unknown = index === undefined ? given : (given as unknown[])[index];
    if (typeof statement === "string") return statement;
    const isPair = index !== undefined && Array.isArray(statement);
    const text: unknown = isPair ? statement[0] : (statement as { sql?: unknown } | null)?.sql;
    return typeof text === "string" ? text : "";
  } catch {
    // A getter that throws: the call itself reports it.
    return "";
  }
}

/** The number of rows in a call's answer. */
function rowsOf(result: unknown): number {
  if (Array.isArray(result)) return result.reduce<number>((sum, one) => sum + rowsOf(one), 0);
  const rows = (result as { rows?: unknown } | undefined)?.rows;
  return Array.isArray(rows) ? rows.length : 0;
}
