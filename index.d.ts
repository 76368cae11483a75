/**
 * The types of `latchdb` and `latchdb/node`: the types of `@libsql/client`, and latchdb's additions.
 *
 * @packageDocumentation
 */
import "./types/globals.js";
import type * as core from "./types/core.js";
import type {
  Client,
  Config,
  InArgs,
  InStatement,
  InValue,
  IntMode,
  ResultSet,
  Row,
  Transaction,
  TransactionMode,
  Value,
} from "./types/core.js";
import type { DatabaseSwapOptions, DatabaseSwapResult } from "./types/swap.js";

export * from "./types/swap.js";

export type {
  Client,
  Config,
  InArgs,
  InStatement,
  InValue,
  IntMode,
  Replicated,
  ResultSet,
  Row,
  Transaction,
  TransactionMode,
  Value,
} from "./types/core.js";

/**
 * An error with a `code`. The class is `@libsql/core`'s, and there is one of it: `import` and `require`
 * of latchdb give the same class.
 */
export const LibsqlError: typeof core.LibsqlError;
export type LibsqlError = core.LibsqlError;

/**
 * A property of latchdb's errors: the call failed, but some of its work is committed. Where the property
 * is missing, nothing of the call is committed. An abort rejects with the signal's `reason`, to which
 * nothing is added: earlier statements of an aborted script may be committed.
 */
export interface PartlyCommitted {
  /**
   * Set to true where the database keeps
   *
   * - earlier statements of a script ({@link LatchClient.executeMultiple});
   * - the statements of a batch before a COMMIT that the batch itself contains;
   * - the rows that a statement wrote before an OR FAIL (https://sqlite.org/lang_conflict.html) or
   *   RAISE(FAIL) stopped it;
   * - the whole call, where only the answer could not be read (ANSWER_UNREADABLE: out of memory).
   */
  readonly committed?: true;
  /**
   * Set to true where a server had got the call, and its answer did not come: nobody knows whether the
   * database has the changes. latchdb does not send such a call again, except SELECT, VALUES and EXPLAIN.
   */
  readonly maybeCommitted?: true;
}

/**
 * A property of latchdb's errors of SQL. Their message shows the SQL behind its first line, which is SQLite's text:
 * the line with a caret below the place, or, of an error in a batch, a migration or a script that SQLite tells no
 * place of, the beginning of the statement. Arguments are never shown. Servers tell no place.
 */
export interface SqlPlace {
  /**
   * Where the wrong token begins in the SQL, in UTF-16 units, as `String.prototype.slice` counts: of a batch in that
   * of the statement, of a script in all of it. Missing where SQLite tells no place
   * (https://sqlite.org/c3ref/errcode.html, `sqlite3_error_offset`).
   */
  readonly offset?: number;
}

/**
 * A call, as the tracing channel `latchdb:query` tells it
 * (https://nodejs.org/api/diagnostics_channel.html#class-tracingchannel): one for each call that runs
 * statements, one for each iterator from its first fetch to its end, and one for the begin and the end of each
 * transaction. It is the message of all of the channel's events. What is known at the end only is complete in
 * `asyncEnd`. Arguments are not in it, nor a token or a key. Runtimes without `process.getBuiltinModule` (Node before 20.16) trace nothing.
 */
export interface QueryTrace {
  /**
   * The call. Of a transaction there are also `begin`, `commit` and `rollback`, whether it is one of `transaction(mode)` or
   * of `transaction(fn)`.
   */
  readonly method:
    | "execute"
    | "get"
    | "batch"
    | "migrate"
    | "executeMultiple"
    | "executeMany"
    | "iterate"
    | "begin"
    | "commit"
    | "rollback";
  /** The SQL; of a batch, its statements with `;` and a line break between them, 64 Ki UTF-16 units at most. */
  readonly sql: string;
  /** The path of the file, SQLite's name of a database in memory, or the URL of the server without its secrets. */
  readonly path: string;
  /** Whether it is a call of an interactive transaction. */
  readonly transaction: boolean;
  /**
   * Where it has run: on the thread of JavaScript (`in place`), on the main connection, on one that only reads, on
   * that of its transaction, or on a server. Undefined if it has not run.
   */
  lane: "in place" | "main" | "reader" | "transaction" | "server" | undefined;
  /** How long it has waited for other calls of its client, and for a thread, in ms. */
  queuedMs: number;
  /**
   * How long it has run, in ms: with waits for locks; of a call on a server, from the request to the answer; without the
   * time that the consumer of an iterator, or the source of an `executeMany()`, takes.
   */
  runMs: number;
  /** The number of rows in the answer. */
  rows: number;
  /** What the call rejects with; undefined if it does not. */
  error: unknown;
}

/** The error of a batch: `statementIndex` is the index (from 0) of the statement that failed. */
export const LibsqlBatchError: typeof core.LibsqlBatchError;
export type LibsqlBatchError = core.LibsqlBatchError;

/**
 * A result whose rows have a type that the caller names:
 * `execute<{ id: number }>("SELECT id FROM t")`. latchdb does not check the rows against the type.
 */
export interface ResultSetOf<R> extends ResultSet {
  rows: Array<R & Row>;
}

/**
 * What the rows of results are.
 *
 * - `"row"` (the default): `@libsql/client`'s rows. A column is reached by its name and by its index, and a
 *   row has a `length`. The prototype of a row is not Object.prototype.
 * - `"object"`: plain objects, `{ name: value }` with the prototype Object.prototype, for code that asks
 *   for that (superjson, React's Server Components, `assert.deepStrictEqual`). There are no indexes and no
 *   `length`, so that such rows are not for libraries that read rows by index (Drizzle).
 * - `"array"`: arrays with the values of all columns.
 * - `"pluck"`: the value of the first column alone.
 * - `"expand"`: `{ table: { column: value } }`, for joins of tables that have columns of one name. A table has
 *   the name that it has in the schema, not an alias. Expressions are under `"$"`. Not for servers, which do not
 *   say from which table a column is: OPTION_NOT_SUPPORTED.
 *
 * Where several columns have one name, a row with names has the first of them, with `"expand"` the first of its
 * table. `ResultSet.columns` names all of them. `ResultSet.toJSON()` has the values of all columns, as arrays; of
 * `"pluck"` and `"expand"` what the rows have.
 */
export type RowMode = "row" | "object" | "array" | "pluck" | "expand";

/** A row with `rowMode: "expand"`. */
export type ExpandedRow = Record<string, Record<string, Value>>;

