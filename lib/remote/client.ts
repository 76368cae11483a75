/** The client for databases on a server, whatever the protocol. */
import type {
  Client,
  InArgs,
  IntMode,
  Replicated,
  ResultSet,
  Row,
  TransactionMode,
} from "@libsql/core/api";
import { transactionModeToBegin } from "@libsql/core/util";
import type {
  ClientStats,
  DatabaseSwapOptions,
  DatabaseSwapResult,
  IterateOptions,
  PreparedStatement,
  ResultSetOf,
  RowIterator,
  RowMode,
  ShutdownOptions,
  ShutdownReport,
  StatementDescription,
} from "../../index.js";
import type { CallSignal } from "../client/call-signal";
import { errorOf, type Failure } from "../client/failure";
import { parseChunk, type SignalOption } from "../client/options";
import { Prepared } from "../client/prepared-statement";
import type { Converters } from "../client/converters";
import { Rows } from "../client/row-iterator";
import {
  parseStatement,
  parseStatements,
  type BatchStatement,
  type InStatement,
} from "../client/statement";
import { traceCalls, tracedStep } from "../client/tracing";
import { OPTIONS } from "../client/statement-options";
import {
  runInTransaction,
  type Scope,
  type TransactionOptions,
} from "../client/transaction-function";
import { batchResults, indexOfRefused, isCommitted, programOf } from "./batch";
import { Calls, type Call, type RunOptions } from "./calls";
import { Closing } from "./closing";
import { Cursor, type CursorHost } from "./cursor";
import { toDescription } from "./description";
import {
  committedFailure,
  notAFile,
  RefusedText,
  RequestFailure,
  scriptFailure,
  syncNotSupported,
} from "./errors";
import { parseRunOptions } from "./options";
import type { WireStatement } from "./protocol";
import { modesOf, toResultSet, type ReadModes } from "./results";
import type { Server, Stream } from "./server";
import { onlyReads, toWireStatement, toWireStatements } from "./statement";
import type { RemoteTransaction, TransactionHost } from "./transaction";

/** How a client runs its calls. */
export interface RemoteOptions {
  intMode: IntMode;
  rowMode: RowMode;
  /** What values of declared types become. */
  converters: Converters | undefined;
  /** How many calls run at a time. */
  concurrency: number;
  /** How long a call tries to reach a server that refuses connections, in ms. */
  timeout: number;
  /** How long the server may take for a call, in ms; undefined for any time. */
  queryTimeout: number | undefined;
}

export abstract class RemoteClient implements Client {
  abstract readonly protocol: "http" | "ws";
  readonly #server: Server;
  readonly #calls: Calls;
  readonly #modes: ReadModes;
  readonly #closing: Closing;
  readonly #transactions = new Set<RemoteTransaction>();
  readonly #iterators = new Set<Cursor>();

