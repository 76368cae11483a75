/**
 * The types of `latchdb` and `latchdb/node`: those of `@libsql/client`, and what latchdb adds.
 *
 * @packageDocumentation
 */
import type * as core from "@libsql/core/api" with { "resolution-mode": "import" };

import type { DatabaseSwapOptions, DatabaseSwapResult } from "./types/swap.js";

export * from "./types/swap.js";

export type Client = core.Client;
export type Config = core.Config;
export type InArgs = core.InArgs;
export type InStatement = core.InStatement;
export type InValue = core.InValue;
export type IntMode = core.IntMode;
export type Replicated = core.Replicated;
export type ResultSet = core.ResultSet;
export type Row = core.Row;
export type Transaction = core.Transaction;
export type TransactionMode = core.TransactionMode;
export type Value = core.Value;

/** An error with a `code`. It is `@libsql/core`'s class, however latchdb was loaded. */
export const LibsqlError: typeof core.LibsqlError;
export type LibsqlError = core.LibsqlError;

/**
 * What an error of a call has where some of what the call did is committed all the same: earlier
 * statements of a script, what a batch did before a COMMIT of its own, or what a statement did
 * before an OR FAIL or RAISE(FAIL); and all of it where the answer alone could not be read
 * (ANSWER_UNREADABLE, for want of memory). Without it nothing of the call is committed. An abort rejects
 * with the signal's `reason`, to which nothing is added.
 */
export interface PartlyCommitted {
  readonly committed?: true;
}

/** An error of one statement of a batch: `statementIndex` says which one. */
export const LibsqlBatchError: typeof core.LibsqlBatchError;
export type LibsqlBatchError = core.LibsqlBatchError;

/**
 * A result whose rows have a type of the caller's own: `execute<{ id: number }>("SELECT id FROM t")`.
 * It is the caller's word: nothing checks it.
 */
export interface ResultSetOf<R> extends ResultSet {
  rows: Array<R & Row>;
}

/** A statement whose call can be aborted. */
export interface AbortableStatement {
  sql: string;
  args?: InArgs;
  /** See {@link SignalOption.signal}. */
  signal?: AbortSignal | undefined;
}

/** The option of calls that take no statement object. */
export interface SignalOption {
  /**
   * Aborts the call. While it waits it is taken out of its queue; while it runs, SQLite is
   * interrupted (https://sqlite.org/c3ref/interrupt.html) and a wait for a lock ends. The promise
   * rejects with the signal's `reason`, unless the work was done already: then it resolves, for
   * what it wrote is there.
   *
   * Aborting a write inside a transaction ends the transaction: SQLite rolls it back. The signal of
   * `transaction()` belongs to the whole transaction: aborting it closes it.
   */
  signal?: AbortSignal | undefined;
}

/** What {@link LatchClient.shutdown} and {@link shutdownAll} are given. */
export interface ShutdownOptions {
  /**
   * Whether everything that was called before is let finish first. Open transactions are rolled back
   * behind what they were called for. Default: false, that is: calls are cancelled.
   */
  drain?: boolean;
  /**
   * How long to drain, in ms; what is left then is cancelled. Default: 10,000. Less than 0 is 0; more
   * than 2^31 - 1 (24 days), the longest time that timers know, is that.
   */
  timeoutMs?: number;
}

/**
 * One step of a closing. Subscribers of the `diagnostics_channel` named `latchdb:close` get one
 * message for each, `{ path, step, ms }`, also for {@link LatchClient.close}.
 */
export interface ClosingStep {
  /**
   * `drain`: what was called before is let finish; `cancel`: the rest is cancelled; `join`: the
   * client's threads end; `close`: its connections are closed.
   */
  step: "drain" | "cancel" | "join" | "close";
  /** How long it took, in ms. */
  ms: number;
}

/** What {@link LatchClient.shutdown} reports. */
export interface ShutdownReport {
  /** The absolute path of the database; SQLite's URI of one in memory; empty for a temporary one. */
  path: string;
  /** How many calls still got their answer. */
  drained: number;
  /** How many calls were cancelled: they reject with CLIENT_CLOSED. */
  cancelled: number;
  /** How many connections were closed. */
  connections: number;
  /** Whether a `-wal` file is left, because the database is open elsewhere too. */
  walLeft: boolean;
  /** What was done, in its order. */
  steps: ClosingStep[];
  /** How long it took, in ms. */
  ms: number;
}

