/** One client on a file, from its opening to its end, and what was asked of it. */
import { createClient, type LocalClient, type LibsqlError, type ResultSet } from "latchdb";
import { Ledger, type Effects, type Entry } from "./ledger.mjs";
import { someMoment } from "./moments.mjs";

/** A call that takes longer hangs. */
const HUNG_MS = 30_000;

/** How a call ended. */
export type Outcome<T> =
  | { is: "resolved"; value: T }
  /** With the reason of its signal; because its client, or its transaction, was closed; else. */
  | { is: "aborted" | "closed" | "failed"; code: string; error: unknown; isCommitted: boolean };

/** What has happened, in numbers. */
export interface Counts {
  calls: number;
  aborts: number;
  /** How many of the aborts came in time. */
  aborted: number;
  closed: number;
  lives: number;
}

/** What every life of a file's clients has in common. */
export interface World {
  random: () => number;
  file: string;
  ledger: Ledger;
  counts: Counts;
  /** How long calls of a kind take, as a rule, in microseconds. */
  usual: Map<string, number>;
  lastId: number;
}

/** The settings that are looked at. */
export const settingNames = [
  "foreign_keys",
  "query_only",
  "cache_size",
  "synchronous",
  "recursive_triggers",
  "cell_size_check",
  "journal_size_limit",
  "wal_autocheckpoint",
  "writable_schema",
] as const;
export type SettingName = (typeof settingNames)[number];
type SettingValues = Record<SettingName, number>;

export class Life {
  readonly world: World;
  readonly client: LocalClient;
  /** What the settings are, by the calls that resolved. */
  settings: SettingValues | undefined;
  /** `close()` or the like has been called: calls may end in that. */
  isEnding = false;
  readonly settingsUnderWay = new Set<SettingName>();

  constructor(world: World) {
    this.world = world;
    this.client = createClient({ url: `file:${world.file}` });
    world.counts.lives++;
  }

  // --- chances --------------------------------------------------------------------------------

  chance(probability: number): boolean {
    return this.world.random() < probability;
  }

  /** A whole number from 0 to below `limit`. */
  below(limit: number): number {
    return Math.floor(this.world.random() * limit);
  }