/** What the rows of a mode are, without a type of the caller's. */
export type RowOf<M extends RowMode> = M extends "row"
  ? Row
  : M extends "object"
    ? ObjectRow
    : M extends "array"
      ? Value[]
      : M extends "pluck"
        ? Value
        : ExpandedRow;

/**
 * SQLite's limits of a connection (https://sqlite.org/c3ref/c_limit_attached.html), by the names of node:sqlite. Each
 * is a whole number from 0 on, or Infinity for the largest that SQLite was built with. Default: SQLite's. What goes
 * beyond a limit fails with SQLite's own error: SQLITE_TOOBIG, or SQLITE_ERROR.
 */
export interface Limits {
  /** The bytes of a value or a row. */
  length?: number;
  /** The bytes of a statement's text. */
  sqlLength?: number;
  /** The columns of a table, an index, a result or a statement's list. */
  column?: number;
  /** The depth of an expression. */
  exprDepth?: number;
  /** The terms of a compound SELECT. */
  compoundSelect?: number;
  /** The instructions of a statement's program. */
  vdbeOp?: number;
  /** The arguments of a function. */
  functionArg?: number;
  /** The attached databases. */
  attach?: number;
  /** The bytes of a pattern of LIKE or GLOB. */
  likePatternLength?: number;
  /** The number of the last parameter of a statement. */
  variableNumber?: number;
  /** The depth of triggers that fire triggers. */
  triggerDepth?: number;
}

/**
 * Where calls run.
 *
 * - `"auto"` (the default): a call of `execute()` runs on the thread of JavaScript if that takes less time
 *   than to wake another thread. The statement has been quick before, no earlier call has to come before
 *   it, no lock has to be waited for, and a commit would not wait for the disk. A call in place is ended
 *   after 0.5 ms, or at a value over 64 KiB, and then runs on another thread. Calls in place take 4 ms of
 *   each turn of the event loop; further ones wait for the next turn.
 * - `"thread"`: every call runs on another thread.
 */
export type Execution = "auto" | "thread";

/**
 * What copies the WAL into the database (https://sqlite.org/wal.html#ckpt), once it has as many pages as
 * `PRAGMA wal_autocheckpoint` says (1,000 by default; 0 for never).
 *
 * - `"background"` (the default): a connection of its own, beside the calls. Where commits never pause, the
 *   WAL cannot begin anew; once it has four times as many pages, writers wait for the rest of a checkpoint.
 *   The connection is opened with the first checkpoint, closed after 5 s without one, and does not count
 *   against `concurrency`. A client that has attached a database, has a TEMP table or an exclusive locking
 *   mode makes them by "commit".
 * - `"commit"`: the commit itself, as in SQLite. The call that commits takes as long as the copy.
 */
export type Checkpoints = "background" | "commit";

/** The configuration of {@link createClient}: `@libsql/client`'s, and latchdb's additions. */
export interface LatchConfig extends Omit<Config, "authToken"> {
  /**
   * The token for the server, or a function that gives one. The function is called for each request over
   * HTTP, and for each connection by a WebSocket; what it throws is the error of the call. Local databases
   * need no token. Default: none.
   */
  authToken?: string | (() => string | Promise<string>) | undefined;
  /**
   * How long a statement may run, in ms; then its call ends in SQLITE_INTERRUPT. Default: no limit.
   *
   * On a local database the time counts while the statement runs, not while it waits for its turn, for a lock, or
   * for rows to be fetched. It holds for each statement of a batch or a script, and for each chunk of an iterator. A
   * write that is interrupted inside of a transaction rolls the transaction back, as an abort does.
   *
   * On a server it is the time for the answer to a call, from when the call is sent, with `maybeCommitted: true`
   * ({@link PartlyCommitted}): the server may carry it out nevertheless.
   */
  queryTimeout?: number | undefined;
  /**
   * Whether the file is opened for reading only: a write is SQLITE_READONLY. The file must exist. Not for databases in
   * memory (TypeError) nor for servers (OPTION_NOT_SUPPORTED). Default: false.
   */
  readOnly?: boolean | undefined;
  /**
   * Whether a missing file is SQLITE_CANTOPEN; otherwise it is created. Not for servers (OPTION_NOT_SUPPORTED). Default:
   * false.
   */
  fileMustExist?: boolean | undefined;
  /**
   * Whether a statement's arguments have to be those of its parameters: as many by position, or one for each name. A
   * missing, an unknown or a surplus argument is ARGUMENT_MISMATCH, and the statement has no effect. A server always
   * refuses such arguments, with its own code ARGS_INVALID. Default: false, where a missing argument is NULL and a
   * surplus one is ignored.
   */
  strict?: boolean | undefined;
  /**
   * What values become, by the declared type of their column (https://sqlite.org/c3ref/column_decltype.html), in upper
   * or lower case: `{ BOOLEAN: Boolean, JSON: JSON.parse }`. An expression has no declared type. A converter gets
   * the value that it would be without, and is not asked for NULL. What it throws is the error of the call,
   * which has taken effect nevertheless. Default: none.
   */
  converters?: Record<string, ((value: any) => unknown) | undefined> | undefined;
  /** SQLite's limits, on each connection. Not for servers (OPTION_NOT_SUPPORTED). Default: SQLite's. */
  limits?: Limits | undefined;
  /**
   * The content of a database in memory: the bytes of a database file. A `:memory:` database begins with it, and
   * begins with it again after `reconnect()`. What is no database is SQLITE_NOTADB. Default: an empty database.
   */
  data?: ArrayBuffer | ArrayBufferView | undefined;
  /** What the rows of results are, also in transactions and batches. Default: "row". */
  rowMode?: RowMode | undefined;
  /** Where calls run. Default: "auto". */
  execution?: Execution | undefined;
  /**
   * How many connections of a file are for reading alone. A read that takes longer than 2 ms runs on one of
   * them, beside the other calls, if the file is in WAL mode; in a rollback-journal mode reads run there only
   * while a write waits for a lock or for a transaction. They are opened when they are needed, closed after
   * 5 s without a call, and do not count against `concurrency`. 0 for none: then the calls outside of
   * transactions run one after the other. A database in memory has none. Default: the number of processors,
   * at most 4; 0 with a `concurrency` of 1.
   */
  readers?: number | undefined;
  /**
   * Whether calls of `execute()` that write, outside of transactions, and wait behind each other while a commit
   * waits for the disk, are committed together (group commit), each as if it were alone: it is answered after
   * the common commit, and its error is its own. Only where a
   * commit waits for the disk: in rollback-journal modes, and in WAL mode with `synchronous` FULL. A group has
   * at most 256 calls, and takes no further one after 5 ms. Other processes see all of its calls at once. Not
   * for servers. Default: true.
   */
  groupCommit?: boolean | undefined;
  /** What makes checkpoints in WAL mode. Not for servers. Default: "background". */
  checkpoints?: Checkpoints | undefined;
  /**
   * How long `transaction()` waits for a connection while `concurrency` transactions are open and idle, in
   * milliseconds. After that it rejects with TRANSACTION_ACTIVE. Not for servers. Default: `timeout`, or 4 s
   * without one.
   */
  acquireTimeout?: number | undefined;
  /**
   * The most calls outside of transactions that may be without an answer. A further one rejects with QUEUE_FULL.
   * Not for servers. Default: no limit.
   */
  maxQueue?: number | undefined;
  /**
   * Whether to take over the vector indexes that libSQL has made. A statement that touches the table of one is
   * otherwise refused with VECTOR_INDEX_NOT_SUPPORTED. With `true`, the first such statement makes the file's
   * indexes ours, in one transaction; libSQL can then read the file, and write to the table after DROP INDEX
   * and CREATE INDEX. There is no backup: `npx latchdb adopt` makes one. Not for servers. Default: false.
   */
  adoptVectorIndexes?: boolean | undefined;
}

