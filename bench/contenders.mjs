import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, isAbsolute, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { findBun } from "../scripts/setup/bun.mjs";
import { findNode } from "../scripts/setup/node.mjs";
import { root } from "../scripts/support/root.mjs";
import { installPeers } from "./install.mjs";
import { buildLimit } from "./limit.mjs";
import { PEERS } from "./peers/index.mjs";
import { WorkerProcess } from "./worker-process.mjs";

const WORKER = fileURLToPath(new URL("worker.mjs", import.meta.url));
const LIMIT = "limit";

/** What `--peers` is without being given. */
export const USUAL = ["latchdb", "latchdb@bun", ...Object.keys(PEERS).slice(1), LIMIT];

/**
 * A peer on a runtime.
 *
 * @typedef {object} Contender
 * @property {string} name
 * @property {string[]} command what starts its worker
 * @property {string} version of the package
 * @property {string} sqlite the version of SQLite that it says it is
 * @property {string} runtime its name and version
 */

/**
 * The contenders that can run here, and why the others cannot.
 *
 * @param {string[]} wanted "PEER" or "PEER@RUNTIME", where RUNTIME is bun or node24; or the path of an
 * adapter's module
 * @param {string[]} checkouts where latchdb is taken from; more than one are compared
 * @returns {Promise<{ contenders: Contender[], leftOut: { name: string, reason: string }[] }>}
 */
export async function findContenders(wanted, checkouts) {
  const contenders = [];
  const leftOut = [];
  for (const spec of wanted.flatMap((name) => specsOf(name, checkouts))) {
    try {
      contenders.push(await probe(await commandOf(spec), spec));
    } catch (error) {
      leftOut.push({ name: spec.name, reason: error.message });
    }
  }
  return { contenders, leftOut };
}

/** One for each checkout, where the peer is latchdb. */
function specsOf(name, checkouts) {
  if (name.endsWith(".mjs")) {
    return [{ name: basename(name, ".mjs"), module: resolve(name), runtime: "this", from: root }];
  }
  const [peer, asked] = name.split("@");
  if (peer === LIMIT) return [{ name, peer }];
  if (!Object.hasOwn(PEERS, peer)) {
    throw new Error(
      `no such peer: ${name}. Known are ${[...Object.keys(PEERS), LIMIT].join(", ")}`,
    );
  }
  const { module, runtime, isInstalled } = PEERS[peer];
  const spec = { name, peer, module, runtime: asked ?? runtime, isInstalled };
  if (peer !== "latchdb") return [spec];
  const labels = checkouts.map((from) => basename(resolve(from)));
  const areUnique = new Set(labels).size === labels.length;
  return checkouts.map((from, i) => ({
    ...spec,
    from: resolve(from),
    name: checkouts.length === 1 ? name : `${name} ${areUnique ? labels[i] : `#${i + 1}`}`,
  }));
}

async function commandOf({ name, peer, module, runtime, isInstalled, from }) {
  if (peer === LIMIT) return { command: [await buildLimit()], runtime: "Rust" };
  const { path, version, isBun } = await runtimeOf(runtime);
  if (peer !== undefined && !isInstalled) await installPeers(peer, path);
  if (from !== undefined && !existsSync(join(from, "dist", "index.js"))) {
    throw new Error(`${name} is not built: run npm run build there`);
  }
  const adapter = isAbsolute(module) ? pathToFileURL(module).href : `./peers/${module}`;
  return {
    command: [path, WORKER, adapter, JSON.stringify({ from })],
    runtime: `${isBun ? "Bun" : "Node"} ${version}`,
  };
}

async function runtimeOf(name) {
  const { node, bun } = process.versions;
  const own = { path: process.execPath, version: bun ?? node, isBun: bun !== undefined };
  const major = /^node(\d+)$/.exec(name)?.[1];
  if (name === "this" || (!own.isBun && Number(major) <= Number.parseInt(node))) return own;
  const found = name === "bun" ? await findBun() : major && (await findNode(Number(major)));
  if (!found) throw new Error(`the runtime ${name} is not installed and cannot be fetched`);
  return { ...found, isBun: name === "bun" };
}

/** Whether it loads and answers. */
async function probe({ command, runtime }, { name }) {
  const directory = await mkdtemp(join(tmpdir(), "latchdb-bench-"));
  const worker = new WorkerProcess(command);
  try {
    const path = join(directory, "probe.db");
    const { version, sqlite } = await worker.ask({ do: "open", path, pragmas: [], sizes: {} });
    return { name, command, version, sqlite, runtime };
  } finally {
    await worker.end();
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}
