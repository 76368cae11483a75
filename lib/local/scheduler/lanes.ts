/** Assigns the lanes of one client, each of which has a connection and a thread, to calls. */
import type { NativeDatabase } from "../native/database";

export class Lanes {
  readonly #database: NativeDatabase;
  readonly #most: number;
  /** The lane for calls outside of transactions; undefined while a transaction has it. */
  #main: number | undefined = 0;
  /** The lanes without a transaction, besides the main lane. */
  #idle: number[] = [];
  #count = 1;
  #pinned: number | undefined;
  /** The pinned lane is about to become the main lane: no other lane may. */
  #isMoving = false;
  /** The number of unanswered calls of each lane. */
  readonly #pending = new Map<number, number>();

  constructor(database: NativeDatabase, most: number) {
    this.#database = database;
    this.#most = most;
  }

  get main(): number | undefined {
    return this.#main;
  }

  /** The lane that has TEMP tables or attached databases. All calls run on it from then on. */
  get pinned(): number | undefined {
    return this.#pinned;
  }

  /** Whether there are lanes without a transaction, besides the main lane. */
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

  /** The database was closed and opened again: only its main lane exists. */
  reset(): void {
    this.#main = 0;
    this.#idle = [];
    this.#count = 1;
  }

  /** A call is submitted to a lane. */
  begin(lane: number): void {
    this.#pending.set(lane, (this.#pending.get(lane) ?? 0) + 1);
  }

  /** A call of a lane has its answer. */
  end(lane: number): void {
    const left = (this.#pending.get(lane) ?? 1) - 1;
    if (left === 0) this.#pending.delete(lane);
    else this.#pending.set(lane, left);
  }

  /** Whether a transaction can get a lane now. It gets the main lane only if that is free. */
  hasOneForTransaction(isMainFree: boolean): boolean {
    if (this.#main !== undefined && isMainFree) return true;
    return this.#pinned === undefined && (this.#idle.length > 0 || this.#count < this.#most);
  }

  /** Takes a lane for a transaction: the main lane only if there is no other. */
  takeForTransaction(): number | undefined {
    if (this.#pinned === undefined) {
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

  /** Returns the lane of a transaction. */
  giveBack(lane: number): void {
    if (this.#main === undefined && !this.#isMoving) this.#main = lane;
    else this.#idle.push(lane);
  }

  /** A lane has TEMP tables or attached databases. The first such lane stays the pinned one. */
  pin(lane: number): void {
    this.#pinned ??= lane;
  }

  /**
   * Begins to make the pinned lane the main lane, if it is free and not the main lane yet. There is no
   * main lane until `finish` is called, which has to wait for the former one to be done.
   */
  moveToPinned(): { isDone: () => boolean; finish: () => void } | undefined {
    const pinned = this.#pinned;
    const former = this.#main;
    if (pinned === undefined || former === undefined || !this.#idle.includes(pinned)) {
      return undefined;
    }
    this.#idle = this.#idle.filter((lane) => lane !== pinned);
    this.#main = undefined;
    this.#isMoving = true;
    return {
      isDone: () => !this.#pending.has(former),
      finish: () => {
        this.#isMoving = false;
        this.#main = pinned;
        this.#close(former);
      },
    };
  }

  /** Closes the idle lanes: SQLite leaves WAL mode only on the last connection to the file. */
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
