/**
 * `transaction(fn)`: runs a function in a transaction, commits where the function fulfils, and rolls back
 * where it throws.
 */
import type { TransactionMode } from "@libsql/core/api";
import { transactionModeToBegin } from "@libsql/core/util";
import { isBusyElsewhere } from "./busy";
import type { CallSignal } from "./call-signal";
import { describe } from "./describe";
import { errorOf, type Failure } from "./failure";
import { parseSignal, type SignalOption } from "./options";
import { clearTimeout, setTimeout } from "./timers";

/** The options of `transaction(fn)`. */
export interface TransactionOptions extends SignalOption {
  /** How the transaction begins. Default: "write". Not for one inside another. */
  mode?: TransactionMode | undefined;
  /** How often the function runs again after SQLITE_BUSY of another process. Default: 0. */
  retries?: number | undefined;
}

/** A transaction, as far as its function's end needs it. */
interface Ending {
  readonly closed: boolean;
  /** Whether its BEGIN has failed: there is nothing to undo. */
  readonly wasRefused?: boolean;
  /** Commits, and fails without an error made: the caller's is among the frames of one that is made later. */
  tryCommit(): Promise<void>;
  rollback(): Promise<void>;
  close(): void;
  /** Resolves once no transaction is open inside of this one. Undefined where there never was one. */
  nestedSettled(): Promise<void> | undefined;
}

/** The pause before the first repetition, in ms. Each further one may take twice as long. */
const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 500;

/** One run of a function: what the transaction tells the call of `transaction(fn)`. */
export class Scope {
  /** The COMMIT or ROLLBACK that the transaction's owner has asked for. */
  ending: Promise<void> | undefined;
  readonly #signal: CallSignal | undefined;
  #over: { reason: unknown } | undefined;
  #fail: ((reason: unknown) => void) | undefined;

  constructor(signal: CallSignal | undefined) {
    this.#signal = signal;
  }

  /**
   * The transaction has ended. The call does not wait for its function if the signal or the closing of the
   * client is the reason. Otherwise the function learns of it, and its error is the call's.
   */
  ended(closed: Failure | undefined): void {
    if (this.#signal?.aborted) this.#over ??= { reason: this.#signal.reason };
    else if (closed !== undefined) this.#over ??= { reason: closed };
    if (this.#over !== undefined) this.#fail?.(this.#over.reason);
  }

  /** The result of some work, unless the call is over before. */
  run<T>(work: () => T | PromiseLike<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#over !== undefined) return reject(this.#over.reason);
      this.#fail = reject;
      Promise.resolve(work()).then(resolve, reject);
    });
  }
}

/** Begins a transaction of a client. Its end, and its owner's wish to end it, are told to the scope. */
export type Begin<X> = (
  mode: TransactionMode,
  options: TransactionOptions,
  scope: Scope,
) => Promise<X>;

/**
 * Runs a function in a transaction of a client.
 * @throws what the function throws; the error of BEGIN or COMMIT; the signal's reason; CLIENT_CLOSED
 */
export async function runInTransaction<X extends Ending, T>(
  begin: Begin<X>,
  fn: (transaction: X) => T | PromiseLike<T>,
  given: TransactionOptions | undefined,
): Promise<T> {
  const options = parseOptions(given);
  const { mode = "write", retries = 0 } = options;
  transactionModeToBegin(mode);
  const signal = parseSignal(options);
  for (let run = 0; ; run++) {
    // Without a transaction there is nothing to roll back.
    const state = { isUndone: true };
    try {
      const scope = new Scope(signal);
      const transaction = await begin(mode, options, scope);
      return await runIn(transaction, scope, fn, state);
    } catch (reason) {
      if (run >= retries || !state.isUndone) throw reason;
      const error = errorOf(reason);
      if (!isBusyElsewhere(error)) throw error;
    }
    await pause(run, signal);
  }
}

/**
 * Runs a function in a transaction that is open, and ends the transaction.
 * @param state says afterwards whether everything is certainly undone
 */
export async function runIn<X extends Ending, T>(
  transaction: X,
  scope: Scope,
  fn: (transaction: X) => T | PromiseLike<T>,
  state: { isUndone: boolean },
): Promise<T> {
  state.isUndone = false;
  let isCommitting = false;
  try {
    const value = await scope.run(() => fn(transaction));
    for (let nested; (nested = transaction.nestedSettled()) !== undefined;) {
      const settled = nested;
      await scope.run(() => settled);
    }
    isCommitting = scope.ending === undefined;
    await (scope.ending ?? transaction.tryCommit());
    return value;
  } catch (reason) {
    // A COMMIT that fails is followed by a ROLLBACK, before its answer.
    state.isUndone = isCommitting || (await undo(transaction, scope));
    throw reason;
  }
}

/** Rolls a transaction back. Resolves to whether it is certain that nothing of it is left. */
async function undo(transaction: Ending, scope: Scope): Promise<boolean> {
  if (transaction.closed) {
    await scope.ending?.catch(() => undefined);
    return transaction.wasRefused === true;
  }
  try {
    await transaction.rollback();
    return true;
  } catch {
    transaction.close();
    return false;
  }
}

async function pause(run: number, signal: CallSignal | undefined): Promise<void> {
  const longest = Math.min(FIRST_PAUSE_MS * 2 ** run, LONGEST_PAUSE_MS);
  await new Promise<void>((resolve, reject) => {
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    // Processes that have met must not meet again.
    const timer = setTimeout(
      () => {
        signal?.remove(abort);
        resolve();
      },
      longest * (0.5 + Math.random() / 2),
    );
    signal?.add(abort);
  });
}

/** @throws TypeError, RangeError */
export function parseOptions(options: TransactionOptions | undefined): TransactionOptions {
  if (options === undefined || options === null) return {};
  if (typeof options !== "object") {
    throw new TypeError(
      `Expected the options of transaction(fn) as an object with mode, signal or retries, got ${describe(options)}`,
    );
  }
  const { retries } = options;
  if (retries === undefined) return options;
  if (typeof retries !== "number") {
    throw new TypeError(`Expected retries as a number of repetitions, got ${describe(retries)}`);
  }
  if (!(retries >= 0 && (Number.isInteger(retries) || retries === Infinity))) {
    throw new RangeError(`Expected retries as a number of repetitions (0, 1, …), got ${retries}`);
  }
  return options;
}
