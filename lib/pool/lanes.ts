/** The lanes of one open client: which one is for what. */
import type { NativeDatabase } from "../native/database";

/** See the module's own text. */
export class Lanes {
  readonly #database: NativeDatabase;
  readonly #most: number;
  /** Where calls outside of transactions run; undefined while a transaction has that lane. */
  #main: number | undefined = 0;
  /** Those that have no transaction, beside the main one. */
  #idle: number[] = [];
  #count = 1;
  #tied: number | undefined;
  /** The tied lane is about to become the main one: no other does. */
  #isMoving = false;
  /** How many calls each lane has yet to answer. */
  readonly #pending = new Map<number, number>();

  constructor(database: NativeDatabase, most: number) {
    this.#database = database;
    this.#most = most;
  }

  get main(): number | undefined {
    return this.#main;
  }

  /** The lane that has TEMP tables or attached databases: everything runs on it from then on. */
  get tied(): number | undefined {
    return this.#tied;
  }

  /** Whether there are lanes beside the main one without a transaction. */
  get hasIdle(): boolean {
    return this.#idle.length > 0;
  }

  /** Whether every call of the main lane has its answer. */
  get isMainDone(): boolean {
    return this.#main === undefined || !this.#pending.has(this.#main);
  }

  /** Whether every call of every lane has its answer. */
  get areDone(): boolean {
    return this.#pending.size === 0;
  }

  /** A call is handed to a lane. */
  begin(lane: number): void {
    this.#pending.set(lane, (this.#pending.get(lane) ?? 0) + 1);
  }

  /** A call of a lane has its answer. */
  end(lane: number): void {
    const left = (this.#pending.get(lane) ?? 1) - 1;
    if (left === 0) this.#pending.delete(lane);
    else this.#pending.set(lane, left);
  }

  /** Whether a transaction can have a lane now: the main one only if it is free. */
  hasOneForTransaction(isMainFree: boolean): boolean {
    if (this.#main !== undefined && isMainFree) return true;
    return this.#tied === undefined && (this.#idle.length > 0 || this.#count < this.#most);
  }

  /** A lane for a transaction: the main one only where there is no other. */
  takeForTransaction(): number | undefined {
    if (this.#tied === undefined) {
      const idle = this.#idle.pop();
      if (idle !== undefined) return idle;
      if (this.#count < this.#most) {
        this.#count++;
        return this.#database.openLane();
      }
    }
    const main = this.#main;
    this.#main = undefined;
    return main;
  }

  /** Takes the lane of a transaction back. */
  giveBack(lane: number): void {
    if (this.#main === undefined && !this.#isMoving) this.#main = lane;
    else this.#idle.push(lane);
  }

  /** A lane has TEMP tables or attached databases. The first one stays the one. */
  tie(lane: number): void {
    this.#tied ??= lane;
  }

  /**
   * Begins to make the tied lane the main one, where it is free and not that already: there is no
   * main lane until `finish` is called, once the former one is done.
   */
  moveToTied(): { isDone: () => boolean; finish: () => void } | undefined {
    const tied = this.#tied;
    const former = this.#main;
    if (tied === undefined || former === undefined || !this.#idle.includes(tied)) return undefined;
    this.#idle = this.#idle.filter((lane) => lane !== tied);
    this.#main = undefined;
    this.#isMoving = true;
    return {
      isDone: () => !this.#pending.has(former),
      finish: () => {
        this.#isMoving = false;
        this.#main = tied;
        this.#close(former);
      },
    };
  }

  /** Closes the lanes that have nothing to do: SQLite leaves WAL only for its last connection. */
  closeIdle(): void {
    const done = this.#idle.filter((lane) => !this.#pending.has(lane));
    this.#idle = this.#idle.filter((lane) => this.#pending.has(lane));
    for (const lane of done) this.#close(lane);
  }

  #close(lane: number): void {
    this.#count--;
    this.#database.closeLane(lane);
  }
}
