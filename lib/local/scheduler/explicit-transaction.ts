/**
 * The explicit transaction: one that a statement of the client has begun (`BEGIN`, `SAVEPOINT`), not
 * `transaction()` (https://sqlite.org/lang_transaction.html). Until it ends, the client's statements
 * and scripts run in it, on the main lane. The native side tracks it; this is its state according to
 * the latest answer.
 */
import { performance } from "node:perf_hooks";
import type { Outcome } from "../wire/response";

/** SQL whitespace, or the end of an empty statement (https://sqlite.org/lang_comment.html). */
const BLANK = /[\s;]/;
/** The codes of "A" and "z". */
const [FIRST_LETTER, LAST_LETTER] = [65, 122] as const;
const BEGINS = /(?:begin|savepoint)\b/iy;

/** Whether a text's first statement may begin a transaction. */
export function mayBegin(sql: unknown): boolean {
  if (typeof sql !== "string") return false;
  BEGINS.lastIndex = startOfStatement(sql);
  return BEGINS.test(sql);
}

/** The index of a text's first statement, after whitespace and comments. */
function startOfStatement(sql: string): number {
  // No blank and no comment begins with a letter.
  const first = sql.charCodeAt(0);
  if (first >= FIRST_LETTER && first <= LAST_LETTER) return 0;
  let at = 0;
  while (at < sql.length) {
    let end: number;
    if (BLANK.test(sql.charAt(at))) end = at + 1;
    else if (sql.startsWith("--", at)) end = endOf(sql, "\n", at);
    else if (sql.startsWith("/*", at)) end = endOf(sql, "*/", at + 2);
    else break;
    at = end;
  }
  return at;
}

function endOf(sql: string, mark: string, from: number): number {
  const at = sql.indexOf(mark, from);
  return at < 0 ? sql.length : at + mark.length;
}

export class ExplicitTransaction {
  #isOpen = false;
  /** The number of waiting statements that may begin it. */
  #coming = 0;
  /** The number of submitted, unanswered statements that may begin it. */
  #beginning = 0;
  /** The number of unanswered calls of the main lane. */
  #pending = 0;
  #idleSince = 0;

  /** Whether it is open, or may be about to open. */
  get isOpen(): boolean {
    return this.#isOpen || this.#beginning > 0;
  }

  /** Whether it is open, or a waiting call may open it. */
  get isComing(): boolean {
    return this.isOpen || this.#coming > 0;
  }

  /** For how long it has been idle, in ms, counted from `since` at the earliest. */
  idleFor(since: number): number {
    return this.#pending > 0 ? 0 : performance.now() - Math.max(this.#idleSince, since);
  }

  /** A call that may begin it is queued. */
  queued(): void {
    this.#coming++;
  }

  /** Such a call has left the queue. */
  dequeued(): void {
    this.#coming--;
  }

  /** A call is submitted to the main lane. */
  submitted(begins: boolean): void {
    this.#pending++;
    if (begins) this.#beginning++;
  }

  /**
   * A call of the main lane has its answer.
   * @returns whether the transaction has ended with it
   */
  answered(begins: boolean, outcome: Outcome): boolean {
    const wasOpen = this.isOpen;
    this.#pending--;
    if (begins) this.#beginning--;
    if (outcome.explicit) this.#isOpen = true;
    else if (outcome.autocommit) this.#isOpen = false;
    if (this.#isOpen) this.#idleSince = performance.now();
    return wasOpen && !this.isOpen;
  }
}