/** A statement that {@link sql} has made: for every call that takes a statement. */
export interface SqlStatement {
  /** The text, with `?` for each value. */
  sql: string;
  /** The values. A list is an array among them, which a local client binds, and a remote one expands. */
  args: Array<InValue>;
}

declare const rowType: unique symbol;

/** A {@link SqlStatement} whose rows have a type: `sql<{ id: number }>`. */
export interface TypedSqlStatement<R> extends SqlStatement {
  /** For the compiler alone: there is no such property. */
  readonly [rowType]: R;
}

/**
 * A template tag for statements.
 *
 * ```javascript
 * const adult = sql`age >= ${18}`;
 * await client.execute(sql`SELECT * FROM people WHERE ${adult} AND id IN ${ids}`);
 * ```
 *
 * - A value is bound, never written into the text. It is converted as an argument of `execute()` is.
 * - An array is a list, behind IN: `IN ${ids}`, or `IN (${ids})`. On a local database the text is the same
 *   for lists of any length, so that the statement stays prepared, and the number of values has no limit.
 *   On a server the text has a `?` for each value, of which a server takes at most 32,766. Without values
 *   no row is in the list.
 * - A statement of `sql` as a value becomes a part of this one. An object that looks like one does not.
 *
 * The text itself has no parameters (`?`, `:name`). `sql<Row>` gives the rows of `execute()` and `get()` a
 * type, which is not checked.
 *
 * @throws TypeError for an array that is not behind IN, and for a call that is not a template
 */
export function sql(text: TemplateStringsArray, ...values: unknown[]): SqlStatement;
export function sql<R>(text: TemplateStringsArray, ...values: unknown[]): TypedSqlStatement<R>;
export namespace sql {
  /**
   * Names, quoted and joined with dots: `sql.id("main", "t")` is `"main"."t"`. SQLite takes a single name
   * that there is not for a string (https://sqlite.org/quirks.html#dblquote).
   *
   * @throws TypeError without a name, and for one that is not a string
   */
  function id(...names: string[]): SqlStatement;
  /**
   * A text that becomes SQL as it is, for example a keyword. Text from users must not come here.
   *
   * @throws TypeError for what is not a string
   */
  function raw(text: string): SqlStatement;
}

/** A row with `rowMode: "object"`. */
export type ObjectRow = Record<string, Value>;

/** A result with `rowMode: "object"`. */
export interface ObjectResultSet<R = ObjectRow> extends Omit<ResultSet, "rows"> {
  rows: Array<R>;
}

/** A statement with options: of its call, of its run, and of the values of its result. */
export interface AbortableStatement {
  /** The text of one statement. */
  sql: string;
  /** The parameters, by position or by name. Default: none; every missing parameter is NULL. */
  args?: InArgs;
  /** See {@link SignalOption.signal}. */
  signal?: AbortSignal | undefined;
  /** See {@link LatchConfig.queryTimeout}. Default: the client's. Not for a statement of a batch on a server. */
  queryTimeout?: number | undefined;
  /** How integers of the result are read, and booleans are bound. Default: the client's. */
  intMode?: IntMode | undefined;
  /** Whether a write is SQLITE_READONLY, before it has any effect. Not for servers. Default: false. */
  readOnly?: boolean | undefined;
  /** See {@link LatchConfig.strict}. Default: the client's. */
  strict?: boolean | undefined;
}

/** A statement that says what its rows are. */
export interface StatementInMode<M extends RowMode> extends AbortableStatement {
  /** What the rows of its result are. */
  rowMode: M;
}

/** A statement of a batch. The compiler takes its rows for those of the client, whatever the statement says. */
export type BatchStatement =
  InStatement | AbortableStatement | StatementInMode<RowMode> | [string, InArgs?];

/** The option of calls that take no statement object. */
export interface SignalOption {
  /**
   * Aborts the call. Default: none.
   *
   * A call that waits leaves its queue. A call that runs is interrupted
   * (https://sqlite.org/c3ref/interrupt.html), and a wait for a lock ends. The promise rejects with the
   * signal's `reason`. Where SQLite had finished the work before the abort, the promise resolves,
   * because the rows are in the file.
   *
   * Aborting a write inside a transaction ends the transaction: SQLite rolls it back. The signal of
   * `transaction()` belongs to the whole transaction: an abort closes the transaction.
   *
   * A signal of another realm or of a polyfill works, too. It must have a boolean `aborted` and the
   * function `addEventListener`; anything else is a TypeError. Without a `reason`, the call rejects with
   * an AbortError.
   */
  signal?: AbortSignal | undefined;
  /** See {@link LatchConfig.queryTimeout}. Default: the client's. */
  queryTimeout?: number | undefined;
}

/** The options of {@link LatchClient.iterate}. */
export interface IterateOptions {
  /** How many rows are fetched at once at most. Default: as many as 64 KiB hold. */
  chunk?: number | undefined;
}

/**
 * The rows of a statement, as they come. The statement begins when the first row is asked for, and is open until its last
 * row, or until `break`, `return()` or dispose ends it. At most two chunks are in memory: the caller's, and one that is
 * fetched ahead. `next()` rejects with the error of the statement, with CLIENT_CLOSED or TRANSACTION_CLOSED, or with
 * the `reason` of the statement's signal.
 */
