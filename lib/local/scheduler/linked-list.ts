/** A list whose entries can be removed from any place, each in constant time. */

/** The place of a value in a list. */
export class Entry<T> {
  previous: Entry<T> | undefined;
  next: Entry<T> | undefined;
  /** Whether it is in its list. */
  isIn = true;

  constructor(readonly value: T) {}
}

export class LinkedList<T> {
  #first: Entry<T> | undefined;
  #last: Entry<T> | undefined;

  /** The first value; undefined if the list is empty. */
  get first(): T | undefined {
    return this.#first?.value;
  }

  /** Adds a value after all others. */
  push(value: T): Entry<T> {
    const entry = new Entry(value);
    entry.previous = this.#last;
    if (this.#last === undefined) this.#first = entry;
    else this.#last.next = entry;
    this.#last = entry;
    return entry;
  }

  /** Adds a value before all others. */
  unshift(value: T): Entry<T> {
    const entry = new Entry(value);
    entry.next = this.#first;
    if (this.#first === undefined) this.#last = entry;
    else this.#first.previous = entry;
    this.#first = entry;
    return entry;
  }

  /**
   * Removes an entry of this list.
   * @returns false if it was removed before
   */
  remove(entry: Entry<T>): boolean {
    if (!entry.isIn) return false;
    const { previous, next } = entry;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    entry.previous = entry.next = undefined;
    entry.isIn = false;
    return true;
  }

  /** The values in their order. The list must not change meanwhile. */
  *[Symbol.iterator](): IterableIterator<T> {
    for (let entry = this.#first; entry !== undefined; entry = entry.next) yield entry.value;
  }
}
