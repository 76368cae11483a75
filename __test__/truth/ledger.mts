/**
 * What has to be in the file, by what the calls were told; and the lies: where the two differ.
 *
 * A call that resolved has done what it was called for. One that rejected has done nothing, unless its
 * error has `committed: true`. A script that rejected has carried out its first statements, each whole.
 */

/** What a call does to rows: the value by the id, undefined where the row is deleted. */
export type Effects = ReadonlyMap<number, number | undefined>;

/** One call, or all of one transaction. No other has rows with these ids until it is verified. */
export interface Entry {
  readonly what: string;
  readonly ids: readonly number[];
  /** What was asked meanwhile, and what the caller was told. */
  story: string[];
  /** The values before it. */
  readonly before: ReadonlyMap<number, number | undefined>;
  /** Of a script that rejected: what each of its statements does, or its BEGIN … COMMIT. */
  prefixOf: readonly Effects[] | undefined;
  /** Whether its error has `committed: true`; undefined where it has none of ours. */
  saysCommitted: boolean | undefined;
}

export class Ledger {
  readonly #rows = new Map<number, number>();
  #entries: Entry[] = [];
  /** How often each kind of lie was told, and the first of them. */
  readonly lies = new Map<string, { times: number; first: string }>();

  /** The ids of rows that are there and that no call has that is not verified. */
  get settledIds(): number[] {
    const taken = new Set(this.#entries.flatMap(({ ids }) => ids));
    return [...this.#rows.keys()].filter((id) => !taken.has(id));
  }

  get size(): number {
    return this.#rows.size;
  }

  valueOf(id: number): number | undefined {
    return this.#rows.get(id);
  }

  /** A call that is about to be made. */
  enter(what: string, ids: readonly number[]): Entry {
    const before = new Map(ids.map((id) => [id, this.#rows.get(id)]));
    const entry: Entry = {
      what,
      ids,
      story: [],
      before,
      prefixOf: undefined,
      saysCommitted: undefined,
    };
    this.#entries.push(entry);
    return entry;
  }

  /** Its effects are to be in the file. */
  wrote(effects: Effects): void {
    apply(effects, this.#rows);
  }

  lie(kind: string, details: string): void {
    const known = this.lies.get(kind);
    if (known === undefined) this.lies.set(kind, { times: 1, first: details });
    else known.times++;
  }

  /** Compares with what is in the file, while no call is on its way. Goes on from what is there. */
  verify(found: ReadonlyMap<number, number>): void {
    for (const entry of this.#entries) {
      const kind =
        entry.prefixOf === undefined ? this.#verify(entry, found) : this.#prefix(entry, found);
      if (kind !== undefined) this.lie(`${kind} (${entry.what})`, entry.story.join(", "));
      for (const id of entry.ids) {
        const value = found.get(id);
        if (value === undefined) this.#rows.delete(id);
        else this.#rows.set(id, value);
      }
    }
    this.#entries = [];
    for (const id of new Set([...found.keys(), ...this.#rows.keys()])) {
      if (found.get(id) === this.#rows.get(id)) continue;
      this.lie(
        "a row changed that no call had",
        `${id}: ${this.#rows.get(id)} is ${found.get(id)}`,
      );
    }
    this.#rows.clear();
    for (const [id, value] of found) this.#rows.set(id, value);
  }

  /** Begins anew, for a new file; the lies stay. */
  forget(): void {
    this.#rows.clear();
    this.#entries = [];
  }

  #verify(entry: Entry, found: ReadonlyMap<number, number>): string | undefined {
    const wrong = entry.ids.find((id) => found.get(id) !== this.#rows.get(id));
    if (wrong === undefined) return undefined;
    const isUndone = found.get(wrong) === entry.before.get(wrong);
    return isUndone ? "resolved, and not in the file" : "rejected, and in the file";
  }

  #prefix(entry: Entry, found: ReadonlyMap<number, number>): string | undefined {
    const expected = new Map(entry.ids.flatMap((id) => pair(id, this.#rows.get(id))));
    const isFound = (): boolean => entry.ids.every((id) => expected.get(id) === found.get(id));
    let hasCommitted = false;
    for (const effects of entry.prefixOf ?? []) {
      if (isFound()) break;
      apply(effects, expected);
      hasCommitted = true;
    }
    if (!isFound()) return "a script that rejected, and has not carried out its first statements";
    if (entry.saysCommitted === undefined || entry.saysCommitted === hasCommitted) return undefined;
    return hasCommitted
      ? "a script that has committed something, and does not say so"
      : "a script that says that it has committed something, and has not";
  }
}

function apply(effects: Effects, rows: Map<number, number>): void {
  for (const [id, value] of effects) {
    if (value === undefined) rows.delete(id);
    else rows.set(id, value);
  }
}

function pair(id: number, value: number | undefined): Array<[number, number]> {
  return value === undefined ? [] : [[id, value]];
}