export interface RowIterator<R = Row> extends AsyncIterableIterator<R> {
  next(): Promise<IteratorResult<R, undefined>>;
  return(): Promise<IteratorResult<R, undefined>>;
  throw(error?: unknown): Promise<IteratorResult<R, undefined>>;
  [Symbol.asyncIterator](): this;
  /** The same rows, each time as many as were fetched at once. */
  chunks(): AsyncIterableIterator<R[]>;
  /** Ends the statement. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** A column of a statement's rows. */
export interface DescribedColumn {
  name: string;
  /** The declared type. Null for an expression, and for a column that was declared without one. */
  declaredType: string | null;
  /** The database ("main", "temp", an attached one) of the column that it is. Null for an expression, and on a server. */
  database: string | null;
  /** The table of that column. */
  table: string | null;
  /** The name of that column in its table. */
  column: string | null;
}

/** What a statement is. */
export interface StatementDescription {
  columns: DescribedColumn[];
  /** The names of the parameters, with their prefixes (`:a`, `?2`). Null for a parameter without a name. */
  parameters: Array<string | null>;
  /** Whether it changes no database (https://sqlite.org/c3ref/stmt_readonly.html). */
  readOnly: boolean;
}

/**
 * A statement that is run often. It is a text, and holds no connection: each connection that runs it keeps it
 * prepared, and prepares it again after a change of the schema. Calls after {@link close} reject with STATEMENT_CLOSED.
 */
export interface PreparedStatement<R = Row> {
  /** See {@link LatchClient.execute}. */
  execute(args?: InArgs, options?: SignalOption): Promise<ResultSetOf<R>>;
  /** See {@link LatchClient.get}. */
  get(args?: InArgs, options?: SignalOption): Promise<R | undefined>;
  /** See {@link LatchClient.iterate}. */
  iterate(args?: InArgs, options?: SignalOption & IterateOptions): RowIterator<R>;
  /**
   * Runs the statement for each list of arguments that an iterable or an async iterable gives, in one transaction (in a
   * savepoint, for a statement of a transaction): all of them take effect, or none. The source is read as fast as the
   * database takes its lists; a list may be changed as soon as the next one is asked for.
   *
   * @throws LibsqlBatchError with the `statementIndex` of the list that failed, from 0; what the source throws
   * @throws TypeError for what is not iterable, and as {@link LatchClient.execute} does
   */
  executeMany(
    args: Iterable<InArgs> | AsyncIterable<InArgs>,
    options?: SignalOption,
  ): Promise<{ rowsAffected: number }>;
  /** What the statement is, without running it. */
  describe(): Promise<StatementDescription>;
  /** Ends it. Calls that were made before go on. */
  close(): void;
  /** {@link close} */
  [Symbol.dispose](): void;
}

/** The options of a call of `transaction(fn)`. */
export interface TransactionOptions extends SignalOption {
  /** How the transaction begins. Inside of another transaction without effect. Default: "write". */
  mode?: TransactionMode | undefined;
  /**
   * How often the function may run again, because another process has kept it from a lock (SQLITE_BUSY).
   * It runs again only where everything that it did is certainly rolled back, after a short pause
   * (10 ms, then up to twice as long, at most 500 ms). Inside of another transaction without effect.
   * Default: 0.
   */
  retries?: number | undefined;
}

/** The options of {@link LatchClient.shutdown}, {@link shutdownAll} and {@link terminateWorker}. */
export interface ShutdownOptions {
  /**
   * Whether earlier calls finish before the client closes. A transaction that is open then is rolled
   * back after the last call made on it. Default: false, which cancels the calls.
   */
  drain?: boolean;
  /**
   * How long to drain, in ms. The calls that are left at the limit are cancelled. Default: 10,000. A
   * negative number counts as 0, and a number above 2^31 - 1 (24 days, the longest delay of a timer)
   * as 2^31 - 1.
   */
  timeoutMs?: number;
}

/**
 * One step of a closing. Subscribers of the
 * [`diagnostics_channel`](https://nodejs.org/api/diagnostics_channel.html) named `latchdb:close` get one
 * message `{ path, step, ms }` for each step, also for {@link LatchClient.close}.
 */
export interface ClosingStep {
  /**
   * `drain`: earlier calls finish; `cancel`: the other calls are cancelled; `join`: the client's
   * threads end; `close`: the client's connections are closed.
   */
  step: "drain" | "cancel" | "join" | "close";
  /** How long the step took, in ms. */
  ms: number;
}

/**
 * A defect of latchdb: a panic of its native half. The call that it concerns ends with the code
 * `INTERNAL_ERROR`, and its error has the same text. Nothing is printed. Subscribers of the
 * [`diagnostics_channel`](https://nodejs.org/api/diagnostics_channel.html) named `latchdb:panic` get one
 * report for each panic.
 */
export interface InternalErrorReport {
  /** What went wrong. */
  message: string;
  /** The place in latchdb's source: file, line and column. */
  location: string;
  /** The name of the native thread; empty if it has none. */
  thread: string;
}

/** The report of {@link LatchClient.shutdown}. */
export interface ShutdownReport {
  /**
   * The absolute path of the database; for a database in memory, SQLite's URI; for a temporary
   * database, the empty string; for a database on a server, its URL.
   */
  path: string;
  /** The number of calls that were answered during the shutdown. */
  drained: number;
  /** The number of calls that were cancelled. Each rejects with CLIENT_CLOSED. */
  cancelled: number;
  /** The number of connections that were closed. */
  connections: number;
  /** Whether a `-wal` file is left. It is where the database is open elsewhere, too. */
  walLeft: boolean;
  /** The steps, in the order in which they ended. */
  steps: ClosingStep[];
  /** How long the shutdown took, in ms. */
  ms: number;
}

/** What a client is doing, and has done since it was opened, or opened again. */
export interface ClientStats {
  calls: {
    /** The number of calls that have run on the thread of JavaScript ({@link Execution}). */
    inPlace: number;
    /** The number of calls that have run on another thread, or were handed to one. */
    onThread: number;
  };
  pending: {
    /** The number of calls that wait to be handed to a thread now. */
    waiting: number;
    /** The number of calls that were handed to a thread and have no answer now. */
    running: number;
  };
  transactions: {
    /** The number of transactions that are open now, or beginning. */
    open: number;
    /** The number of those that have nothing to do. 0 on a server. */
    idle: number;
  };
  /** Of a file or a database in memory. On a server all are 0. */
  connections: {
    /** The number of open connections, those that only read included. */
    open: number;
    /** The number of open connections that only read. See {@link LatchConfig.readers}. */
    readers: number;
  };
  /** Of a file or a database in memory. On a server all are 0. */
  statements: {
    /** How often a statement was found prepared. */
    hits: number;
    /** How often a statement had to be prepared. */
    misses: number;
  };
  /** See {@link LatchConfig.groupCommit}. On a server all are 0. */
  groupCommits: {
    /** The number of commits that several calls have shared. */
    commits: number;
    /** The number of these calls. */
    calls: number;
  };
}

/** A client that SQLite refused to close. */
export interface FailedClosing {
  /** See {@link ShutdownReport.path}. */
  path: string;
  /** SQLite's code, for example "SQLITE_BUSY". */
  code: string;
  /** The text of the error. */
  message: string;
}

/** The report of {@link shutdownAll}. */
export interface ShutdownAllReport {
  /** One report for each client that was open. */
  clients: ShutdownReport[];
  /** The clients that SQLite refused to close. */
  failures: FailedClosing[];
  /** How long the shutdown took, in ms. */
  ms: number;
}

/** The part of a `Worker` of `node:worker_threads` that {@link terminateWorker} uses. */
export interface TerminableWorker {
  readonly threadId: number;
  terminate(): Promise<number>;
  once(event: "exit", listener: (exitCode: number) => void): unknown;
}

/** The report of {@link terminateWorker}. */
export interface TerminationReport extends ShutdownAllReport {
  /** Whether the worker answered within the limit that its clients are closed, or had no client. */
  acknowledged: boolean;
  /** The worker's exit code. Undefined where the worker had ended before the call. */
  exitCode: number | undefined;
  /** How long each step took, in ms. `ask` lasts from the request to the worker's answer. */
  steps: Array<{ step: "ask" | "terminate"; ms: number }>;
}

/**
 * What clients and transactions have in common: a function that takes a `Queryable` runs its statements in either. Its
 * `transaction(fn)` is a transaction of a client, and a savepoint of a transaction.
 */
export interface Queryable {
  /**
   * Runs one statement. Text after the first statement is ignored. A statement with RETURNING writes
   * nothing where its rows cannot be returned to JavaScript.
   *
   * On a client, `BEGIN` and `SAVEPOINT` begin a transaction on the client itself
   * (https://sqlite.org/lang_transaction.html). The calls of `execute()` and {@link LatchClient.executeMultiple} run
   * in this transaction, in their order, until COMMIT, ROLLBACK or RELEASE ends it. {@link LatchClient.batch},
   * {@link LatchClient.migrate} and {@link LocalClient.replaceDatabase} wait for the end of the transaction. They wait as
   * long as for any other idle transaction of the client. {@link LatchClient.transaction} uses another connection where
   * the client can have one. {@link LatchClient.close} rolls the transaction back.
   *
   * @throws LibsqlError with SQLite's code; CLIENT_CLOSED; TRANSACTION_CLOSED; TRANSACTION_ACTIVE where open
   * transactions hold every connection; ARGUMENT_NOT_SUPPORTED for an argument that SQLite has no type
   * for; VECTOR_INDEX_NOT_SUPPORTED for a table that has a vector index of libSQL
   * @throws TypeError for an `undefined` argument, for arguments that are neither an array nor an object
   * with names (a Map, a Set, a single value), and for SQL that is not a string
   * @throws RangeError for a number that is not finite, for a bigint of more than 64 bits, and with
   * `intMode: "number"` for an integer in the result that is not a safe integer
   */
  execute<R = RowOf<"row">>(stmt: StatementInMode<"row">): Promise<ResultSetOf<R>>;
  execute<R = RowOf<"object">>(stmt: StatementInMode<"object">): Promise<ObjectResultSet<R>>;
  execute<R = RowOf<"array">>(stmt: StatementInMode<"array">): Promise<ObjectResultSet<R>>;
  execute<R = RowOf<"pluck">>(stmt: StatementInMode<"pluck">): Promise<ObjectResultSet<R>>;
  execute<R = RowOf<"expand">>(stmt: StatementInMode<"expand">): Promise<ObjectResultSet<R>>;
  execute<R = unknown>(stmt: StatementInMode<RowMode>): Promise<ObjectResultSet<R>>;
  execute<R = Row>(
    stmt: InStatement | AbortableStatement | TypedSqlStatement<R>,
  ): Promise<ResultSetOf<R>>;
  execute<R = Row>(sql: string, args?: InArgs): Promise<ResultSetOf<R>>;

