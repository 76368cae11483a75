/**
 * The lanes of one client, each of which has a connection and a thread, as far as calls must know them
 * to wait or to start. The addon decides which lane a call takes.
 */
import { LaneMove } from "../../addon/binding.js";
import type { NativeDatabase } from "../native/database";
import { LaneFlag } from "../wire/kinds";

export class Lanes {
  readonly #database: NativeDatabase;
  /** Bits of `LaneFlag`, as of the latest change. */
  #state = 0;
  #isPinned = false;
  /** The pinned lane is the main lane. */
  #hasMoved = false;
  /** The number of unanswered calls, of all lanes and of the main lane. */
  #pending = 0;
  #pendingOnMain = 0;

  constructor(database: NativeDatabase) {
    this.#database = database;
  }

  /** Whether there is a lane for calls outside of transactions. */
  get isMainFree(): boolean {
    return (this.#state & LaneFlag.MainFree) !== 0;
  }

  /** Whether a transaction can have a lane besides the main lane. */
  get isOtherFree(): boolean {
    return (this.#state & LaneFlag.OtherFree) !== 0;
  }

  /** Whether there are lanes without a transaction, besides the main lane. */
  get hasIdle(): boolean {
    return (this.#state & LaneFlag.HasIdle) !== 0;
  }

  /** Whether a lane has TEMP tables or attached databases. All calls run on it from then on. */
  get isPinned(): boolean {
    return this.#isPinned;
  }

  /** The number of unanswered calls. */
  get pending(): number {
    return this.#pending;
  }

  /** The number of unanswered calls outside of transactions. */
  get pendingOnMain(): number {
    return this.#pendingOnMain;
  }

  /** Whether every call of a transaction has its answer. The addon knows about the others. */
  get areOthersDone(): boolean {
    return this.#pending === this.#pendingOnMain;
  }

  /** Whether every call of every lane has its answer. */
  get areDone(): boolean {
    return this.#pending === 0;
  }

  /** The database was opened: the addon has the main lane and no transaction. */
  opened(maxConnections: number): void {
    this.#state = LaneFlag.MainFree | (maxConnections > 1 ? LaneFlag.OtherFree : 0);
  }

  /** The lanes have changed: a transaction has a lane, or has none any more. */
  refresh(): void {
    this.#state = this.#database.laneState();
  }

  /** A call is submitted. */
  begin(isOnMain: boolean): void {
    this.#pending++;
    if (isOnMain) this.#pendingOnMain++;
  }

  /** A call has its answer. */
  end(isOnMain: boolean): void {
    this.#pending--;
    if (isOnMain) this.#pendingOnMain--;
  }

  /** A lane has TEMP tables or attached databases. */
  pin(): void {
    if (this.#isPinned) return;
    this.#isPinned = true;
    this.refresh();
  }

  /**
   * Begins to make the pinned lane the main lane, if it is free and not the main lane yet. There is no
   * main lane until `finish` is called, which has to wait for the former one to be done.
   */
  moveToPinned(): { isDone: () => boolean; finish: () => void } | undefined {
    if (!this.#isPinned || this.#hasMoved) return undefined;
    const move = this.#database.beginLaneMove();
    this.#hasMoved = move === LaneMove.Done;
    if (move !== LaneMove.Begun) return undefined;
    this.refresh();
    return {
      isDone: () => this.#pendingOnMain === 0,
      finish: () => {
        this.#database.finishLaneMove();
        this.#hasMoved = true;
        this.refresh();
      },
    };
  }

  /** Closes the idle lanes: SQLite leaves WAL mode only on the last connection to the file. */
  closeIdle(): void {
    this.#database.closeIdleLanes();
    this.refresh();
  }
}
