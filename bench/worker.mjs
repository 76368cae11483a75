/**
 * The process in which one peer is measured. `node worker.mjs MODULE SOURCE`: the adapter, and what its
 * load() is given, as JSON. Orders come as lines of JSON on stdin; each is answered by one on stdout,
 * `{ "error": … }` where it fails. The program in limit/ takes the same orders.
 *
 *   { do: "open", path, pragmas, workload?, sizes, isFilled }   opens a database, and fills it
 *   { do: "round" }                                             one round of the workload
 *   { do: "close" }
 */
import { createInterface } from "node:readline";
import { WORKLOADS } from "./workloads/index.mjs";

const [module, source] = process.argv.slice(2);

/** @type {import("./workloads/index.mjs").Workload | undefined} */
let workload;
/** @type {import("./workloads/index.mjs").Place | undefined} */
let place;

const ORDERS = {
  async open({ path, pragmas, workload: id, sizes, isFilled }) {
    const { load } = await import(module);
    const peer = await load(JSON.parse(source));
    workload = WORKLOADS.find((each) => each.id === id);
    const db = await peer.open(path, pragmas);
    place = { db, peer, path, pragmas, sizes };
    const version = await db.prepare("SELECT sqlite_version() AS version");
    const sqlite = db.row(await version.get()).version;
    if (!isApplicable(peer, db)) return { isApplicable: false };
    if (!isFilled) await workload?.prepare(place);
    if (workload?.isClosedFirst) await close();
    return { version: peer.version, sqlite };
  },

  async round() {
    await workload.before?.(place);
    const { values, check, note } = await workload[place.peer.kind](place);
    return { values, check: { ...check, ...(await workload.after?.(place)) }, note };
  },

  async close() {
    await close();
    return {};
  },
};

function isApplicable({ kind }, db) {
  if (workload === undefined) return true;
  return kind in workload && (workload.needs === undefined || workload.needs in db);
}

async function close() {
  await place?.db?.close();
  if (place !== undefined) place.db = undefined;
}

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  let answer;
  try {
    answer = await ORDERS[order.do](order);
  } catch (error) {
    answer = { error: error?.message ?? String(error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit();