  /**
   * The rows of a statement, one after the other, with a bounded number of them in memory.
   *
   * The statement reads in a snapshot: it sees what was committed when its first row was asked for. On a file, it has a
   * connection of its own, which counts in `concurrency`, until it ends. Other calls go on, writes, too. In WAL mode
   * it only keeps checkpoints from completing. In a rollback-journal mode a commit waits for it, as for any other reader.
   * A client that has a single connection (in memory, with a TEMP table or an attached database, with a `concurrency` of 1)
   * reads on that: then it is not defined whether it sees what this client writes meanwhile, and VACUUM and a change of
   * the journal mode fail. A statement that writes (RETURNING) runs to its end with the first row.
   *
   * In a transaction, it reads on the transaction's connection, and ends with it; it is not defined whether it sees what the
   * transaction writes meanwhile (https://sqlite.org/isolation.html).
   *
   * On a server, a statement that reads is open there until it ends, and does not count in `concurrency`. In a transaction,
   * and from a server without cursors, the whole result comes with the first row.
   *
   * @throws TypeError for what is no statement, RangeError for a `chunk` that is not a whole number
   */
  iterate<R = RowOf<"row">>(stmt: StatementInMode<"row">, options?: IterateOptions): RowIterator<R>;
  iterate<R = RowOf<"object">>(
    stmt: StatementInMode<"object">,
    options?: IterateOptions,
  ): RowIterator<R>;
  iterate<R = RowOf<"array">>(
    stmt: StatementInMode<"array">,
    options?: IterateOptions,
  ): RowIterator<R>;
  iterate<R = RowOf<"pluck">>(
    stmt: StatementInMode<"pluck">,
    options?: IterateOptions,
  ): RowIterator<R>;
  iterate<R = RowOf<"expand">>(
    stmt: StatementInMode<"expand">,
    options?: IterateOptions,
  ): RowIterator<R>;
  iterate<R = unknown>(stmt: StatementInMode<RowMode>, options?: IterateOptions): RowIterator<R>;
  iterate<R = Row>(
    stmt: InStatement | AbortableStatement | TypedSqlStatement<R>,
    options?: IterateOptions,
  ): RowIterator<R>;