  /** @private */
  constructor(server: Server, options: RemoteOptions) {
    this.#server = server;
    const { intMode, rowMode, converters } = options;
    this.#modes = { intMode, rowMode, converters };
    this.#calls = new Calls({ ...options, url: server.url });
    this.#closing = new Closing({
      server,
      calls: this.#calls,
      transactions: this.#transactions,
      iterators: this.#iterators,
    });
  }

  static {
    const methods = ["execute", "batch", "migrate", "executeMultiple", "iterate"] as const;
    traceCalls(this, methods, (self) => ({ path: self.#server.url, transaction: false }));
  }

  /** Whether the client is closed. */
  get closed(): boolean {
    return this.#calls.isClosed;
  }

  execute<R = Row>(stmt: InStatement): Promise<ResultSetOf<R>>;
  execute<R = Row>(sql: string, args?: InArgs): Promise<ResultSetOf<R>>;
  async execute(stmtOrSql: InStatement, args?: InArgs): Promise<ResultSet> {
    try {
      this.#calls.check();
      const { statement, signal } = parseStatement(stmtOrSql, args);
      const wire = toWireStatement(statement);
      const options = { ...parseRunOptions(stmtOrSql, signal), onlyReads: onlyReads(wire) };
      return await this.#run(options, async (stream, call) => {
        const answering = stream.execute(call, wire);
        stream.closeBehind();
        const answer = await answering;
        try {
          return await toResultSet(answer, modesOf(this.#modes, statement[OPTIONS]));
        } catch (reason) {
          throw options.onlyReads ? reason : committedFailure(reason);
        }
      });
    } catch (failure) {
      throw errorOf(failure);
    }
  }

  iterate<R = Row>(stmt: InStatement, options?: IterateOptions): RowIterator<R> {
    const mostRows = parseChunk(options);
    const { statement, signal } = parseStatement(stmt, undefined);
    return new Rows<R>(new Cursor(this.#cursorHost, statement, signal, mostRows));
  }

  get<R = Row>(stmt: InStatement): Promise<R | undefined>;
  get<R = Row>(sql: string, args?: InArgs): Promise<R | undefined>;
  async get(stmt: InStatement, args?: InArgs): Promise<Row | undefined> {
    const { rows } = await this.execute(stmt as string, args);
    return rows[0];
  }

  prepare<R = Row>(sql: string): PreparedStatement<R> {
    return new Prepared<R>(this, sql);
  }

  /** @private */
  async describe(sql: string): Promise<StatementDescription> {
    try {
      this.#calls.check();
      return await this.#run({ onlyReads: true }, async (stream, call) => {
        const answering = stream.describe(call, sql);
        stream.closeBehind();
        return toDescription(await answering);
      });
    } catch (failure) {
      throw errorOf(failure);
    }
  }

  async batch(
    stmts: BatchStatement[],
    mode: TransactionMode = "deferred",
    options?: SignalOption,
  ): Promise<ResultSet[]> {
    try {
      this.#calls.check();
      transactionModeToBegin(mode);
      return await this.#batch(toWireBatch(stmts), mode, false, parseRunOptions(options));
    } catch (failure) {
      throw errorOf(failure);
    }
  }

  async migrate(stmts: BatchStatement[], options?: SignalOption): Promise<ResultSet[]> {
    try {
      this.#calls.check();
      return await this.#batch(toWireBatch(stmts), "deferred", true, parseRunOptions(options));
    } catch (failure) {
      throw errorOf(failure);
    }
  }

  transaction(mode?: TransactionMode, options?: SignalOption): Promise<RemoteTransaction>;
  transaction<T>(
    fn: (transaction: RemoteTransaction) => Promise<T>,
    options?: TransactionOptions,
  ): Promise<T>;
  async transaction<T>(
    modeOrFn: TransactionMode | ((transaction: RemoteTransaction) => Promise<T>) = "write",
    options?: TransactionOptions,
  ): Promise<RemoteTransaction | T> {
    try {
      if (typeof modeOrFn === "function") {
        return await runInTransaction(this.#begin.bind(this), modeOrFn, options);
      }
      return await this.#begin(modeOrFn, options);
    } catch (failure) {
      throw errorOf(failure);
    }
  }

  async executeMultiple(sql: string, options?: SignalOption): Promise<void> {
    try {
      this.#calls.check();
      const wire = toWireStatement({ sql });
      return await this.#run(parseRunOptions(options), async (stream, call) => {
        const answering = stream.sequence(call, wire.sql as string);
        stream.closeBehind();
        try {
          await answering;
        } catch (reason) {
          throw reason instanceof RequestFailure ? reason : scriptFailure(reason);
        }
      });
    } catch (failure) {
      throw errorOf(failure);
    }
  }

  async sync(): Promise<Replicated> {
    try {
      this.#calls.check();
      throw syncNotSupported(this.#server.protocol);
    } catch (failure) {
      throw errorOf(failure);
    }
  }

  /** Ends all calls and transactions with CLIENT_CLOSED, and connects afresh. */
  async reconnect(): Promise<void> {
    try {
      this.#closing.close();
      this.#closing.reopen();
      await this.#server.connect();
    } catch (failure) {
      throw errorOf(failure);
    }
  }

  /** The server has the file: always rejects with NOT_A_FILE. */
  async replaceDatabase(_options: DatabaseSwapOptions): Promise<DatabaseSwapResult> {
    const advice = "there is no file here that could be replaced";
    throw errorOf(notAFile(this.#server.url, advice));
  }

  /** The server does not hand its file out: always rejects with NOT_A_FILE. */
  async serialize(_options?: SignalOption): Promise<ArrayBuffer> {
    const advice = "it does not hand out its file. npx latchdb copy copies the database to one";
    throw errorOf(notAFile(this.#server.url, advice));
  }

  close(): void {
    this.#closing.close();
  }

  async shutdown(options?: ShutdownOptions): Promise<ShutdownReport> {
    return await this.#closing.shutdown(options);
  }

  /** No call runs on this thread: all of them are the server's, and so are its connections and statements. */
  stats(): ClientStats {
    return {
      calls: { inPlace: 0, onThread: this.#calls.answered },
      pending: this.#calls.pending,
      transactions: { open: this.#transactions.size, idle: 0 },
      connections: { open: 0, readers: 0 },
      statements: { hits: 0, misses: 0 },
      groupCommits: { commits: 0, calls: 0 },
    };
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }

  /**
   * Makes a transaction of the protocol's class.
   * @private
   */
  protected abstract begin(
    host: TransactionHost,
    stream: Stream,
    mode: TransactionMode,
    signal: CallSignal | undefined,
  ): RemoteTransaction;

  async #begin(
    mode: TransactionMode,
    options: SignalOption | undefined,
    scope?: Scope,
  ): Promise<RemoteTransaction> {
    this.#calls.check();
    const sql = transactionModeToBegin(mode);
    const { signal, queryTimeout } = parseRunOptions(options);
    const place = { path: this.#server.url, transaction: true };
    const open = (): Promise<Stream> =>
      this.#calls.run((call) => this.#server.open(call, "transaction"), { signal, queryTimeout });
    const stream = await tracedStep("begin", sql, place, open);
    const transaction = this.begin({ ...this.#host, scope }, stream, mode, signal);
    this.#transactions.add(transaction);
    return transaction;
  }

  get #cursorHost(): CursorHost {
    return {
      calls: this.#calls,
      server: this.#server,
      modes: this.#modes,
      iterators: this.#iterators,
    };
  }

  get #host(): TransactionHost {
    return {
      calls: this.#calls,
      modes: this.#modes,
      open: (call) => this.#server.open(call, "transaction"),
      ended: (transaction) => void this.#transactions.delete(transaction),
    };
  }

  async #batch(
    statements: WireStatement[],
    mode: TransactionMode,
    foreignKeysOff: boolean,
    options: RunOptions,
  ): Promise<ResultSet[]> {
    if (statements.length === 0) return [];
    const isReading = statements.every(onlyReads);
    return await this.#run({ ...options, onlyReads: isReading }, async (stream, call) => {
      const { version } = stream;
      const program = programOf(statements, { version, mode, commits: true, foreignKeysOff });
      const answering = stream.batch(call, program.steps);
      stream.closeBehind();
      const answer = await answering.catch(async (reason: unknown) => {
        throw reason instanceof RefusedText
          ? await this.#refused(reason, statements, call)
          : reason;
      });
      try {
        return await batchResults(program, answer, this.#modes);
      } catch (reason) {
        throw isCommitted(program, answer) ? committedFailure(reason) : reason;
      }
    });
  }

  /** Which statement of a batch the server has refused: it says so without the index. */
  async #refused(
    refused: RefusedText,
    statements: readonly WireStatement[],
    call: Call,
  ): Promise<Failure> {
    if (statements.length === 1) return refused.at(0, statements[0]?.sql);
    const stream = await this.#server.open(call, "call");
    try {
      const index = await indexOfRefused(stream, call, statements, refused);
      return index === undefined ? refused : refused.at(index, statements[index]?.sql);
    } finally {
      stream.close();
    }
  }

  /** Runs a call on a stream of its own. */
  #run<T>(options: RunOptions, action: (stream: Stream, call: Call) => Promise<T>): Promise<T> {
    return this.#calls.run(async (call) => {
      const stream = await this.#server.open(call, "call");
      try {
        return await action(stream, call);
      } finally {
        stream.close();
      }
    }, options);
  }
}

function toWireBatch(stmts: unknown): WireStatement[] {
  return toWireStatements(parseStatements(stmts));
}