/** A client that could not be closed: SQLite refused. */
export interface FailedClosing {
  /** See {@link ShutdownReport.path}. */
  path: string;
  /** SQLite's code. */
  code: string;
  message: string;
}

/** What {@link shutdownAll} reports. */
export interface ShutdownAllReport {
  /** One report for each client that was open. */
  clients: ShutdownReport[];
  failures: FailedClosing[];
  /** How long it took, in ms. */
  ms: number;
}

/** A `Worker` of `node:worker_threads`: what {@link terminateWorker} uses of it. */
export interface TerminableWorker {
  readonly threadId: number;
  terminate(): Promise<number>;
  once(event: "exit", listener: (exitCode: number) => void): unknown;
}

/** What {@link terminateWorker} reports. */
export interface TerminationReport extends ShutdownAllReport {
  /** Whether the worker said within the limit that its clients are closed, or had none. */
  acknowledged: boolean;
  /** The worker's exit code; undefined where it had ended before. */
  exitCode: number | undefined;
  /** How long it took to ask and be answered, and to terminate, in ms. */
  steps: Array<{ step: "ask" | "terminate"; ms: number }>;
}

/**
 * A client: `@libsql/client`'s, and what latchdb adds.
 *
 * Calls keep their order, awaited or not. Lists and arguments that are given to a call must not be
 * changed before its promise settles: a long batch is read over several turns of the event loop.
 */
export interface LatchClient extends Client {
  /**
   * Runs one statement. Text after the first statement is ignored. Where the rows of a statement that
   * writes (RETURNING) cannot be given, nothing is written.
   *
   * `BEGIN` and `SAVEPOINT` begin a transaction on the client itself
   * (https://sqlite.org/lang_transaction.html). Until COMMIT, ROLLBACK or RELEASE ends it, what
   * `execute()` and {@link executeMultiple} are called for runs in it, in the order of the calls.
   * {@link batch}, {@link migrate} and {@link replaceDatabase} wait for its end, as long as for that of
   * any other transaction of the client that is idle; {@link transaction} has a connection of its own,
   * where there can be one. `close()` rolls it back.
   *
   * @throws LibsqlError with SQLite's code; CLIENT_CLOSED; TRANSACTION_ACTIVE where open
   * transactions hold every connection; ARGUMENT_NOT_SUPPORTED; VECTOR_INDEX_NOT_SUPPORTED for a table
   * with a vector index of libSQL's
   * @throws TypeError for an `undefined` argument
   * @throws RangeError for a number that is not finite, a bigint beyond 64 bits, and with
   * `intMode: "number"` an integer in the result that a number cannot hold
   */
  execute<R = Row>(stmt: InStatement | AbortableStatement): Promise<ResultSetOf<R>>;
  execute<R = Row>(sql: string, args?: InArgs): Promise<ResultSetOf<R>>;

  /**
   * Runs statements in one transaction: all of them, or none. One that holds a write begins with
   * `BEGIN IMMEDIATE`, also in mode "deferred" (the default).
   *
   * @throws LibsqlBatchError with the `statementIndex` of the statement that failed
   */
  batch(
    stmts: Array<InStatement | [string, InArgs?]>,
    mode?: TransactionMode,
    options?: SignalOption,
  ): Promise<Array<ResultSet>>;

  /** Like {@link batch}, with foreign keys off meanwhile; afterwards they are what they were. */
  migrate(
    stmts: Array<InStatement | [string, InArgs?]>,
    options?: SignalOption,
  ): Promise<Array<ResultSet>>;

  /**
   * Begins a transaction (default mode: "write"). Writers of one client wait for each other, in the
   * order of their calls; a wait for a transaction that is idle ends in SQLITE_BUSY after the
   * client's `timeout` (5 s where none is set).
   */
  transaction(mode?: TransactionMode, options?: SignalOption): Promise<LatchTransaction>;

  /**
   * Runs a text of several statements. A transaction that it begins and leaves open is rolled back.
   * Each statement outside of a transaction is committed when it ends: where the call fails, or is
   * aborted, the statements before stay (the error has `committed: true`).
   */
  executeMultiple(sql: string, options?: SignalOption): Promise<void>;

  /**
   * Closes what is open, and opens the database afresh: before it returns, but where
   * {@link replaceDatabase} is under way. Then it waits for the end of that; what is called meanwhile,
   * after it, waits too, and sees the database that it opens.
   *
   * @throws LibsqlError CLIENT_CLOSED where the client is closed meanwhile
   */
  reconnect(): Promise<void>;

