/** When a request is sent once more. */
import { RequestFailure } from "./errors";

/** The first pause before a server that has refused a connection is asked again, in ms. */
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;
/** So many pauses there are whatever `timeout` is: a server that restarts is back after them. */
const PAUSES = 2;

/** The attempts of one call. */
export class Retries {
  readonly #onlyReads: boolean;
  readonly #timeoutMs: number;
  readonly #began = performance.now();
  #pauses = 0;
  #wasAtOnce = false;

  /**
   * @param onlyReads whether the request changes nothing, so that it may be carried out twice
   * @param timeoutMs how long to try
   */
  constructor(onlyReads: boolean, timeoutMs: number) {
    this.#onlyReads = onlyReads;
    this.#timeoutMs = timeoutMs;
  }

  /** How long to wait before the next attempt, in ms; undefined if there is to be none. */
  next(failure: unknown): number | undefined {
    if (!(failure instanceof RequestFailure)) return undefined;
    const { outcome, retry } = failure;
    const atOnce = outcome === "lost" ? this.#onlyReads : retry === "at once";
    if (atOnce) {
      if (this.#wasAtOnce) return undefined;
      this.#wasAtOnce = true;
      return 0;
    }
    return retry === "later" ? this.#pause() : undefined;
  }

  #pause(): number | undefined {
    const pause = Math.min(FIRST_PAUSE_MS * 4 ** this.#pauses, LONGEST_PAUSE_MS);
    this.#pauses++;
    const waited = performance.now() - this.#began;
    return this.#pauses <= PAUSES || waited + pause <= this.#timeoutMs ? pause : undefined;
  }
}
