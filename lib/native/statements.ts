/** The numbers by which requests name the texts of statements. */

/** How many texts of one client keep a number while nothing runs. */
const KEPT = 256;
/** How many have one at most; more are sent as texts until there is a pause. */
const MOST = 4 * KEPT;
/** Longer texts are sent each time: they are rarely the same twice, and would be kept for nothing. */
const LONGEST = 8 * 1024;

/** One client's numbers. The text that was used longest ago loses its number first. */
export class StatementNumbers {
  readonly #numbers = new Map<string, number>();
  readonly #define: (id: number, sql: string) => void;
  readonly #forget: (id: number) => void;
  #last = 0;
  #users = 0;

  constructor(define: (id: number, sql: string) => void, forget: (id: number) => void) {
    this.#define = define;
    this.#forget = forget;
  }

  /** The number of a text; 0 where it has none and is sent itself. */
  readonly of = (sql: string): number => {
    let id = this.#numbers.get(sql);
    if (id !== undefined) return id;
    if (sql.length > LONGEST || this.#numbers.size >= MOST) return 0;
    id = ++this.#last;
    this.#define(id, sql);
    this.#numbers.set(sql, id);
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
    for (const [sql, id] of this.#numbers) {
      if (this.#numbers.size <= KEPT) return;
      this.#numbers.delete(sql);
      this.#forget(id);
    }
  }
}