  /**
   * Replaces the client's database by a new one ({@link swapDatabase}), and goes on with that, with the
   * settings that the client has. What was called before ends first; open transactions are waited
   * for. What is called later only waits: it sees the new database, or, where the swap failed, the old
   * one. While it goes on the client has no connection, and it does not count as closed.
   *
   * {@link close} ends the calls that wait with CLIENT_CLOSED; the swap itself goes on.
   *
   * @throws SwapError as {@link swapDatabase} does
   * @throws LibsqlError TRANSACTION_ACTIVE where a transaction is still open after `timeoutMs`;
   * CONNECTION_STATE where TEMP tables or attached databases would be lost; NOT_A_FILE for a
   * database in memory; CLIENT_CLOSED: in each case nothing is changed
   * @throws TypeError for options that are wrong in themselves, and the signal's `reason`
   */
  replaceDatabase(options: DatabaseSwapOptions): Promise<DatabaseSwapResult>;

  /**
   * Closes the client. When this returns, no descriptor, lock, thread or statement of it is left;
   * calls that have not ended reject with CLIENT_CLOSED, transactions are rolled back. Idempotent.
   *
   * Takes 100 ms at most, plus what cannot be interrupted: one built-in function that runs, one
   * fsync, the closing checkpoint (about 1 s per 300 MB of WAL), and for `cache=shared` in memory
   * the statement that another client runs on it. {@link shutdown} does it off the event loop.
   */
  close(): void;

  /**
   * Closes the client off the event loop. Callers at the same time share one closing and its report;
   * the earliest of their limits counts, and {@link close} ends the draining at once. A client that
   * was opened again ({@link reconnect}) has a new one.
   *
   * @throws LibsqlError with SQLite's code where a connection could not be closed; TypeError and
   * RangeError for a `timeoutMs` that is no number: then the client stays open
   */
  shutdown(options?: ShutdownOptions): Promise<ShutdownReport>;

  /** {@link close} */
  [Symbol.dispose](): void;
  /** {@link shutdown} */
  [Symbol.asyncDispose](): Promise<void>;
}

/** A transaction: `@libsql/client`'s, and what latchdb adds. */
export interface LatchTransaction extends Transaction {
  execute<R = Row>(stmt: InStatement | AbortableStatement): Promise<ResultSetOf<R>>;
  execute<R = Row>(sql: string, args?: InArgs): Promise<ResultSetOf<R>>;
  batch(
    stmts: Array<InStatement | [string, InArgs?]>,
    options?: SignalOption,
  ): Promise<Array<ResultSet>>;
  executeMultiple(sql: string, options?: SignalOption): Promise<void>;

  /** Rolls back, if it is still open, and waits for that (100 ms at most): its locks are free. */
  close(): void;
  /** {@link close} */
  [Symbol.dispose](): void;
}

/**
 * Makes a client for a local database (`file:` or `:memory:`) and opens it.
 *
 * @throws LibsqlError SQLITE_CANTOPEN (the message says which file and why), URL_INVALID,
 * URL_SCHEME_NOT_SUPPORTED, URL_PARAM_NOT_SUPPORTED, ENCRYPTION_KEY_NOT_SUPPORTED,
 * SYNC_NOT_SUPPORTED
 * @throws TypeError where the configuration is no object
 */
export function createClient(config: Config): LatchClient;

/**
 * Shuts down every client that this environment (the main thread, or a worker) has open, all at the
 * same time, like {@link LatchClient.shutdown} of each. It may be called again, also meanwhile, and
 * new clients can be opened afterwards. Other copies of latchdb in the environment shut theirs down
 * too, if they use the same binary file. `failures` names what SQLite refused to close.
 *
 * @throws TypeError and RangeError for a `timeoutMs` that is no number
 */
export function shutdownAll(options?: ShutdownOptions): Promise<ShutdownAllReport>;

/**
 * Ends a worker in good order, from the thread that started it: asks latchdb in the worker to
 * {@link shutdownAll}, waits until that is acknowledged, for `timeoutMs` (default: 10,000) at most,
 * and terminates the worker, in any case. Of the limit, nine tenths are the worker's for draining.
 * Calls for the same worker share one request and one report: the options of the first one count.
 *
 * A worker that does not answer (its event loop is blocked) is terminated at the limit; its clients
 * are closed all the same, by the cleanup hook of its environment.
 *
 * @throws TypeError and RangeError for a `timeoutMs` that is no number: then nothing is done
 */
export function terminateWorker(
  worker: TerminableWorker,
  options?: ShutdownOptions,
): Promise<TerminationReport>;
