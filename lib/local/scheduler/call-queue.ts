/** Calls that cannot start yet, in the order in which they were made. */
import { performance } from "node:perf_hooks";
import { AsyncContext } from "../../client/async-context";
import type { CallSignal } from "../../client/call-signal";
import { currentTrace, withTrace } from "../../client/tracing";
import { hasTime, inNextTurn } from "../native/turn";
import { LinkedList, type Entry } from "./linked-list";

/** How a call starts, or is cancelled before. */
export interface Call<T> {
  /** Ends the call while it waits. */
  readonly signal?: CallSignal | undefined;
  /** Whether it begins a transaction. */
  readonly begins?: boolean;
  /** Whether it is a suspension, which waits until nothing runs and has a time limit of its own. */
  readonly suspends?: boolean;
  /** Whether it belongs to a closing, so that no report counts it. */
  readonly isOfClosing?: boolean;
  /** Whether it runs in the client's explicit transaction while that is open. */
  readonly joins?: boolean;
  /** Whether it may run on this thread, and so waits for a turn of the event loop that has time for it. */
  readonly takesTime?: boolean;
  /** Whether it can start now. */
  ready(): boolean;
  start(): T | Promise<T>;
  /** The call waits: it takes a copy of what its caller may change. If this throws, the call fails. */
  readonly keep?: (() => void) | undefined;
  /** The call has ended without having started. */
  onCancelled?(): void;
}

/** One waiting call, as others see it. */
export interface WaitingCall {
  readonly begins: boolean;
  readonly suspends: boolean;
  readonly isOfClosing: boolean;
  /** When it was made, in ms (`performance.now()`). */
  readonly since: number;
}

/** The time for which waiting calls are started in one turn of the event loop, in ms. */
const TURN_MS = 2;
/** The number of starts between two looks at the clock. */
const BETWEEN_LOOKS = 16;

/** A queue with more calls than this is crowded. */
const CROWD = 32;

/** A waiting call, and its places in the lists of the queue. Thousands may wait, so it is one object. */
class Place implements WaitingCall {
  readonly since = performance.now();
  entry: Entry<Place> | undefined;
  joining: Entry<Place> | undefined;
  plain: Entry<Place> | undefined;
  /** Called at the abort of the call's signal. */
  onAbort: (() => void) | undefined;
  // The end of another call starts this one, which may run the caller's code to read arguments.
  readonly #context = new AsyncContext("latchdb.WaitingCall");
  readonly #trace = currentTrace();
  readonly #resolve: (value: unknown) => void;
  readonly #reject: (error: unknown) => void;

  constructor(
    readonly call: Call<unknown>,
    resolve: (value: unknown) => void,
    reject: (error: unknown) => void,
  ) {
    this.#resolve = resolve;
    this.#reject = reject;
  }

  get begins(): boolean {
    return this.call.begins === true;
  }

  get suspends(): boolean {
    return this.call.suspends === true;
  }

  get isOfClosing(): boolean {
    return this.call.isOfClosing === true;
  }

  start(): void {
    this.#stopListening();
    const start = (): unknown => this.#context.runInAsyncScope(startOf, undefined, this.call);
    this.#resolve(withTrace(this.#trace, start));
  }

  fail(error: unknown): void {
    this.#stopListening();
    this.call.onCancelled?.();
    this.#reject(error);
  }

  #stopListening(): void {
    if (this.onAbort !== undefined) this.call.signal?.remove(this.onAbort);
  }
}

/**
 * A queue: the first call starts once it is ready, then the next one. While an explicit transaction is
 * open, the calls that join it overtake the others, which wait for its end. While the first call waits for a
 * connection for its transaction, plain calls overtake it: they need none.
 *
 * Many calls that can start at once are started over several turns of the event loop. A call that is
 * made meanwhile waits behind them.
 */
export class CallQueue {
  readonly #places = new LinkedList<Place>();
  /** The waiting calls that join. */
  readonly #joining = new LinkedList<Place>();
  /** The waiting calls that neither begin a transaction nor suspend the client. */
  readonly #plain = new LinkedList<Place>();
  #size = 0;
  #suspending = 0;
  readonly #canJoin: () => boolean;
  readonly #canPass: () => boolean;
  readonly #goOn: () => void;
  #onEmpty: (() => void) | undefined;
  /** "backlog": no longer held, but calls that were made since `hold` still wait. */
  #state: "flowing" | "held" | "backlog" = "flowing";
  #isStarting = false;
  #isAdvancing = false;

  /**
   * @param canJoin whether an explicit transaction is open. Default: none is ever open
   * @param canPass whether a transaction has to wait for a connection. Default: none ever has to
   * @param goOn called in a later turn to start further calls, by `advance`. Default: `advance`
   */
  constructor({
    canJoin,
    canPass,
    goOn,
  }: { canJoin?: () => boolean; canPass?: () => boolean; goOn?: () => void } = {}) {
    this.#canJoin = canJoin ?? (() => false);
    this.#canPass = canPass ?? (() => false);
    this.#goOn = goOn ?? (() => this.advance());
  }

  /** The call that is next. */
  get first(): WaitingCall | undefined {
    return this.#places.first;
  }

  /** The number of calls that wait. */
  get size(): number {
    return this.#size;
  }

  /** The calls that wait, in their order. */
  [Symbol.iterator](): Iterator<WaitingCall> {
    return this.#places[Symbol.iterator]();
  }

  /** Whether so many calls wait that they had better not run on this thread. */
  get isCrowded(): boolean {
    return this.#size > CROWD;
  }

