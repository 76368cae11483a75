// Other processes read a file all the while it is replaced: each finds all of one content or all of
// the other, and never no file.

import { copyFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { crc32 } from "node:zlib";
import test from "ava";
import type { ExecutionContext } from "ava";
import { swapFile } from "latchdb/swap";
import { temporaryDirectory } from "../support/database.mjs";
import { startProgram } from "../support/processes.mjs";

const SIZE = 8 * 1024 * 1024;
const READERS = 8;
/** How many swaps there are at least, and how often each reader reads. */
const ENOUGH = { swaps: 30, reads: 130 };
/** To see what is always there. */
const A_FEW = { swaps: 6, reads: 20 };
const PREPARE_MS = 40;

type Found = Partial<Record<"a" | "b" | "partial" | "missing", number>>;

/** What readers found while two files took turns at being the target. */
async function readDuring(
  t: ExecutionContext,
  atLeast: typeof ENOUGH,
  replace: (source: string, target: string) => Promise<unknown>,
): Promise<Found> {
  const directory = await temporaryDirectory(t);
  const target = join(directory, "target");
  const names: Record<number, string> = {};
  for (const name of ["a", "b"]) {
    const bytes = Buffer.alloc(SIZE, `content ${name} `);
    await writeFile(join(directory, name), bytes);
    names[crc32(bytes)] = name;
  }
  await copyFile(join(directory, "a"), target);

  const readers = Array.from({ length: READERS }, () =>
    startProgram(t, "file-reader", { arguments: [target, JSON.stringify(names)] }),
  );
  await Promise.all(readers.map((reader) => reader.waitFor("ready")));
  const enough = Promise.all(readers.map((reader) => reader.waitFor(`${atLeast.reads} reads`)));
  let hasRead = false;
  void enough.then(() => (hasRead = true));
  for (let swaps = 0; ; swaps++) {
    if (swaps >= atLeast.swaps && hasRead) break;
    await replace(join(directory, swaps % 2 === 0 ? "b" : "a"), target);
  }
  await enough;
  for (const reader of readers) reader.say("stop");
  const total: Found = {};
  for (const { code, lines, errors } of await Promise.all(readers.map(({ ended }) => ended))) {
    t.is(code, 0, errors);
    const found = JSON.parse(lines.at(-1) ?? "{}") as Found;
    for (const name of ["a", "b", "partial", "missing"] as const) {
      total[name] = (total[name] ?? 0) + (found[name] ?? 0);
    }
  }
  t.log(JSON.stringify(total));
  return total;
}

test.serial("swapFile: eight readers find no partial file and no missing one", async (t) => {
  t.timeout(120_000);
  const prepare = (): Promise<void> => setTimeout(PREPARE_MS);
  const found = await readDuring(t, ENOUGH, (source, target) =>
    swapFile(target, { source, prepare }),
  );
  const { a = 0, b = 0, partial, missing } = found;
  t.deepEqual({ partial, missing }, { partial: 0, missing: 0 });
  t.true(a + b >= 1000, `only ${a + b} reads`);
  t.true(a > 0 && b > 0, "the readers saw one of the contents alone");
});

test.serial("(the readers see it: a copy in place is partial)", async (t) => {
  t.timeout(120_000);
  const found = await readDuring(t, A_FEW, async (source, target) => {
    await copyFile(source, target);
    await setTimeout(PREPARE_MS);
  });
  t.true((found.partial ?? 0) > 0);
});

test.serial(
  "(the readers see it: with a removal before the rename the file is missing)",
  async (t) => {
    t.timeout(120_000);
    const found = await readDuring(t, A_FEW, async (source, target) => {
      const staging = `${target}.staging`;
      await copyFile(source, staging);
      await rm(target);
      await setTimeout(PREPARE_MS);
      await rename(staging, target);
    });
    t.true((found.missing ?? 0) > 0);
  },
);
