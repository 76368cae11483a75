/** Installs the peers that bench/package.json names, and compiles what has no binary for a runtime. */
import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { fingerprint } from "../scripts/support/fingerprint.mjs";
import { ask, run } from "../scripts/support/run.mjs";
import { Stamp } from "../scripts/support/stamp.mjs";
import { npm } from "../scripts/support/tools.mjs";
import { addonFor } from "./addons.mjs";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const NODE_GYP = join(FOLDER, "node_modules", "node-gyp", "bin", "node-gyp.js");
const stamp = new Stamp("bench/node_modules/.installed");

/**
 * The packages with an addon that is not in the package: `abi` where each ABI of V8 needs its own,
 * and the name of what node-gyp makes.
 */
const COMPILED = {
  "better-sqlite3": { needsAbi: true, file: "better_sqlite3.node" },
  sqlite3: { needsAbi: false, file: "node_sqlite3.node" },
};

/**
 * Does nothing where all is there.
 *
 * @param {string} peer
 * @param {string} runtime the path of its program
 * @throws {Error} what failed, with the end of its output
 */
export async function installPeers(peer, runtime) {
  const state = fingerprint(["bench/package-lock.json"]);
  if (!stamp.is(state)) {
    const [command, ...args] = npm();
    await expectSuccess(command, [...args, "--prefix", FOLDER, "ci", "--ignore-scripts"], "npm ci");
    stamp.write(state);
  }
  if (peer in COMPILED) await compile(peer, runtime);
}

/** With the headers beside the runtime's program; where there are none, node-gyp fetches them. */
async function compile(name, runtime) {
  const { needsAbi, file } = COMPILED[name];
  const folder = join(FOLDER, "node_modules", name);
  const built = join(folder, "build", "Release", file);
  const abi = ask(runtime, ["--print", "process.versions.modules"]);
  const target = needsAbi ? fileURLToPath(addonFor(name, abi)) : built;
  if (existsSync(target)) return;
  const prefix = dirname(dirname(runtime));
  const headers = existsSync(join(prefix, "include", "node", "node.h"))
    ? [`--nodedir=${prefix}`]
    : [];
  await expectSuccess(
    runtime,
    [NODE_GYP, "rebuild", "--release", "--directory", folder, ...headers],
    `compiling ${name}`,
  );
  if (target === built) return;
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(built, target);
}

async function expectSuccess(command, args, what) {
  const { code, lines, problem } = await run(command, args, { describe: () => what });
  if (code !== 0) throw new Error([`${what} failed`, problem, ...lines.slice(-5)].join("\n"));
}