  /** Whether calls wait, or would wait, because the queue is or was held. */
  get hasBacklog(): boolean {
    return this.#state !== "flowing";
  }

  /** Whether no call waits, and a call would not have to. `takesTime`: as that of the call. */
  isFreeFor(takesTime: boolean): boolean {
    return this.first === undefined && this.#state !== "held" && (!takesTime || hasTime());
  }

  /** Whether waiting calls are being started, now or in a later turn of the event loop. */
  get isStarting(): boolean {
    return this.#isStarting || this.#isAdvancing;
  }

  /** Starts a call now, if no other waits and it is ready, or lets it wait. */
  enter<T>(call: Call<T>): Promise<T> {
    const isInTime = call.takesTime !== true || hasTime();
    if (isInTime && this.#state !== "held" && this.#isNext(call) && call.ready()) {
      return startOf(call);
    }
    if (!isInTime) this.#goOnLater();
    return new Promise<T>((resolve, reject) => {
      const place = new Place(call, resolve as (value: unknown) => void, reject);
      this.#add(place);
      const { signal } = call;
      if (signal !== undefined) {
        place.onAbort = () => this.#end(place, signal.reason);
        signal.add(place.onAbort);
      }
      try {
        call.keep?.();
      } catch (error) {
        this.#end(place, error);
      }
    });
  }

  /** Ends a call, unless it has started. */
  #end(place: Place, error: unknown): void {
    if (this.#remove(place)) place.fail(error);
    this.advance();
  }

  #isNext({ joins, begins, suspends }: Call<unknown>): boolean {
    if (this.#places.first === undefined) return true;
    if (joins === true && this.#joining.first === undefined && this.#canJoin()) return true;
    const isPlain = begins !== true && suspends !== true;
    return isPlain && this.#plain.first === undefined && this.#isFirstPassed;
  }

  /** Whether plain calls overtake the first call. */
  get #isFirstPassed(): boolean {
    return this.first?.begins === true && this.#suspending === 0 && this.#canPass();
  }

  /** Adds a call of our own before all others. */
  enterFirst(call: { ready(): boolean; start(): void }): void {
    const nothing = (): void => undefined;
    this.#add(new Place({ ...call, isOfClosing: true }, nothing, nothing), true);
    this.advance();
  }

  /** Starts every call that can start, in this turn of the event loop or in the next ones. */
  advance(): void {
    // A call that runs on this thread ends while it is being started, and advances the queue.
    if (this.#isStarting || this.#isAdvancing) return;
    this.#isAdvancing = true;
    try {
      if (!this.#startAll()) return this.#goOnLater();
    } finally {
      this.#isAdvancing = false;
    }
    if (this.first !== undefined) return;
    if (this.#state === "backlog") this.#state = "flowing";
    this.#onEmpty?.();
  }

  /** Starts every call that can start. Returns false if the time of this turn is over before. */
  #startAll(): boolean {
    const began = performance.now();
    let started = 0;
    for (let next = this.#startable(); next !== undefined; next = this.#startable()) {
      if (next.call.takesTime === true && !hasTime() && !this.isCrowded) return false;
      if (++started % BETWEEN_LOOKS === 0 && performance.now() - began > TURN_MS) return false;
      this.#remove(next);
      next.start();
    }
    return true;
  }

  /** Lets every call wait until `release`, whether it is ready or not. */
  hold(): void {
    this.#state = "held";
  }

  /** Lets `advance` start calls again. */
  release(): void {
    if (this.#state === "held") this.#state = "backlog";
  }

  /** Resolves once no call waits, at the next `advance`. */
  emptied(): Promise<void> {
    if (this.first === undefined) return Promise.resolve();
    return new Promise((resolve) => (this.#onEmpty = resolve));
  }

  /**
   * Ends the calls that `which` selects. They never start.
   * @returns the number of these calls, without those of a closing
   */
  fail(error: unknown, which: (call: WaitingCall) => boolean = () => true): number {
    const failing = [...this.#places].filter(which);
    for (const place of failing) this.#remove(place);
    for (const place of failing) place.fail(error);
    return failing.filter((place) => !place.isOfClosing).length;
  }

  #goOnLater(): void {
    if (this.#isStarting) return;
    this.#isStarting = true;
    inNextTurn(() => {
      this.#isStarting = false;
      this.#goOn();
    });
  }

  #startable(): Place | undefined {
    const { first } = this.#places;
    if (this.#state === "held" || first === undefined) return undefined;
    if (first.call.ready()) return first;
    const next = this.#canJoin()
      ? this.#joining.first
      : this.#isFirstPassed
        ? this.#plain.first
        : undefined;
    return next?.call.ready() === true ? next : undefined;
  }

  #add(place: Place, isFirst = false): void {
    this.#size++;
    place.entry = isFirst ? this.#places.unshift(place) : this.#places.push(place);
    if (place.call.joins === true) place.joining = this.#joining.push(place);
    if (place.suspends) this.#suspending++;
    else if (!place.begins) place.plain = this.#plain.push(place);
  }

  #remove({ entry, joining, plain, suspends }: Place): boolean {
    if (joining !== undefined) this.#joining.remove(joining);
    if (plain !== undefined) this.#plain.remove(plain);
    if (entry === undefined || !this.#places.remove(entry)) return false;
    if (suspends) this.#suspending--;
    this.#size--;
    return true;
  }
}

/** Starts a call. An exception is a rejection, and a value is the promise of it. */
function startOf<T>(call: Call<T>): Promise<T> {
  try {
    const started = call.start();
    return started instanceof Promise ? started : Promise.resolve(started);
  } catch (error) {
    return Promise.reject(error);
  }
}