  /**
   * Runs one statement as {@link execute} does, and resolves to the first row of its result, or to
   * undefined where it has none. On a local database, a SELECT computes no further row. A statement that
   * writes (RETURNING) does all of its work.
   *
   * @throws as {@link execute} does
   */
  get<R = RowOf<"row">>(stmt: StatementInMode<"row">): Promise<R | undefined>;
  get<R = RowOf<"object">>(stmt: StatementInMode<"object">): Promise<R | undefined>;
  get<R = RowOf<"array">>(stmt: StatementInMode<"array">): Promise<R | undefined>;
  get<R = RowOf<"pluck">>(stmt: StatementInMode<"pluck">): Promise<R | undefined>;
  get<R = RowOf<"expand">>(stmt: StatementInMode<"expand">): Promise<R | undefined>;
  get<R = unknown>(stmt: StatementInMode<RowMode>): Promise<R | undefined>;
  get<R = Row>(
    stmt: InStatement | AbortableStatement | TypedSqlStatement<R>,
  ): Promise<R | undefined>;
  get<R = Row>(sql: string, args?: InArgs): Promise<R | undefined>;

  /**
   * A statement for many runs. Nothing is sent: an error in its SQL is one of its first call. The calls of a transaction's
   * statement are calls of the transaction.
   *
   * @throws TypeError for SQL that is not a string
   */
  prepare<R = Row>(sql: string): PreparedStatement<R>;

  /** See {@link LatchClient.transaction} and {@link LatchTransaction.transaction}. */
  transaction<T>(
    fn: (transaction: LatchTransaction) => Promise<T>,
    options?: TransactionOptions,
  ): Promise<T>;
}

/**
 * A client: `@libsql/client`'s methods, and latchdb's additions.
 *
 * Calls on a local database run in the order in which they are made, whether or not a caller awaits them. A read does not
 * wait for a write that waits for a lock or for a transaction. The calls of a transaction have an order of their own: a
 * call of the client that has to see what a transaction has done awaits its `commit()`. One that is made right behind
 * `commit()`, before anything is awaited, waits for it, unless `execute("BEGIN")` has a transaction open.
 *
 * Do not change an array or an argument before the promise of its call settles: latchdb reads a long batch over several
 * turns of the event loop.
 */
export interface LatchClient extends Omit<Client, "execute" | "transaction">, Queryable {
  /**
   * Runs statements in one transaction: all of them take effect, or none.
   *
   * @param mode "deferred" by default. A batch in which a statement writes begins with `BEGIN IMMEDIATE`
   * in this mode, too.
   * @throws LibsqlBatchError with the `statementIndex` of the statement that failed; otherwise as
   * {@link execute} does
   */
  batch(
    stmts: Array<BatchStatement>,
    mode?: TransactionMode,
    options?: SignalOption,
  ): Promise<Array<ResultSet>>;

  /**
   * Runs statements as {@link batch} does, with foreign keys off during the call. Afterwards
   * `PRAGMA foreign_keys` has its former value.
   */
  migrate(stmts: Array<BatchStatement>, options?: SignalOption): Promise<Array<ResultSet>>;

  /**
   * Begins a transaction. Writers of one file wait for each other, in the order of their calls, over
   * all clients of the process. A wait for an idle transaction of this client ends in SQLITE_BUSY after
   * the client's `timeout` (4 s where no `timeout` is set). A wait for an idle transaction of another
   * client ends after `timeout`, or after about 100 ms where none is set.
   *
   * @param mode "write" by default
   * @throws LibsqlError with SQLite's code; CLIENT_CLOSED; TRANSACTION_ACTIVE where open
   * transactions hold every connection (`concurrency` of them) and have been idle for that long, or
   * where one holds the connection of a database in memory
   * @throws RangeError for an unknown mode
   */
  transaction(mode?: TransactionMode, options?: SignalOption): Promise<LatchTransaction>;

  /**
   * Runs a function in a transaction. The transaction is committed where the function's promise
   * fulfils, and rolled back where the function throws or its promise rejects. The promise has the value
   * or the error of the function.
   *
   * The function's transaction is closed when the promise settles: a later call of it is
   * TRANSACTION_CLOSED. A `commit()` or `rollback()` in the function ends the transaction then, and the
   * promise still has the function's value. Where the function closes the transaction and fulfils, the
   * promise rejects with TRANSACTION_CLOSED.
   *
   * The abort of `signal`, and the closing of the client, roll the transaction back and reject the promise
   * at once, whether or not the function goes on. Once the function has fulfilled, an abort has no effect.
   *
   * On a database in memory, whose client has a single connection, functions take turns. A call that waits for a
   * transaction which is idle for `acquireTimeout` is TRANSACTION_ACTIVE.
   *
   * @throws what the function throws; the error of BEGIN or of COMMIT, as of {@link execute}; the
   * signal's `reason`; CLIENT_CLOSED; TRANSACTION_ACTIVE as above
   * @throws TypeError, RangeError for invalid options
   */
  transaction<T>(
    fn: (transaction: LatchTransaction) => Promise<T>,
    options?: TransactionOptions,
  ): Promise<T>;

  /**
   * Runs a script: a text of several statements. A transaction that the script begins and leaves open
   * is rolled back. A statement outside of a transaction is committed when it ends. Where the call
   * fails or is aborted, the database keeps the statements that were committed before. The error then
   * has `committed: true` ({@link PartlyCommitted}); the `reason` of an abort has no such property.
   *
   * @throws LibsqlError as {@link execute} does
   */
  executeMultiple(sql: string, options?: SignalOption): Promise<void>;

  /**
   * Closes and reopens the database, synchronously. Where {@link LocalClient.replaceDatabase} is running, waits for
   * it; later calls wait, too, and use the reopened database.
   *
   * @throws LibsqlError CLIENT_CLOSED where the client is closed during the wait; SQLITE_CANTOPEN
   */
  reconnect(): Promise<void>;

