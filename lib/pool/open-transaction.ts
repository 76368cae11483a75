/** One transaction while it is open: its lane, and the order of its calls. */
import { performance } from "node:perf_hooks";
import type { ResultSet } from "@libsql/core/api";
import type { NativeDatabase } from "../native/database";
import { transactionClosed } from "../native/errors";
import type { RequestWriter, StatementToWrite } from "../wire/request";
import type { Outcome } from "../wire/response";
import { CallLine } from "./call-line";
import type { Batch, Requests } from "./requests";
import { allResults, noResult, onlyResult } from "./results";

/** What a transaction needs of the scheduler that began it. */
export interface TransactionHost {
  readonly database: NativeDatabase;
  readonly requests: Requests;
  /** A call was handed to the lane. */
  begins(lane: number): void;
  /** It has its answer. */
  ends(lane: number, outcome: Outcome): void;
  /** The transaction is over, or its last request is queued: its lane is free for others. */
  release(transaction: OpenTransaction): void;
  /** Writes a long batch over several turns of the event loop, then hands it to `submit`. */
  writeLong<T>(
    batch: Batch,
    signal: AbortSignal | undefined,
    submit: (request: RequestWriter) => Promise<T>,
  ): Promise<{ answer: Promise<T> }>;
}

/** See the module's own text. */
export class OpenTransaction {
  readonly lane: number;
  /** The job that began it: the number that its calls carry. */
  readonly number: number;
  readonly #host: TransactionHost;
  readonly #line = new CallLine();
  #isWriting = false;
  #isOpen = true;
  /** Its calls that have no answer yet; the first is its beginning. */
  #pending = 1;
  #idleSince = performance.now();
  /** Called once when the transaction is over, whoever ended it. */
  onEnd: () => void = () => undefined;

  constructor(host: TransactionHost, lane: number, number: number) {
    this.#host = host;
    this.lane = lane;
    this.number = number;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** For how long it has had nothing to do, in ms, at most since `since`. */
  idleFor(since: number): number {
    if (this.#pending > 0 || this.#isWriting) return 0;
    return performance.now() - Math.max(this.#idleSince, since);
  }

  /** Its beginning has its answer. */
  begun(): void {
    this.#pending--;
    this.#idleSince = performance.now();
  }

  execute(statement: StatementToWrite, signal: AbortSignal | undefined): Promise<ResultSet> {
    return this.#inTurn(signal, () =>
      this.#submit(this.#host.requests.statement(statement), signal, onlyResult),
    );
  }

  batch(batch: Batch, signal: AbortSignal | undefined): Promise<ResultSet[]> {
    const { requests } = this.#host;
    return this.#inTurn(signal, () => {
      const submit = (request: RequestWriter): Promise<ResultSet[]> =>
        this.#submit(request, signal, allResults);
      if (requests.isShort(batch)) return submit(requests.shortBatch(batch));
      this.#isWriting = true;
      const written = this.#host.writeLong(batch, signal, submit).finally(() => {
        this.#isWriting = false;
        this.#idleSince = performance.now();
        this.#line.advance();
      });
      return written.then(({ answer }) => answer);
    });
  }

  executeMultiple(sql: string, signal: AbortSignal | undefined): Promise<void> {
    return this.#inTurn(signal, () =>
      this.#submit(this.#host.requests.script(sql), signal, noResult),
    );
  }

  /** Commits. The lane is free for others at once: what they queue runs behind the commit. */
  commit(): Promise<void> {
    return this.#inTurn(undefined, () => this.#last(this.#host.requests.commit()));
  }

  /** Rolls back behind what the transaction still runs. */
  rollback(): Promise<void> {
    return this.#inTurn(undefined, () => this.#last(this.#host.requests.rollback()));
  }

  /** Nobody can go on with it: rolls back behind what it was called for. */
  abandon(): void {
    const submitRollback = (): Promise<void> => {
      const request = this.#host.requests.endAnyTransaction();
      // Any transaction: this one may have ended by the caller's own COMMIT or ROLLBACK.
      const answer = this.#submit(request, undefined, noResult, { isOfClosing: true });
      this.#release();
      return answer;
    };
    this.#inTurn(undefined, submitRollback, { isOfClosing: true }).catch(() => undefined);
  }

  /** Rolls back now, cancelling what the transaction still runs, and waits for it. */
  end(): void {
    if (!this.#isOpen) return;
    this.#host.database.endTransaction(this.lane, this.number);
    this.#release();
  }

  /** The client is closed: nobody goes on with the transaction. */
  forget(error: unknown): number {
    this.#isOpen = false;
    const forgotten = this.#line.fail(error);
    this.onEnd();
    return forgotten;
  }

  /** Its calls run in their order, also behind a long batch that is still being written. */
  #inTurn<T>(
    signal: AbortSignal | undefined,
    start: () => Promise<T>,
    { isOfClosing = false } = {},
  ): Promise<T> {
    return this.#line.enter({
      signal,
      isOfClosing,
      ready: () => !this.#isWriting,
      start: () => (this.#isOpen ? start() : Promise.reject(transactionClosed())),
    });
  }

  #submit<T>(
    request: RequestWriter,
    signal: AbortSignal | undefined,
    value: (results: ResultSet[]) => T,
    { isOfClosing = false } = {},
  ): Promise<T> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    this.#pending++;
    this.#host.begins(this.lane);
    return this.#host.database.submit({
      lane: this.lane,
      transaction: isOfClosing ? 0 : this.number,
      request,
      isOfClosing,
      signal,
      value,
      ended: (outcome) => {
        this.#pending--;
        this.#idleSince = performance.now();
        this.#host.ends(this.lane, outcome);
        // By SQLite, or by the caller's own COMMIT or ROLLBACK.
        if (outcome.autocommit && this.#isOpen) this.#release();
      },
    });
  }

  #last(request: RequestWriter): Promise<void> {
    const answer = this.#submit(request, undefined, noResult);
    this.#release();
    return answer;
  }

  #release(): void {
    this.#isOpen = false;
    this.onEnd();
    this.#host.release(this);
    this.#line.fail(transactionClosed());
  }
}
