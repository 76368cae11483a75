/**
 * Many calls at once while the server and the way to it fail, beside a ledger: what was acknowledged is there,
 * what was certainly not carried out is not, and nothing is there twice. `npm run test:remote` runs it longer.
 */
import test from "ava";
import { createClient, LibsqlError, type PartlyCommitted } from "latchdb";
import { FaultProxy } from "../support/fault-proxy.mjs";
import { hasServer, protocols, TestServer } from "../support/sqld.mjs";

const isLong = process.env["LATCHDB_REMOTE_LONG"] !== undefined;
const CALLS = isLong ? 5_000 : 1_000;

type Failed = LibsqlError & PartlyCommitted;

for (const protocol of protocols) {
  test.serial(`${protocol}: ${CALLS} writes, 20 at a time, on a way that fails`, async (t) => {
    if (!hasServer(t)) return;
    t.timeout(600_000);
    const unhandled: unknown[] = [];
    const hear = (reason: unknown): void => void unhandled.push(reason);
    process.on("unhandledRejection", hear);
    const server = await TestServer.start();
    const proxy = await FaultProxy.start(server.port);
    const client = createClient({ url: `${protocol}://127.0.0.1:${proxy.port}`, timeout: 10_000 });
    t.teardown(async () => {
      client.close();
      await proxy.stop();
      await server.remove();
      process.off("unhandledRejection", hear);
    });
    await client.execute("create table ledger (id integer primary key, attempt integer)");
    let ended = 0;
    const outcomes = await Promise.all(
      Array.from({ length: CALLS }, async (_, id) => {
        try {
          // A second copy of a call would be a second row: there is no key that would refuse it.
          await client.execute({
            sql: "insert into ledger (id, attempt) values (?, 1) on conflict (id) do update set attempt = attempt + 1",
            args: [id],
          });
          return "acknowledged";
        } catch (error) {
          return (error as Failed).maybeCommitted === true ? "unknown" : codeOf(error);
        } finally {
          // What fails is a matter of how far the calls are, not of time.
          const fault = faultAt(++ended, CALLS);
          if (fault === "drop") void proxy.drop();
          else if (fault === "cut") proxy.cutAfter(20);
          else if (fault === "restart") void server.kill().then(() => server.start());
        }
      }),
    );
    const direct = createClient({ url: server.url("http"), timeout: 60_000 });
    t.teardown(() => direct.close());
    const { rows } = await direct.execute("select id, attempt from ledger");
    const found = new Map(rows.map((row) => [row["id"] as number, row["attempt"]]));
    const lost = outcomes.flatMap((outcome, id) =>
      outcome === "acknowledged" && !found.has(id) ? [id] : [],
    );
    const ghosts = outcomes.flatMap((outcome, id) =>
      outcome !== "acknowledged" && outcome !== "unknown" && found.has(id)
        ? [`${id}: ${outcome}`]
        : [],
    );
    t.deepEqual(lost, [], "acknowledged, and not there");
    t.deepEqual(ghosts, [], "certainly not carried out, and there");
    t.deepEqual(
      [...found].filter(([, attempt]) => attempt !== 1),
      [],
      "carried out twice",
    );
    t.deepEqual(unhandled, []);
    const counts = countsOf(outcomes);
    t.log([...counts].map(([outcome, count]) => `${outcome}: ${count}`).join(", "));
    t.true((counts.get("acknowledged") ?? 0) > CALLS / 4);
    t.true((counts.get("unknown") ?? 0) > 0, "no fault has met a call");
  });
}

/** The fault after so many calls. */
function faultAt(ended: number, calls: number): "drop" | "cut" | "restart" | undefined {
  if (ended === Math.floor(calls / 2)) return "restart";
  if (ended % 100 === 40) return "drop";
  return ended % 100 === 80 ? "cut" : undefined;
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown }).code ?? error);
}

function countsOf(outcomes: string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const outcome of outcomes) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  return counts;
}
