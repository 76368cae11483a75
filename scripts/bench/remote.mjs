/**
 * `npm run bench:remote`: latchdb beside `@libsql/client` on one libSQL server, in one process and by turns.
 * Prints medians with quartiles in ms, and the ratios of the turns: what slows the machine for a while slows both.
 * The time of the client's processor is what the client itself takes; the rest is the server's.
 * Of the checkout as it is built (npm run build).
 *
 *   --rounds 40           how many turns of each workload
 *   --only select,batch   the workloads whose titles contain one of these
 *   --client latchdb      one client alone, for a profile (node --cpu-prof)
 */
import { createRequire } from "node:module";
import { join } from "node:path";
import { parseArgs } from "node:util";
import * as latchdb from "latchdb";
import { ratio, shuffled, spread } from "../../bench/statistics.mjs";
import { buildTests } from "../setup/javascript.mjs";
import { root } from "../support/root.mjs";

await buildTests();
const stock = createRequire(import.meta.url)("@libsql/client");
const { TestServer, protocols } = await import(join(root, "build/test/support/sqld.mjs"));

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string" },
    only: { type: "string", default: "" },
    client: { type: "string" },
  },
});

const clients = Object.entries({ latchdb, stock }).filter(
  ([name]) => options.client === undefined || name === options.client,
);
/** The first turns are not counted: code is compiled, connections are made. */
const WARM_UP = 3;
const ROWS = 100_000;
const select = (n) => ({ sql: "select a, b from t where a = ?", args: [(n % ROWS) + 1] });
const inserts = Array.from({ length: 1000 }, (_, n) => ({
  sql: "insert into log values (?, ?)",
  args: [n, "a text of some length"],
}));

/** What one turn does with an open client, and how often. `per`: so many operations are in one turn. */
const WORKLOADS = {
  "awaited select": {
    rounds: 40,
    per: 100,
    async turn({ client }) {
      for (let n = 0; n < 100; n++) await client.execute(select(n));
    },
  },
  "1,000 selects in flight": {
    rounds: 15,
    per: 1,
    turn: ({ client }) =>
      Promise.all(Array.from({ length: 1000 }, (_, n) => client.execute(select(n)))),
  },
  "batch of 1,000 inserts": {
    rounds: 40,
    per: 1,
    turn: ({ client }) => client.batch(inserts, "write"),
  },
  "100,000 rows": { rounds: 12, per: 1, turn: ({ client }) => client.execute("select * from t") },
  "open, query, close": {
    rounds: 40,
    per: 20,
    async turn({ open }) {
      for (let n = 0; n < 20; n++) {
        const client = open();
        await client.execute(select(n));
        client.close();
      }
    },
  },
};

const server = await TestServer.start({
  args: ["--max-response-size=1GB", "--max-total-response-size=2GB"],
});
try {
  await fill();
  for (const protocol of protocols) {
    for (const [name, workload] of Object.entries(WORKLOADS)) {
      if (!options.only.split(",").some((part) => `${protocol}: ${name}`.includes(part))) continue;
      await measure(`${protocol}: ${name}`, workload, server.url(protocol));
    }
  }
} finally {
  await server.remove();
}

async function fill() {
  const client = latchdb.createClient({ url: server.url("http") });
  await client.executeMultiple(
    "create table t (a integer primary key, b text, c real); create table log (a, b);" +
      `insert into t with recursive c (n) as (select 1 union all select n + 1 from c where n < ${ROWS})` +
      " select n, printf('%020d', n), n + 0.5 from c",
  );
  client.close();
}

async function measure(title, { rounds, per, turn }, url) {
  const seats = clients.map(([name, { createClient }]) => {
    const open = () => createClient({ url });
    return { name, open, client: open(), ms: [], cpu: [] };
  });
  const count = options.rounds === undefined ? rounds : Number(options.rounds);
  for (let round = -WARM_UP; round < count; round++) {
    for (const seat of shuffled(seats)) {
      const before = process.cpuUsage();
      const start = performance.now();
      await turn(seat);
      const ms = performance.now() - start;
      const { user, system } = process.cpuUsage(before);
      if (round < 0) continue;
      seat.ms.push(ms / per);
      seat.cpu.push((user + system) / 1000 / per);
    }
  }
  for (const { client } of seats) client.close();
  for (const [what, key] of [
    ["", "ms"],
    ["of the client's processor", "cpu"],
  ]) {
    const figures = seats.map((seat) => `${seat.name} ${text(spread(seat[key]))}`);
    const [ours, other] = seats.map((seat) => seat[key]);
    if (other !== undefined) {
      const least = Math.min(...ours) / Math.min(...other);
      figures.push(`ratio ${text(ratio(ours, other))}, of minima ${least.toFixed(2)}`);
    }
    console.log([(what || title).padEnd(30), ...figures].join("  "));
  }
}

function text({ median, q1, q3 }) {
  const short = (value) => value.toPrecision(3);
  return `${short(median)} (${short(q1)}–${short(q3)})`;
}
