/** The server of a test file, and clients on it. */
import type { ExecutionContext, TestFn } from "ava";
import { createClient } from "latchdb";
import type { LatchClient, LatchConfig } from "latchdb";
import { hasServer, TestServer, type Protocol, type ServerOptions } from "../support/sqld.mjs";

let tables = 0;

/** A name for a table, which no other test of the file has: they share one database. */
export function newTable(): string {
  tables++;
  return `t${tables}`;
}

export interface SharedServer {
  readonly server: TestServer;
  url(protocol: Protocol): string;
  /** A client, closed when the test ends. */
  open(t: ExecutionContext, protocol: Protocol, options?: Omit<LatchConfig, "url">): LatchClient;
  /** A client and a table with the columns a (the primary key) and b. */
  withTable(
    t: ExecutionContext,
    protocol: Protocol,
    options?: Omit<LatchConfig, "url">,
  ): Promise<{ client: LatchClient; table: string }>;
}

/** Starts a server before the tests of a file, and ends it after them. */
export function sharedServer(test: TestFn, options?: ServerOptions): SharedServer {
  let server: TestServer | undefined;
  test.before(async (t) => {
    if (hasServer(t as ExecutionContext)) server = await TestServer.start(options);
  });
  test.after.always(() => server?.remove());
  const started = (): TestServer => {
    if (server === undefined) throw new Error("no server was started");
    return server;
  };
  const shared: SharedServer = {
    get server() {
      return started();
    },
    url: (protocol) => started().url(protocol),
    open(t, protocol, config = {}) {
      const client = createClient({ url: started().url(protocol), ...config });
      t.teardown(() => client.close());
      return client;
    },
    async withTable(t, protocol, config) {
      const client = shared.open(t, protocol, config);
      const table = newTable();
      await client.execute(`create table ${table} (a integer primary key, b text)`);
      return { client, table };
    },
  };
  return shared;
}

/** A statement that keeps a server busy for more than a second. */
export const slowSelect =
  "with recursive c (n) as (select 1 union all select n + 1 from c where n < 20000000) select sum(n) from c";

/** A statement that keeps a server busy for seconds. */
export const endlessSelect =
  "with recursive c (n) as (select 1 union all select n + 1 from c where n < 200000000) select sum(n) from c";
