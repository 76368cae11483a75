/** Large results: whole, and the event loop is held no longer than hrana-client needs to read the answer. */
import { createRequire } from "node:module";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import test from "ava";
import { longestGap } from "../support/event-loop-gap.mjs";
import { hasServer, protocols } from "../support/sqld.mjs";
import { sharedServer } from "./servers.mjs";

const shared = sharedServer(test, {
  args: ["--max-response-size=1GB", "--max-total-response-size=2GB"],
});
const isLong = process.env["LATCHDB_REMOTE_LONG"] !== undefined;
const MEGABYTES = isLong ? 100 : 4;
/** What the making of rows may add to the longest gap, in ms. */
const ADDED_MS = 50;
const ATTEMPTS = 4;

interface Hrana {
  openHttp(url: string): HranaClient;
  openWs(url: string, token: undefined, version: number): HranaClient;
}
interface HranaClient {
  getVersion(): Promise<number>;
  openStream(): { _execute(stmt: object): Promise<unknown>; close(): void };
  close(): void;
}
const hrana = createRequire(import.meta.url)("@libsql/hrana-client") as Hrana;

const bun = (globalThis as { Bun?: { gc(force: boolean): void } }).Bun;
if (bun === undefined) setFlagsFromString("--expose-gc");
const collectGarbage: () => void =
  bun === undefined ? (runInNewContext("gc") as () => void) : () => bun.gc(true);

// Serial: these tests measure time.
for (const protocol of protocols) {
  test.serial(
    `${protocol}: a result of ${MEGABYTES} MB is whole, and made in pieces`,
    async (t) => {
      if (!hasServer(t)) return;
      t.timeout(300_000);
      const { client, table } = await shared.withTable(t, protocol);
      const count = MEGABYTES * 10_000;
      await client.execute(
        `insert into ${table} with recursive c (n) as (select 1 union all select n + 1 from c where n < ${count}) ` +
          `select n, printf('%080d', n) from c`,
      );
      const sql = `select a, b from ${table} order by a`;
      const isWhole = async (): Promise<boolean> => {
        const { rows } = await client.execute(sql);
        const isRight = rows.every((row, i) => row["a"] === i + 1 && Number(row[1]) === i + 1);
        return isRight && rows.length === count;
      };
      t.true(await isWhole());

      const url = shared.url(protocol);
      const raw = protocol === "http" ? hrana.openHttp(url) : hrana.openWs(url, undefined, 3);
      t.teardown(() => raw.close());
      await raw.getVersion();
      const readAlone = async (): Promise<void> => {
        const stream = raw.openStream();
        const stmt = { sql, sqlId: undefined, args: [], namedArgs: [], wantRows: true };
        await stream._execute(stmt);
        stream.close();
      };
      const readByOurs = async (): Promise<void> => void (await client.execute(sql));
      // Neither pays for the garbage of the other.
      const gapOf = async (read: () => Promise<void>): Promise<number> => {
        collectGarbage();
        return (await longestGap(read)).held;
      };
      const gaps: string[] = [];
      let isWithin = false;
      for (let attempt = 0; attempt < ATTEMPTS && !isWithin; attempt++) {
        const alone = await gapOf(readAlone);
        const added = (await gapOf(readByOurs)) - alone;
        gaps.push(`${alone.toFixed()} + ${added.toFixed()} ms`);
        isWithin = added < ADDED_MS;
      }
      t.log(`longest gaps, hrana-client's and what ours adds: ${gaps.join("; ")}`);
      t.true(isWithin);
    },
  );
}