  /**
   * Closes the client. When this method returns, no descriptor, lock, thread or statement of the client
   * is left. Calls that have not ended reject with CLIENT_CLOSED. Open transactions are rolled back.
   * Idempotent.
   *
   * Takes at most 100 ms, plus the time of work that SQLite cannot interrupt: one call of a built-in
   * function, one fsync, the closing checkpoint (about 1 s per 300 MB of WAL,
   * https://sqlite.org/wal.html), and for `cache=shared` in memory the statement that another
   * client runs on the same database. {@link shutdown} closes the client off the event loop.
   */
  close(): void;

  /**
   * Closes the client off the event loop. Simultaneous callers share one closing and its report. The
   * earliest of their limits counts, and {@link close} ends the draining at once. A client that was
   * reopened ({@link reconnect}) is closed anew.
   *
   * @throws LibsqlError with SQLite's code where SQLite refuses to close a connection
   * @throws TypeError for a `timeoutMs` that is not a number, RangeError for NaN; the client stays open
   */
  shutdown(options?: ShutdownOptions): Promise<ShutdownReport>;

  /** Counts of what the client has done. */
  stats(): ClientStats;

  /** {@link close} */
  [Symbol.dispose](): void;
  /** {@link shutdown} */
  [Symbol.asyncDispose](): Promise<void>;
}

/** A client of a local database: what only such a client can do. */
export interface LocalClient extends LatchClient {
  /**
   * Replaces the client's database by a new one, as {@link swapDatabase} does, and reopens the client on
   * the new database. The client keeps its settings.
   *
   * The replacement begins when earlier calls have ended and no transaction of the client is open. Later
   * calls wait. They use the new database, or, where the swap failed, the old one. During the swap
   * the client has no connection, and `closed` is false.
   *
   * {@link LatchClient.close} rejects the waiting calls with CLIENT_CLOSED. The swap itself continues.
   *
   * @throws SwapError as {@link swapDatabase} does
   * @throws LibsqlError TRANSACTION_ACTIVE where an earlier call still runs, or a transaction is still
   * open, after `timeoutMs`; CONNECTION_STATE where TEMP tables, attached databases or
   * `PRAGMA locking_mode = exclusive` would be lost; NOT_A_FILE for a database in memory or a temporary
   * one; CLIENT_CLOSED. In each of these cases nothing is changed.
   * @throws TypeError for invalid options; the signal's `reason` for an abort
   */
  replaceDatabase(options: DatabaseSwapOptions): Promise<DatabaseSwapResult>;

  /**
   * The content of the database, as the bytes of a database file. The calls before this one have their part in it, those
   * behind it do not; in an explicit transaction (`execute("BEGIN")`) it has what that has written. Attached and TEMP databases
   * are not in it. An empty database has no bytes. The option `data` of {@link createClient} takes the bytes.
   *
   * It is one statement that only reads: on a file other calls run meanwhile, where the client has a lane for reads; in memory,
   * and on a pinned client, they wait. An abort or the closing ends it. Twice the content has to fit into memory;
   * `copyDatabase()` of `latchdb/swap` copies a file of any size.
   *
   * @throws LibsqlError SQLITE_NOMEM where there is no memory for it; otherwise as {@link execute} does; NOT_A_FILE for a
   * database on a server
   * @throws TypeError for an invalid `signal`; the signal's `reason` for an abort
   */
  serialize(options?: SignalOption): Promise<ArrayBuffer>;
}

/**
 * A transaction: `@libsql/client`'s methods, and latchdb's additions. A call after the end of the
 * transaction rejects with TRANSACTION_CLOSED; `rollback()` resolves.
 */
export interface LatchTransaction extends Omit<Transaction, "execute" | "batch">, Queryable {
  batch(stmts: Array<BatchStatement>, options?: SignalOption): Promise<Array<ResultSet>>;
  executeMultiple(sql: string, options?: SignalOption): Promise<void>;

  /**
   * Runs a function in a transaction inside of this one: a savepoint
   * (https://sqlite.org/lang_savepoint.html). Its work is kept where the function's promise fulfils, and
   * undone where it throws. What is kept is committed with this transaction.
   *
   * Calls of this transaction meanwhile are part of the savepoint. Several calls take turns. One that waits
   * for another, which has been idle for `acquireTimeout` (4 s on a server), is TRANSACTION_ACTIVE: it
   * would wait for ever where the other one waits for it. An abort of `signal` lets a running statement
   * end, undoes the savepoint and leaves this transaction open.
   *
   * @throws what the function throws; the signal's `reason`; CLIENT_CLOSED; TRANSACTION_CLOSED where this
   * transaction has ended; TRANSACTION_ACTIVE; TypeError for what is not a function
   */
  transaction<T>(
    fn: (transaction: LatchTransaction) => Promise<T>,
    options?: TransactionOptions,
  ): Promise<T>;

