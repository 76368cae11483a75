/** How many calls run at a time. Further ones wait for their turn, in the order of their calls. */
export class Slots {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(count: number) {
    this.#free = count;
  }

  /** The number of calls that wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Takes a slot if one is free and nothing waits for one. */
  tryTake(): boolean {
    if (this.#free === 0) return false;
    this.#free--;
    return true;
  }

  /** Calls a function as soon as it has a slot. */
  wait(start: () => void): void {
    this.#waiting.add(start);
  }

  /** Stops waiting. Returns whether it was waiting still. */
  leave(start: () => void): boolean {
    return this.#waiting.delete(start);
  }

  /** Gives a slot back: to the first that waits, if one does. */
  give(): void {
    const [first] = this.#waiting;
    if (first === undefined) {
      this.#free++;
      return;
    }
    this.#waiting.delete(first);
    first();
  }
}
