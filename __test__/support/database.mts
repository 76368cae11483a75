import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { createClient } from "latchdb";
import type { InStatement, LatchConfig, LocalClient, ResultSet, Row, Value } from "latchdb";
import { TestServer, type Protocol } from "./sqld.mjs";

type Options = Omit<LatchConfig, "url">;

/**
 * With "http" or "ws", the databases of tests are on servers, each on one of its own: `npm run test:remote`
 * runs the cases of the contract so.
 */
const remote = process.env["LATCHDB_REMOTE"] as Protocol | undefined;

/** A database file in a directory of its own; both are gone when the test ends. */
export interface TemporaryDatabase {
  directory: string;
  file: string;
  url: string;
  /** Opens one more client on the file; the end of the test closes it. */
  open(options?: Options): LocalClient;
}

export async function temporaryDirectory(
  t: ExecutionContext,
  base: string = tmpdir(),
): Promise<string> {
  const directory = await mkdtemp(join(base, "latchdb-"));
  t.teardown(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
  return directory;
}

export async function temporaryDatabase(t: ExecutionContext): Promise<TemporaryDatabase> {
  const directory = await temporaryDirectory(t);
  const file = join(directory, "test.db");
  const url = remote === undefined ? `file:${file}` : await serverUrl(t, remote);
  return { directory, file, url, open: (options) => openUrl(t, url, options) };
}

async function serverUrl(t: ExecutionContext, protocol: Protocol): Promise<string> {
  const server = await TestServer.start();
  t.teardown(() => server.remove());
  return server.url(protocol);
}

/** A client on a new database file. */
export async function openClient(t: ExecutionContext, options?: Options): Promise<LocalClient> {
  const database = await temporaryDatabase(t);
  return database.open(options);
}

/** A client on any URL, closed when the test ends. */
export function openUrl(t: ExecutionContext, url: string, options?: Options): LocalClient {
  const client = createClient({ url, ...options });
  t.teardown(() => client.close());
  return client;
}

/** What runs statements: a client or a transaction. */
interface Executor {
  execute(stmt: InStatement): Promise<ResultSet>;
}

/** The first row of a query. */
export async function selectRow(executor: Executor, stmt: InStatement): Promise<Row> {
  const { rows } = await executor.execute(stmt);
  const [row] = rows;
  if (row === undefined) {
    throw new Error("The query gave no row");
  }
  return row;
}

/** The first column of the first row of a query. */
export async function selectValue(
  executor: Executor,
  stmt: InStatement,
): Promise<Value | undefined> {
  const row = await selectRow(executor, stmt);
  return row[0];
}

/** The first column of every row of a query. */
export async function selectColumn(
  executor: Executor,
  stmt: InStatement,
): Promise<Array<Value | undefined>> {
  const { rows } = await executor.execute(stmt);
  return rows.map((row) => row[0]);
}