  oneOf<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }

  freshIds(count: number): number[] {
    const first = this.world.lastId + 1;
    this.world.lastId += count;
    return Array.from({ length: count }, (_, index) => first + index);
  }

  /** Ids of rows that no call has that is under way; fewer where there are not so many. */
  settledIds(count: number): number[] {
    const ids = this.world.ledger.settledIds;
    const start = this.below(Math.max(1, ids.length - count));
    return ids.slice(start, start + count);
  }

  // --- calls ----------------------------------------------------------------------------------

  /** Makes a call, and mostly has it aborted at some moment. The entry tells the story. */
  async call<T>(
    kind: string,
    entry: Entry | undefined,
    start: (signal: AbortSignal | undefined) => Promise<T>,
    abortProbability = 0.6,
  ): Promise<Outcome<T>> {
    const { counts, usual, file, random } = this.world;
    counts.calls++;
    const controller = new AbortController();
    const reason = new Error("aborted on purpose");
    const usually = usual.get(kind) ?? 300;
    const moment = this.chance(abortProbability)
      ? someMoment({ random, usual: usually, file })
      : undefined;
    const abort = (): void => controller.abort(reason);
    if (moment !== undefined) counts.aborts++;
    if (moment?.isBefore === true) moment.come(abort);
    const began = performance.now();
    const settled = hangs(kind, start(moment && controller.signal)).then(
      (value): Outcome<T> => ({ is: "resolved", value }),
      (error: unknown): Outcome<T> => this.#judge(kind, error, reason, controller.signal),
    );
    if (moment?.isBefore === false) moment.come(abort);
    const outcome = await settled;
    if (moment === undefined && outcome.is === "resolved") {
      const took = Math.min((performance.now() - began) * 1000, 20_000);
      usual.set(kind, usually + (took - usually) / 8);
    }
    if (outcome.is === "aborted") counts.aborted++;
    if (outcome.is === "closed") counts.closed++;
    const told = outcome.is === "resolved" ? "resolved" : `${outcome.is} (${outcome.code})`;
    entry?.story.push(`${kind}${moment === undefined ? "" : `, aborted ${moment.name},`} ${told}`);
    return outcome;
  }

  #judge(kind: string, error: unknown, reason: Error, signal: AbortSignal): Outcome<never> {
    const { code = String(error), committed } = error as LibsqlError & { committed?: unknown };
    const isCommitted = committed === true;
    if (error === reason) return { is: "aborted", code: "the reason", error, isCommitted };
    if (code.includes("INTERRUPT")) this.world.ledger.lie("SQLITE_INTERRUPT was told", kind);
    const isOfClosing = code === "CLIENT_CLOSED" || code === "TRANSACTION_CLOSED";
    if (isOfClosing && this.isEnding) return { is: "closed", code, error, isCommitted };
    if (isOfClosing && kind.startsWith("transaction")) {
      return { is: "closed", code, error, isCommitted };
    }
    if (error instanceof Hanging) this.world.ledger.lie("a call hangs", kind);
    if (signal.aborted && code === "ABORTED")
      this.world.ledger.lie("not the signal's reason", kind);
    return { is: "failed", code, error, isCommitted };
  }

  /** Notes the outcome of a call with these effects. `mayFail` are the codes it may end in. */
  settle<T>(
    entry: Entry,
    outcome: Outcome<T>,
    effects: Effects,
    mayFail: readonly string[] = [],
  ): outcome is { is: "resolved"; value: T } {
    const { ledger } = this.world;
    if (outcome.is === "resolved" || outcome.isCommitted) ledger.wrote(effects);
    if (outcome.is === "failed" && !mayFail.includes(outcome.code)) {
      ledger.lie(`failed with ${outcome.code}`, `${entry.what}: ${entry.story.join(", ")}`);
    }
    return outcome.is === "resolved";
  }

  /** What a call that resolved has answered. */
  expect(entry: Entry, what: string, actual: unknown, expected: unknown): void {
    if (Object.is(actual, expected)) return;
    this.world.ledger.lie(
      `a wrong ${what}`,
      `${entry.what}: ${String(actual)} where ${String(expected)} was expected (${entry.story.join(", ")})`,
    );
  }

  expectResult(entry: Entry, result: ResultSet | undefined, rowsAffected: number): void {
    this.expect(entry, "rowsAffected", result?.rowsAffected, rowsAffected);
  }

  // --- looking at what is there ---------------------------------------------------------------

  /** Looks at the settings of the client's own connection and of one in a transaction. */
  async verifySettings(): Promise<void> {
    const main = await settingsOf(this.client);
    const transaction = await this.client.transaction("deferred");
    const inside = await settingsOf(transaction);
    await transaction.rollback();
    const expected = (this.settings ??= main);
    for (const name of settingNames) {
      const found = `${name} is ${main[name]}, in a transaction ${inside[name]}`;
      if (main[name] !== expected[name] || inside[name] !== expected[name]) {
        this.world.ledger.lie("a setting changed", `${found}, where ${expected[name]} was set`);
        // Goes on from what was expected.
        await this.client.execute(`pragma ${name} = ${expected[name]}`);
      }
    }
  }
}

/** Reads the file through a client of its own, while nothing is on its way, and compares. */
export async function verifyFile({ file, ledger }: World): Promise<void> {
  const observer = createClient({ url: `file:${file}`, timeout: 5000 });
  try {
    const { rows } = await observer.execute("select id, v from t");
    ledger.verify(new Map(rows.map((row) => [Number(row[0]), Number(row[1])])));
  } finally {
    observer.close();
  }
}

async function settingsOf(executor: Pick<LocalClient, "execute">): Promise<SettingValues> {
  const ask = async (name: SettingName): Promise<[SettingName, number]> => {
    const { rows } = await executor.execute(`pragma ${name}`);
    return [name, Number(rows[0]?.[0])];
  };
  return Object.fromEntries(await Promise.all(settingNames.map(ask))) as SettingValues;
}

class Hanging extends Error {}

/** A promise that rejects where a call does not settle. */
function hangs<T>(kind: string, call: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const hung = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Hanging(`${kind} has not settled`)), HUNG_MS);
  });
  return Promise.race([call, hung]).finally(() => clearTimeout(timer));
}
