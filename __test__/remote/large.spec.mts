/** Large results: whole, and their rows are made over several turns of the event loop. */
import test from "ava";
import type { ResultSet } from "latchdb";
import { longestGaps } from "../support/event-loop-gap.mjs";
import { internal } from "../support/internals.mjs";
import { hasServer, protocols } from "../support/sqld.mjs";
import { sharedServer } from "./servers.mjs";

const shared = sharedServer(test, {
  args: ["--max-response-size=1GB", "--max-total-response-size=2GB"],
});
const isLong = process.env["LATCHDB_REMOTE_LONG"] !== undefined;
const MEGABYTES = isLong ? 100 : 4;
const ROWS = MEGABYTES * 10_000;
/** The rows of one turn take a few milliseconds, and a collection of garbage tens of them. */
const MOST_MS = 100;

for (const protocol of protocols) {
  test.serial(`${protocol}: a result of ${MEGABYTES} MB is whole`, async (t) => {
    if (!hasServer(t)) return;
    t.timeout(300_000);
    const { client, table } = await shared.withTable(t, protocol);
    await client.execute(
      `insert into ${table} with recursive c (n) as (select 1 union all select n + 1 from c where n < ${ROWS}) ` +
        `select n, printf('%080d', n) from c`,
    );
    const { rows } = await client.execute(`select a, b from ${table} order by a`);
    t.true(rows.every((row, i) => row["a"] === i + 1 && Number(row[1]) === i + 1));
    t.is(rows.length, ROWS);
  });
}

// What hrana-client needs to read the answer is its own: it parses 100 MB in one turn, in more than a second.
test.serial(
  "the rows of a large result are made over several turns of the event loop",
  async (t) => {
    const { toResultSet } = internal<{
      toResultSet(wire: object, modes: object): Promise<ResultSet>;
    }>("remote/results");
    const wire = {
      cols: ["a", "b"].map((name) => ({ name, decltype: undefined })),
      rows: Array.from({ length: 2_000_000 }, (_, i) => [BigInt(i), `text ${i}`]),
      affectedRowCount: 0,
      lastInsertRowid: undefined,
    };
    const modes = { intMode: "number", rowMode: "row" };
    const gaps = await longestGaps(MOST_MS, async () => {
      const { rows } = await toResultSet(wire, modes);
      t.is(rows.length, 2_000_000);
    });
    t.log(`longest gaps: ${gaps.map(({ held }) => held.toFixed()).join(", ")} ms`);
    t.true(gaps.some(({ held }) => held < MOST_MS));
  },
);