  /**
   * Rolls an open transaction back and waits for the rollback, at most 100 ms: then its locks are free.
   * A longer rollback ends on the lane's thread. Idempotent.
   */
  close(): void;
  /** {@link close} */
  [Symbol.dispose](): void;
}

/** What clients and transactions with a `rowMode` of their own have in common. `D` is what their rows are. */
export interface QueryableInMode<D> {
  prepare<R = D>(sql: string): PreparedStatement<R>;
  iterate<R = RowOf<"row">>(stmt: StatementInMode<"row">, options?: IterateOptions): RowIterator<R>;
  iterate<R = RowOf<"object">>(
    stmt: StatementInMode<"object">,
    options?: IterateOptions,
  ): RowIterator<R>;
  iterate<R = RowOf<"array">>(
    stmt: StatementInMode<"array">,
    options?: IterateOptions,
  ): RowIterator<R>;
  iterate<R = RowOf<"pluck">>(
    stmt: StatementInMode<"pluck">,
    options?: IterateOptions,
  ): RowIterator<R>;
  iterate<R = RowOf<"expand">>(
    stmt: StatementInMode<"expand">,
    options?: IterateOptions,
  ): RowIterator<R>;
  iterate<R = unknown>(stmt: StatementInMode<RowMode>, options?: IterateOptions): RowIterator<R>;
  iterate<R = D>(
    stmt: InStatement | AbortableStatement | TypedSqlStatement<R>,
    options?: IterateOptions,
  ): RowIterator<R>;
  execute<R = RowOf<"row">>(stmt: StatementInMode<"row">): Promise<ResultSetOf<R>>;
  execute<R = RowOf<"object">>(stmt: StatementInMode<"object">): Promise<ObjectResultSet<R>>;
  execute<R = RowOf<"array">>(stmt: StatementInMode<"array">): Promise<ObjectResultSet<R>>;
  execute<R = RowOf<"pluck">>(stmt: StatementInMode<"pluck">): Promise<ObjectResultSet<R>>;
  execute<R = RowOf<"expand">>(stmt: StatementInMode<"expand">): Promise<ObjectResultSet<R>>;
  execute<R = unknown>(stmt: StatementInMode<RowMode>): Promise<ObjectResultSet<R>>;
  execute<R = D>(
    stmt: InStatement | AbortableStatement | TypedSqlStatement<R>,
  ): Promise<ObjectResultSet<R>>;
  execute<R = D>(sql: string, args?: InArgs): Promise<ObjectResultSet<R>>;
  get<R = RowOf<"row">>(stmt: StatementInMode<"row">): Promise<R | undefined>;
  get<R = RowOf<"object">>(stmt: StatementInMode<"object">): Promise<R | undefined>;
  get<R = RowOf<"array">>(stmt: StatementInMode<"array">): Promise<R | undefined>;
  get<R = RowOf<"pluck">>(stmt: StatementInMode<"pluck">): Promise<R | undefined>;
  get<R = RowOf<"expand">>(stmt: StatementInMode<"expand">): Promise<R | undefined>;
  get<R = unknown>(stmt: StatementInMode<RowMode>): Promise<R | undefined>;
  get<R = D>(stmt: InStatement | AbortableStatement | TypedSqlStatement<R>): Promise<R | undefined>;
  get<R = D>(sql: string, args?: InArgs): Promise<R | undefined>;
  transaction<T>(
    fn: (transaction: TransactionInMode<D>) => Promise<T>,
    options?: TransactionOptions,
  ): Promise<T>;
}

/** A transaction of a {@link ClientInMode}. `D` is what its rows are. */
export interface TransactionInMode<D>
  extends Omit<LatchTransaction, keyof Queryable | "batch">, QueryableInMode<D> {
  batch(stmts: Array<BatchStatement>, options?: SignalOption): Promise<Array<ObjectResultSet<D>>>;
}

/** A transaction of an {@link ObjectClient}. */
export interface ObjectTransaction extends TransactionInMode<ObjectRow> {}

/**
 * A client with a `rowMode` of its own. Its methods are those of a {@link LocalClient}; `D` is what its rows are. It
 * is no `Client` of `@libsql/client`, because code that takes one may read rows by index.
 */
export interface ClientInMode<D>
  extends Omit<LocalClient, keyof Queryable | "batch" | "migrate">, QueryableInMode<D> {
  batch(
    stmts: Array<BatchStatement>,
    mode?: TransactionMode,
    options?: SignalOption,
  ): Promise<Array<ObjectResultSet<D>>>;
  migrate(stmts: Array<BatchStatement>, options?: SignalOption): Promise<Array<ObjectResultSet<D>>>;
  transaction(mode?: TransactionMode, options?: SignalOption): Promise<TransactionInMode<D>>;
  transaction<T>(
    fn: (transaction: TransactionInMode<D>) => Promise<T>,
    options?: TransactionOptions,
  ): Promise<T>;
}

/** A client with `rowMode: "object"`. */
export interface ObjectClient extends ClientInMode<ObjectRow> {}

/**
 * Creates a client for a local database (`file:` or `:memory:`) and opens the database, synchronously.
 * A file that does not exist is created. A file that is not a database fails at the first call, with
 * SQLITE_NOTADB.
 *
 * Or creates a client for a database on a server (`libsql:`, `https:`, `http:`, `wss:`, `ws:`), which
 * connects with its first call. Its `replaceDatabase()` rejects with NOT_A_FILE, and its calls run at the
 * same time, not one after the other; docs/remote.md has the differences.
 *
 * Defaults: `concurrency` is 20 connections and `intMode` is "number", as in `@libsql/client`. `timeout`
 * is 0 ms: a call that needs a lock of another process, or of an idle transaction of another client, ends
 * in SQLITE_BUSY. `rowMode` is "row".
 *
 * @throws LibsqlError SQLITE_CANTOPEN (the message names the file and the cause), URL_INVALID,
 * URL_SCHEME_NOT_SUPPORTED, URL_PARAM_NOT_SUPPORTED, ENCRYPTION_KEY_NOT_SUPPORTED,
 * SYNC_NOT_SUPPORTED, WEBSOCKETS_NOT_SUPPORTED
 * @throws Error ADDON_NOT_LOADED for a local database, where no binary can be loaded
 * @throws TypeError where the configuration is not an object, or an option has a wrong type or an unknown
 * value; RangeError where `timeout` is NaN
 */
export function createClient(config: LatchConfig & { rowMode: "object" }): ObjectClient;
export function createClient<M extends "array" | "pluck" | "expand">(
  config: LatchConfig & { rowMode: M },
): ClientInMode<RowOf<M>>;
export function createClient(config: LatchConfig & { url: ServerUrl }): LatchClient;
export function createClient(config: LatchConfig): LocalClient;

/** The URL of a database on a server. */
type ServerUrl = `${"libsql" | "https" | "http" | "wss" | "ws"}:${string}`;

/**
 * Shuts down every open client of this environment (the main thread, or a worker), all at the same
 * time, as {@link LatchClient.shutdown} does for one. Further calls are allowed, also while one runs, and
 * new clients can be created afterwards. The clients of other copies of latchdb in the environment are
 * shut down, too, where the copies use the same binary file. `failures` lists the clients that SQLite
 * refused to close; they do not reject the promise.
 *
 * @throws TypeError for a `timeoutMs` that is not a number, RangeError for NaN
 */
export function shutdownAll(options?: ShutdownOptions): Promise<ShutdownAllReport>;

/**
 * Shuts down the clients of a worker, then terminates the worker. Call it in the thread that started
 * the worker. latchdb in the worker runs {@link shutdownAll} and acknowledges it. The wait for the
 * acknowledgement takes at most `timeoutMs` (default: 10,000), of which the worker has nine tenths for
 * draining. The worker is terminated in any case. Calls for the same worker share one request and one
 * report; the options of the first call count.
 *
 * A worker whose event loop is blocked does not answer, and is terminated at the limit. The cleanup hook
 * of the worker's environment closes its clients.
 *
 * @throws TypeError for a `worker` that is not a Worker or a `timeoutMs` that is not a number,
 * RangeError for NaN; then nothing is done
 */
export function terminateWorker(
  worker: TerminableWorker,
  options?: ShutdownOptions,
): Promise<TerminationReport>;
