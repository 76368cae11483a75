/**
 * Who of a client's calls goes first, for as long as its database is open.
 *
 * Calls start in the order in which they are made. Those outside of transactions run on the main
 * lane, one after the other; each transaction has a lane of its own while it is open. Who may write
 * is decided on the native side (src/write_line.rs), again in the order of the calls.
 */
import type { ResultSet, TransactionMode } from "@libsql/core/api";
import { NativeDatabase, type Closed, type DatabaseOptions } from "../native/database";
import { nextJob } from "../native/delivery";
import { allHeld, clientClosed, heldByOwnTransaction } from "../native/errors";
import { RequestWriter, type StatementToWrite } from "../wire/request";
import type { Outcome } from "../wire/response";
import { isShort, writeLong, writeShort, type Batch } from "./batch-writer";
import { CallLine, type WaitingCall } from "./call-line";

/** How long a call waits for an idle transaction of its own client where no `timeout` is set. */
const DEFAULT_OWN_PATIENCE_MS = 5000;

/** A transaction, as the scheduler knows it. */
export interface OpenTransaction {
  readonly lane: number;
  /** The job that began it: the number that its calls carry. */
  readonly number: number;
  /** Its calls that have no answer yet. */
  pending: number;
  /** Since when it has had none, by `performance.now()`. */
  idleSince: number;
  /** Hears what each of its calls left behind. */
  noted: (outcome: Outcome) => void;
}

/** All requests but long batches are written here: each is handed over before the next one. */
const shared = new RequestWriter();
let isWriting = false;

/**
 * Writes one request. An argument's own code (a getter, a proxy) may call us meanwhile: that call
 * gets a writer of its own.
 */
function written(write: (writer: RequestWriter) => void): RequestWriter {
  if (isWriting) {
    const own = new RequestWriter();
    write(own);
    return own;
  }
  isWriting = true;
  try {
    write(shared);
    return shared;
  } finally {
    isWriting = false;
  }
}

/** See the module's own text. */
export class Scheduler {
  readonly #database: NativeDatabase;
  readonly #maxConnections: number;
  readonly #patienceMs: number;
  readonly #line = new CallLine();
  #closing = false;

  /** Where calls outside of transactions run; undefined while a transaction has that lane. */
  #main: number | undefined = 0;
  #pendingOnMain = 0;
  #writingBatch: Promise<unknown> | undefined;
  /** The lanes that have no transaction, beside the main one. */
  #idleLanes: number[] = [];
  #lanes = 1;
  readonly #transactions = new Set<OpenTransaction>();
  /** Transactions that are open, or wait to begin. */
  #held = 0;
  /** The lane that has TEMP tables or attached databases: everything runs on it from then on. */
  #tiedLane: number | undefined;
  #patience: NodeJS.Timeout | undefined;

  /**
   * Opens the database and its first connection.
   * @throws LibsqlError with SQLite's code where the file cannot be opened
   */
  constructor(options: DatabaseOptions, maxConnections: number) {
    this.#database = new NativeDatabase(options);
    this.#database.closeWith(this);
    this.#maxConnections = maxConnections;
    this.#patienceMs = options.timeout || DEFAULT_OWN_PATIENCE_MS;
  }

  /**
   * Asks the gate.
   * @throws LibsqlError CLIENT_CLOSED
   */
  check(): void {
    if (this.#closing) throw clientClosed();
    this.#database.check();
  }

  /** Runs one statement outside of transactions. */
  execute(statement: StatementToWrite, signal: AbortSignal | undefined): Promise<ResultSet> {
    return this.#call(signal, (lane) =>
      this.#submitOnMain(lane, this.#statement(statement), signal, onlyResult),
    );
  }

