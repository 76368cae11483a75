/** Clients that can be suspended, by the compiled modules: the package does not export it. */
import { rename } from "node:fs/promises";
import type { ExecutionContext } from "ava";
import { createClient } from "latchdb";
import type { InStatement, LocalClient } from "latchdb";
import { internal } from "./internals.mjs";
import { prepare, type JournalMode } from "./queries.mjs";

interface PoolOptions {
  inMemory?: boolean;
  timeout?: number;
  intMode?: "number" | "bigint" | "string";
  readOnly?: boolean;
}

interface SuspensionOptions {
  timeoutMs: number;
  signal?: AbortSignal;
}

/** What the tests use of lib/local/connection-pool. */
export interface Pool {
  open(): void;
  whileSuspended<T>(action: (file: string) => Promise<T>, options: SuspensionOptions): Promise<T>;
}

interface Modules {
  ConnectionPool: new (location: string, options: PoolOptions, maxConnections: number) => Pool;
  Sqlite3Client: new (pool: Pool) => LocalClient;
}

/** A client, and what suspends it. */
export interface Suspendable {
  client: LocalClient;
  /** Runs an action while the client is suspended; it waits 10 s for that, if not told otherwise. */
  suspended<T>(
    action: (file: string) => Promise<T>,
    options?: Partial<SuspensionOptions>,
  ): Promise<T>;
}

/** Opens a client. */
export function openSuspendable(
  location: string,
  { concurrency = 20, ...options }: PoolOptions & { concurrency?: number } = {},
): Suspendable {
  const { ConnectionPool } = internal<Modules>("local/connection-pool");
  const { Sqlite3Client } = internal<Modules>("local/client");
  const pool = new ConnectionPool(location, options, concurrency);
  pool.open();
  return {
    client: new Sqlite3Client(pool),
    suspended: (action, given) => pool.whileSuspended(action, { timeoutMs: 10_000, ...given }),
  };
}

/** The same on a file with a table `t (a)`; the end of the test closes it. */
export async function suspendable(
  t: ExecutionContext,
  file: string,
  mode: JournalMode = "delete",
  options?: PoolOptions & { concurrency?: number },
): Promise<Suspendable> {
  const opened = openSuspendable(file, options);
  t.teardown(() => opened.client.close());
  await prepare(opened.client, mode);
  return opened;
}

/** Puts a new database in the place of one that nobody has open. */
export async function replace(
  file: string,
  mode: JournalMode,
  statements: InStatement[],
): Promise<void> {
  const staging = `${file}.new`;
  const client = createClient({ url: `file:${staging}` });
  await client.execute(`pragma journal_mode = ${mode}`);
  await client.batch(statements, "write");
  client.close();
  await rename(staging, file);
}

/** The same with a table `t (a)` of one row. */
export function replaceBy(file: string, mode: JournalMode, value: number): Promise<void> {
  return replace(file, mode, ["create table t (a)", `insert into t values (${value})`]);
}

/** A promise and what settles it: an action that the test ends. */
export function barrier(): { passed: Promise<void>; pass: () => void } {
  let pass = (): void => undefined;
  const passed = new Promise<void>((resolve) => (pass = resolve));
  return { passed, pass };
}
