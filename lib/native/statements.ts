/** The numbers by which requests name the texts of statements. */

/** How many texts of one client keep a number while nothing runs. */
const KEPT = 256;
/** How many have one at most; more are sent as texts until there is a pause. */
const MOST = 4 * KEPT;
/** Longer texts are sent each time: they are rarely the same twice, and would be kept for nothing. */
const LONGEST = 8 * 1024;

/** A text's number, and when it was last used. */
interface Numbered {
  readonly id: number;
  lastUse: number;
}

/** One client's numbers. The texts that were used longest ago lose theirs first. */
export class StatementNumbers {
  readonly #numbers = new Map<string, Numbered>();
  readonly #define: (id: number, sql: string) => void;
  readonly #forget: (id: number) => void;
  #last = 0;
  #uses = 0;
  #users = 0;

  constructor(define: (id: number, sql: string) => void, forget: (id: number) => void) {
    this.#define = define;
    this.#forget = forget;
  }

  /** The number of a text; 0 where it has none and is sent itself. */
  readonly of = (sql: string): number => {
    const known = this.#numbers.get(sql);
    if (known !== undefined) {
      known.lastUse = ++this.#uses;
      return known.id;
    }
    if (sql.length > LONGEST || this.#numbers.size >= MOST) return 0;
    const id = ++this.#last;
    this.#define(id, sql);
    this.#numbers.set(sql, { id, lastUse: ++this.#uses });
    return id;
  };

  /** A request that may name numbers is being written, or is on its way. */
  enter(): void {
    this.#users++;
  }

  /** It has its answer. Where it was the last one, the numbers that are too many are taken back. */
  leave(): void {
    this.#users--;
    if (this.#users > 0 || this.#numbers.size <= KEPT) return;
    const byUse = [...this.#numbers].sort(([, a], [, b]) => a.lastUse - b.lastUse);
    for (const [sql, { id }] of byUse.slice(0, byUse.length - KEPT / 2)) {
      this.#numbers.delete(sql);
      this.#forget(id);
    }
  }
}