  /** Runs a batch in a transaction of its own. */
  batch(batch: Batch, signal: AbortSignal | undefined): Promise<ResultSet[]> {
    return this.#call(signal, (lane) => {
      const submit = (request: RequestWriter): Promise<ResultSet[]> =>
        this.#submitOnMain(lane, request, signal, allResults);
      if (isShort(batch)) return submit(this.#shortBatch(batch));
      const answer = this.#writeThen(batch, submit, () => {
        this.#writingBatch = undefined;
        this.#line.advance();
      });
      this.#writingBatch = answer;
      return answer;
    });
  }

  /** Runs a text of several statements. */
  executeMultiple(sql: string, signal: AbortSignal | undefined): Promise<void> {
    return this.#call(signal, (lane) => {
      const request = written((writer) => writer.script(sql));
      return this.#submitOnMain(lane, request, signal, noResult);
    });
  }

  /**
   * Begins a transaction, on a lane of its own where there can be one. It begins behind the calls
   * that were made before it: it sees what they wrote.
   */
  begin(mode: TransactionMode, signal: AbortSignal | undefined): Promise<OpenTransaction> {
    const refused = this.#refusal(signal);
    if (refused !== undefined) return Promise.reject(refused.error);
    this.#held++;
    return this.#enter(signal, {
      begins: true,
      ready: () => this.#isMainIdle() && this.#hasLaneForTransaction(),
      start: () => this.#begin(mode, signal),
      gaveUp: () => this.#held--,
    });
  }

  // --- inside a transaction ---------------------------------------------------------------------

  /** Whether a transaction has not been ended here. */
  isOpen(transaction: OpenTransaction): boolean {
    return this.#transactions.has(transaction);
  }

  /** Runs one statement in a transaction. */
  executeIn(
    transaction: OpenTransaction,
    statement: StatementToWrite,
    signal: AbortSignal | undefined,
  ): Promise<ResultSet> {
    return this.#submitIn(transaction, this.#statement(statement), signal, onlyResult);
  }

  /** Runs several statements in a transaction. `written` is called once a long batch is queued. */
  batchIn(
    transaction: OpenTransaction,
    batch: Batch,
    signal: AbortSignal | undefined,
    written: () => void,
  ): Promise<ResultSet[]> {
    const submit = (request: RequestWriter): Promise<ResultSet[]> =>
      this.#submitIn(transaction, request, signal, allResults);
    if (!isShort(batch)) return this.#writeThen(batch, submit, written);
    const answer = submit(this.#shortBatch(batch));
    written();
    return answer;
  }

  /** Runs a text of several statements in a transaction. */
  executeMultipleIn(
    transaction: OpenTransaction,
    sql: string,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const request = written((writer) => writer.script(sql));
    return this.#submitIn(transaction, request, signal, noResult);
  }

  /** Commits. The lane is free for others at once: what they queue runs behind the commit. */
  commit(transaction: OpenTransaction): Promise<void> {
    const request = written((writer) => writer.commit());
    const answer = this.#submitIn(transaction, request, undefined, noResult);
    this.release(transaction);
    return answer;
  }

  /** Rolls back behind what the transaction still runs. */
  rollback(transaction: OpenTransaction): Promise<void> {
    const request = written((writer) => writer.rollback());
    const answer = this.#submitIn(transaction, request, undefined, noResult);
    this.release(transaction);
    return answer;
  }

  /** Rolls back now, cancelling what the transaction still runs, and waits for it. */
  end(transaction: OpenTransaction): void {
    if (!this.#transactions.has(transaction)) return;
    this.#database.endTransaction(transaction.lane, transaction.number);
    this.release(transaction);
  }

  /** Takes back the lane of a transaction that is over, or whose last request is queued. */
  release(transaction: OpenTransaction): void {
    if (!this.#transactions.delete(transaction)) return;
    this.#held--;
    if (this.#main === undefined) this.#main = transaction.lane;
    else this.#idleLanes.push(transaction.lane);
    this.#moveToTiedLane();
    this.#line.advance();
  }

  // --- the end ----------------------------------------------------------------------------------

  /** Closes everything: when this returns, nothing of the database is left. Idempotent. */
  close(): Closed {
    this.#closing = true;
    const { walLeft, cancelled } = this.#database.close();
    return { walLeft, cancelled: cancelled + this.#forgetCalls() };
  }

  /**
   * Closes everything on another thread. With `drain`, what was called before is let finish first,
   * `timeoutMs` at most; what waits to begin a transaction is not, for nobody could go on with it.
   */
  async shutDown(drain: boolean, timeoutMs: number): Promise<Closed> {
    this.#closing = true;
    let forgotten = 0;
    if (drain) {
      forgotten += this.#line.fail(clientClosed(), (call) => call.begins);
      // Its own caller hears of its failing.
      await this.#writingBatch?.catch(() => undefined);
      for (const transaction of this.#transactions) {
        this.rollback(transaction).catch(() => undefined);
      }
      this.#line.advance();
    }
    const closing = this.#database.shutDown(drain, timeoutMs);
    forgotten += this.#forgetCalls();
    const { walLeft, cancelled } = await closing;
    return { walLeft, cancelled: cancelled + forgotten };
  }

  /** After the gate is shut: ends what never started. Returns how many calls. */
  #forgetCalls(): number {
    clearTimeout(this.#patience);
    this.#patience = undefined;
    this.#transactions.clear();
    return this.#line.fail(clientClosed());
  }

  // --- the line ---------------------------------------------------------------------------------

  /** A call outside of transactions. */
  #call<T>(signal: AbortSignal | undefined, submit: (lane: number) => Promise<T>): Promise<T> {
    const refused = this.#refusal(signal);
    if (refused !== undefined) return Promise.reject(refused.error);
    return this.#enter(signal, {
      begins: false,
      ready: () => this.#main !== undefined && this.#writingBatch === undefined,
      start: () => (this.#main === undefined ? Promise.reject(clientClosed()) : submit(this.#main)),
      gaveUp: () => undefined,
    });
  }

  /** Why a call cannot even wait, if so. */
  #refusal(signal: AbortSignal | undefined): { error: unknown } | undefined {
    if (this.#closing) return { error: clientClosed() };
    if (signal?.aborted) return { error: signal.reason };
    if (this.#held >= this.#maxConnections) return { error: allHeld(this.#maxConnections) };
    return undefined;
  }

  /** Starts a call now, or lets it wait in the line. */
  #enter<T>(
    signal: AbortSignal | undefined,
    how: {
      begins: boolean;
      ready: () => boolean;
      start: () => Promise<T>;
      gaveUp: () => void;
    },
  ): Promise<T> {
    const { begins, ready, start, gaveUp } = how;
    if (this.#line.isEmpty && ready()) return attempt(start);
    return new Promise<T>((resolve, reject) => {
      const abort = (): void => {
        if (this.#line.remove(call)) call.fail(signal?.reason);
        this.#line.advance();
      };
      const call: WaitingCall = {
        begins,
        ready,
        start: () => {
          signal?.removeEventListener("abort", abort);
          resolve(attempt(start));
        },
        fail: (error) => {
          signal?.removeEventListener("abort", abort);
          gaveUp();
          reject(error);
        },
      };
      signal?.addEventListener("abort", abort, { once: true });
      this.#line.push(call);
      this.#watchPatience();
    });
  }

  /**
   * A call that waits for the only lane, while the transaction that holds it is idle, may wait
   * because its own caller does not go on: after the client's patience it ends in SQLITE_BUSY.
   */
  #watchPatience(): void {
    const first = this.#line.first;
    if (this.#patience !== undefined || first === undefined) return;
    const holder = [...this.#transactions].find(({ lane }) => lane === this.#tiedLane);
    if (holder === undefined) return;
    const began = performance.now();
    const look = (): void => {
      this.#patience = undefined;
      const idleFor =
        holder.pending > 0 ? 0 : performance.now() - Math.max(holder.idleSince, began);
      if (this.#line.first !== first || !this.#transactions.has(holder)) {
        this.#watchPatience();
      } else if (idleFor < this.#patienceMs) {
        this.#patience = setTimeout(look, this.#patienceMs - idleFor);
      } else {
        this.#line.remove(first);
        first.fail(heldByOwnTransaction(this.#patienceMs));
        this.#line.advance();
        this.#watchPatience();
      }
    };
    this.#patience = setTimeout(look, this.#patienceMs);
  }

  // --- lanes ------------------------------------------------------------------------------------

  #isMainIdle(): boolean {
    return this.#pendingOnMain === 0 && this.#writingBatch === undefined;
  }

  #hasLaneForTransaction(): boolean {
    if (this.#main !== undefined) return true;
    if (this.#tiedLane !== undefined) return false;
    return this.#idleLanes.length > 0 || this.#lanes < this.#maxConnections;
  }

  #takeLane(): number | undefined {
    if (this.#tiedLane === undefined) {
      const idle = this.#idleLanes.pop();
      if (idle !== undefined) return idle;
      if (this.#lanes < this.#maxConnections) {
        this.#lanes++;
        return this.#database.openLane();
      }
    }
    const main = this.#main;
    this.#main = undefined;
    return main;
  }

  #begin(mode: TransactionMode, signal: AbortSignal | undefined): Promise<OpenTransaction> {
    const lane = this.#takeLane();
    if (lane === undefined) {
      this.#held--;
      return Promise.reject(clientClosed());
    }
    const number = nextJob();
    const transaction: OpenTransaction = {
      lane,
      number,
      pending: 1,
      idleSince: performance.now(),
      noted: () => undefined,
    };
    this.#transactions.add(transaction);
    const begun = this.#database.submit({
      lane,
      transaction: 0,
      job: number,
      request: written((writer) => writer.begin(mode)),
      signal,
      value: () => transaction,
      ended: () => {
        transaction.pending--;
        transaction.idleSince = performance.now();
      },
    });
    return begun.catch((error: unknown) => {
      this.release(transaction);
      throw error;
    });
  }

  #submitOnMain<T>(
    lane: number,
    request: RequestWriter,
    signal: AbortSignal | undefined,
    value: (results: ResultSet[]) => T,
  ): Promise<T> {
    this.#pendingOnMain++;
    return this.#database.submit({
      lane,
      transaction: 0,
      request,
      signal,
      value,
      ended: (outcome) => {
        this.#pendingOnMain--;
        this.#note(lane, outcome);
        this.#line.advance();
      },
    });
  }

  #submitIn<T>(
    transaction: OpenTransaction,
    request: RequestWriter,
    signal: AbortSignal | undefined,
    value: (results: ResultSet[]) => T,
  ): Promise<T> {
    transaction.pending++;
    return this.#database.submit({
      lane: transaction.lane,
      transaction: transaction.number,
      request,
      signal,
      value,
      ended: (outcome) => {
        transaction.pending--;
        transaction.idleSince = performance.now();
        this.#note(transaction.lane, outcome);
        transaction.noted(outcome);
      },
    });
  }

  /** Notes what a job left behind on its lane. */
  #note(lane: number, outcome: Outcome): void {
    if (!outcome.singleLane || this.#tiedLane !== undefined) return;
    this.#tiedLane = lane;
    this.#moveToTiedLane();
  }

  /** Makes the lane that has TEMP tables or attached databases the main one, once it is free. */
  #moveToTiedLane(): void {
    const tied = this.#tiedLane;
    const former = this.#main;
    if (tied === undefined || former === undefined || !this.#idleLanes.includes(tied)) return;
    this.#idleLanes = this.#idleLanes.filter((lane) => lane !== tied);
    this.#main = undefined;
    // What was called before still runs on the former one.
    this.#line.unshift({
      begins: false,
      ready: () => this.#isMainIdle(),
      start: () => {
        this.#main = tied;
        this.#lanes--;
        this.#database.closeLane(former);
      },
      fail: () => undefined,
    });
    this.#line.advance();
  }

  // --- requests ---------------------------------------------------------------------------------

  #statement(statement: StatementToWrite): RequestWriter {
    const { intMode, statements } = this.#database;
    return written((writer) => writer.execute(statement, intMode, statements.of));
  }

  #shortBatch(batch: Batch): RequestWriter {
    const { intMode, statements } = this.#database;
    return written((writer) => writeShort(writer, batch, intMode, statements.of));
  }

  /** Writes a long batch over several turns of the event loop, then submits it. */
  async #writeThen(
    batch: Batch,
    submit: (request: RequestWriter) => Promise<ResultSet[]>,
    written: () => void,
  ): Promise<ResultSet[]> {
    const { statements, intMode } = this.#database;
    statements.enter();
    let answer: Promise<ResultSet[]>;
    try {
      answer = submit(await writeLong(batch, intMode, statements.of));
    } finally {
      statements.leave();
      written();
    }
    return answer;
  }
}

function attempt<T>(start: () => Promise<T>): Promise<T> {
  try {
    return start();
  } catch (error) {
    return Promise.reject(error);
  }
}

function onlyResult(results: ResultSet[]): ResultSet {
  const [result] = results;
  if (result === undefined) throw new TypeError("a statement without a result");
  return result;
}

function allResults(results: ResultSet[]): ResultSet[] {
  return results;
}

function noResult(): void {}
