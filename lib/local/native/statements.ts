/** Numbers that requests send instead of the texts of statements. */

/** The number of texts of one client that keep a number while nothing runs. */
const KEPT = 256;
/** The most texts that have a number at a time. Further texts are sent in full until nothing runs. */
const MOST = 4 * KEPT;
/** Longer texts are sent in full each time: they are rarely repeated. */
const LONGEST = 8 * 1024;

/** The number of a text, and the time of its last use. */
interface Numbered {
  readonly id: number;
  lastUse: number;
}

/** The numbers of one client. The least recently used texts lose theirs first. */
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

  /** The number of a text; 0 if the text has to be sent in full. */
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

  /** A request that may use numbers is being written, or has no answer yet. */
  enter(): void {
    this.#users++;
  }

  /** It is written, and is submitted at once: its number must not be released before. */
  written(): void {
    this.#users--;
  }

  /** It has its answer. */
  leave(): void {
    this.#users--;
    this.used();
  }

  /** A request that used a number is over. After the last one, surplus numbers are released. */
  used(): void {
    if (this.#users > 0 || this.#numbers.size <= KEPT) return;
    const byUse = [...this.#numbers].sort(([, a], [, b]) => a.lastUse - b.lastUse);
    for (const [sql, { id }] of byUse.slice(0, byUse.length - KEPT / 2)) {
      this.#numbers.delete(sql);
      this.#forget(id);
    }
  }
}
