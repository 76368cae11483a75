/** The first trace of a process. Alone in its file, which runs in a process of its own. */
import { subscribe } from "node:diagnostics_channel";
import test from "ava";
import { createClient, type QueryTrace } from "latchdb";
import { countTo } from "../support/queries.mjs";

test("the first call that is traced has its lane and its time, too", async (t) => {
  const traces: QueryTrace[] = [];
  subscribe("tracing:latchdb:query:asyncEnd", (trace) => void traces.push(trace as QueryTrace));
  const client = createClient({ url: ":memory:" });
  t.teardown(() => client.close());
  await client.batch([`select (${countTo(100_000)})`]);
  t.is(traces.length, 1);
  t.is(traces[0]?.lane, "main");
  t.true((traces[0]?.runMs ?? 0) > 0);
});
