/**
 * `npm run bench:swap`: what a swap costs beside a bare rename and the packages that people use for
 * it, all with the same durability, in one run and by turns. Prints medians, and what they are to
 * the fastest of the others.
 */
import { mkdtemp, open, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { writeFile as writeAtomically } from "atomically";
import writeFileAtomic from "write-file-atomic";
import { swapFile } from "latchdb/swap";

/** How many turns, for each size in bytes. */
const ROUNDS = new Map([
  [64 * 1024, 300],
  [8 * 1024 * 1024, 60],
]);
/** The first turns are not counted: code is compiled, the disk wakes up. */
const WARM_UP = 5;

const { values } = parseArgs({
  options: { rounds: { type: "string" }, directory: { type: "string", default: tmpdir() } },
});

/**
 * Ways to replace a file. The packages sync the file and leave the directory to their callers.
 *
 * @typedef {(target: string, data: Buffer) => Promise<unknown>} Way
 * @type {Record<"full" | "none", Record<string, Way>>}
 */
const WAYS = {
  full: {
    swapFile: (target, data) => swapFile(target, { data, durability: "full" }),
    "bare rename": (target, data) => renameOver(target, data, true),
    "write-file-atomic": async (target, data) => {
      await writeFileAtomic(target, data, { fsync: true });
      await syncDirectoryOf(target);
    },
    atomically: async (target, data) => {
      await writeAtomically(target, data, { fsync: true, fsyncWait: true });
      await syncDirectoryOf(target);
    },
  },
  none: {
    swapFile: (target, data) => swapFile(target, { data, durability: "none" }),
    "bare rename": (target, data) => renameOver(target, data, false),
    "write-file-atomic": (target, data) => writeFileAtomic(target, data, { fsync: false }),
    atomically: (target, data) => writeAtomically(target, data, { fsync: false }),
  },
};

/** The least that replaces a file: written beside it, synced, renamed over it. */
async function renameOver(target, data, isDurable) {
  const staging = `${target}.staging`;
  const file = await open(staging, "wx");
  try {
    await file.writeFile(data);
    if (isDurable) await file.sync();
  } finally {
    await file.close();
  }
  await rename(staging, target);
  if (isDurable) await syncDirectoryOf(target);
}

async function syncDirectoryOf(target) {
  const directory = await open(dirname(target), "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** How many ms each way took, in rounds; their order is another one in each. */
async function measure(ways, size, rounds, directory) {
  const names = Object.keys(ways);
  const times = new Map(names.map((name) => [name, []]));
  const contents = ["a", "b"].map((letter) => Buffer.alloc(size, letter));
  // Each has a target of its own: how one leaves it is not the next one's cost.
  for (const name of names) await writeFile(join(directory, name), contents[0]);
  for (let round = -WARM_UP; round < rounds; round++) {
    for (const name of shuffled(names)) {
      const start = performance.now();
      await ways[name](join(directory, name), contents[Math.abs(round) % 2]);
      if (round >= 0) times.get(name).push(performance.now() - start);
    }
  }
  return times;
}

function shuffled(names) {
  return names
    .map((name) => ({ name, place: Math.random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ name }) => name);
}

function quantile(times, share) {
  return times.toSorted((a, b) => a - b)[Math.floor((times.length - 1) * share)];
}

const directory = await mkdtemp(join(values.directory, "latchdb-bench-"));
try {
  for (const [durability, ways] of Object.entries(WAYS)) {
    for (const [size, usual] of ROUNDS) {
      const rounds = Number(values.rounds ?? usual);
      const times = await measure(ways, size, rounds, directory);
      const median = (name) => quantile(times.get(name), 0.5);
      const fastest = Math.min(...[...times.keys()].slice(1).map(median));
      console.log(`\ndurability "${durability}", ${size / 1024} KB, ${rounds} rounds`);
      for (const [name, all] of times) {
        const [low, high] = [quantile(all, 0.1), quantile(all, 0.9)].map((ms) => ms.toFixed(2));
        const ratio = (median(name) / fastest).toFixed(2);
        const ms = median(name).toFixed(2).padStart(8);
        console.log(`  ${name.padEnd(18)} ${ms} ms  x ${ratio}   (10 % ${low}, 90 % ${high})`);
      }
    }
  }
} finally {
  await rm(directory, { recursive: true, force: true });
}
