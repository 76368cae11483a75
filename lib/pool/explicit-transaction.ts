/**
 * The transaction that a statement of the client has begun (`BEGIN`, `SAVEPOINT`), not
 * `transaction()`: https://sqlite.org/lang_transaction.html. Until it ends, the client's statements
 * and scripts run in it, on the main lane. The native side knows of it (src/session.rs); what is
 * here is what the latest answer said.
 */
import { performance } from "node:perf_hooks";
import type { Outcome } from "../wire/response";

/** A blank of SQL, or the end of an empty statement (https://sqlite.org/lang_comment.html). */
const BLANK = /[\s;]/;
const BEGINS = /(?:begin|savepoint)\b/iy;

/** Whether a text's first statement may begin a transaction. */
export function mayBegin(sql: unknown): boolean {
  if (typeof sql !== "string") return false;
  BEGINS.lastIndex = startOfStatement(sql);
  return BEGINS.test(sql);
}

/** Where the first statement of a text begins, behind blanks and comments. */
function startOfStatement(sql: string): number {
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

/** See the module's own text. */
export class ExplicitTransaction {
  #isOpen = false;
  /** Statements that may begin it, and have not gone to the main lane. */
  #coming = 0;
  /** Statements without an answer yet that may begin it. */
  #beginning = 0;
  /** Calls of the main lane without an answer yet. */
  #pending = 0;
  #idleSince = 0;

  /** Whether it is open, or may be about to open. */
  get isOpen(): boolean {
    return this.#isOpen || this.#beginning > 0;
  }

  /** Whether it is open, or what waits for the main lane may open it. */
  get isComing(): boolean {
    return this.isOpen || this.#coming > 0;
  }

  /** For how long it has had nothing to do, in ms, at most since `since`. */
  idleFor(since: number): number {
    return this.#pending > 0 ? 0 : performance.now() - Math.max(this.#idleSince, since);
  }

  /** A call that may begin it is made. */
  callMade(): void {
    this.#coming++;
  }

  /** It goes to the main lane, or never will. */
  callLeft(): void {
    this.#coming--;
  }

  /** A call goes to the main lane. */
  callStarted(begins: boolean): void {
    this.#pending++;
    if (begins) this.#beginning++;
  }

  /**
   * It has its answer.
   * @returns whether that ended the transaction
   */
  callEnded(begins: boolean, outcome: Outcome): boolean {
    const wasOpen = this.isOpen;
    this.#pending--;
    if (begins) this.#beginning--;
    if (outcome.explicit) this.#isOpen = true;
    else if (outcome.autocommit) this.#isOpen = false;
    if (this.#isOpen) this.#idleSince = performance.now();
    return wasOpen && !this.isOpen;
  }
}
