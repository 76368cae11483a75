/**
 * Iterators that end in every way while the way to the server fails. `npm run test:remote` has more of them. Each one has the
 * rows of its statement in their order, without a gap, and says so where it does not have all of them.
 */
import test from "ava";
import { createClient, type LatchClient, type RowIterator } from "latchdb";
import { FaultProxy } from "../support/fault-proxy.mjs";
import { randomNumbers } from "../support/random.mjs";
import { hasServer, protocols, TestServer } from "../support/sqld.mjs";

const isLong = process.env["LATCHDB_REMOTE_LONG"] !== undefined;
const ITERATORS = isLong ? 2_000 : 150;
const AT_ONCE = 10;
const ROWS = 2_000;
const SQL = `with recursive c (n) as (select 1 union all select n + 1 from c where n < ${ROWS}) select n, hex(zeroblob(n % 200)) as x from c`;
const LARGE = SQL.replace(`< ${ROWS}`, "< 100000000");

const ways = ["all", "chunks", "break", "return", "abort", "together"] as const;
type Way = (typeof ways)[number];
interface Row {
  n: number;
  x: string;
}

/** How an iterator ended, and what is wrong with that. */
interface Outcome {
  end: string;
  wrong?: string;
}

/** Reads rows in one of the ways. */
async function read(client: LatchClient, way: Way, random: () => number): Promise<Outcome> {
  const controller = new AbortController();
  const reason = new Error("mine");
  const rows = client.iterate<Row>({ sql: SQL, signal: controller.signal });
  const last = way === "all" || way === "chunks" ? Infinity : Math.floor(random() * ROWS * 1.2);
  const seen: number[] = [];
  const take = ({ n, x }: Row): void => void seen.push(x.length === (n % 200) * 2 ? n : NaN);
  let end = "all";
  try {
    if (way === "chunks") for await (const chunk of rows.chunks()) chunk.forEach(take);
    else if (way === "together") end = await readTogether(rows, last, take);
    else {
      for await (const row of rows) {
        take(row);
        if (seen.length < last) continue;
        if (way === "abort") controller.abort(reason);
        if (way === "break") {
          end = "ended by its caller";
          break;
        }
        if (way === "return") {
          const pending = rows.next();
          await rows.return?.();
          const { done, value } = await pending;
          if (done !== true) take(value);
          end = "ended by its caller";
        }
      }
    }
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (error !== reason && typeof code !== "string") return { end: "error", wrong: String(error) };
    end = error === reason ? "aborted" : "error";
  }
  const gap = seen.findIndex((n, i) => n !== i + 1);
  if (gap !== -1) return { end, wrong: `${way}: row ${gap + 1} is ${seen[gap]}` };
  if (end === "all" && seen.length !== ROWS) {
    return { end, wrong: `${way}: ended without an error after ${seen.length} rows` };
  }
  return { end };
}

/** Several calls of next() at once, and an end in the middle of them. */
async function readTogether(
  rows: RowIterator<Row>,
  last: number,
  take: (row: Row) => void,
): Promise<string> {
  for (let i = 0; i < last; i += 5) {
    const five = await Promise.all(Array.from({ length: 5 }, () => rows.next()));
    for (const { done, value } of five) {
      if (done === true) return "all";
      take(value);
    }
  }
  const [pending] = await Promise.all([rows.next(), rows.return?.()]);
  if (pending.done !== true) take(pending.value);
  return "ended by its caller";
}

for (const protocol of protocols) {
  test.serial(`${protocol}: ${ITERATORS} iterators on a way that fails`, async (t) => {
    if (!hasServer(t)) return;
    t.timeout(600_000);
    const seed = Date.now() % 1_000_000;
    t.log(`seed ${seed}`);
    const random = randomNumbers(seed);
    const unhandled: unknown[] = [];
    const hear = (reason: unknown): void => void unhandled.push(reason);
    process.on("unhandledRejection", hear);
    const server = await TestServer.start();
    const proxy = await FaultProxy.start(server.port);
    const url = `${protocol}://127.0.0.1:${proxy.port}`;
    const client = createClient({ url, timeout: 10_000, concurrency: AT_ONCE });
    t.teardown(async () => {
      client.close();
      await proxy.stop();
      await server.remove();
      process.off("unhandledRejection", hear);
    });
    await client.execute("create table t (a)");
    const outcomes: Outcome[] = [];
    let begun = 0;
    const reader = async (): Promise<void> => {
      while (begun < ITERATORS) {
        const number = begun++;
        outcomes.push(await read(client, ways[number % ways.length] ?? "all", random));
        if (number % 40 === 5) void proxy.drop();
        else if (number % 40 === 25) proxy.cutAfter(Math.floor(random() * 20_000));
        // A write beside them: no cursor of the server is left that would keep it out.
        if (number % 25 === 0)
          await client.execute("insert into t values (1)").catch(() => undefined);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, reader));
    t.deepEqual(
      outcomes.flatMap(({ wrong }) => (wrong === undefined ? [] : [wrong])),
      [],
    );
    const ends = new Map<string, number>();
    for (const { end } of outcomes) ends.set(end, (ends.get(end) ?? 0) + 1);
    t.log([...ends].map(([end, count]) => `${end}: ${count}`).join(", "));
    for (const end of ["all", "ended by its caller", "aborted", "error"]) {
      t.true((ends.get(end) ?? 0) > 0, `none: ${end}`);
    }
    t.is(client.stats().pending.running, 0);
    await client.execute("delete from t");

    // Closed with iterators that rest, that wait, and that have not begun.
    const open = Array.from({ length: AT_ONCE }, () => client.iterate(LARGE));
    await Promise.all(open.map((rows) => rows.next()));
    const waiting = Array.from({ length: AT_ONCE }, () => client.iterate(LARGE).next());
    const never = client.iterate(LARGE);
    const closed = waiting.map((next) => t.throwsAsync(next, { code: "CLIENT_CLOSED" }));
    client.close();
    await Promise.all(closed);
    for (const rows of [...open, never]) {
      await t.throwsAsync(async () => void (await rows.next()), { code: "CLIENT_CLOSED" });
    }
    t.deepEqual(unhandled, []);
  });
}
