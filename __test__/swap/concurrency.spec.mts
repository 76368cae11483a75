// Many swaps of one target: whoever looks finds one of the contents, whole, and the last call wins.

import { readFile, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import test from "ava";
import { fsyncFile, swapFile } from "latchdb/swap";
import { startProgram } from "../support/processes.mjs";
import { folderWithTarget } from "./folder.mjs";

const SIZE = 300_000;
/** Every byte says which content it belongs to. */
const contentOf = (number: number): Buffer => Buffer.alloc(SIZE, number);

/** Reads a file again and again until `isOver`, and says what was found that is not one content. */
async function watch(
  file: string,
  isOver: () => boolean,
): Promise<{ reads: number; bad: string[] }> {
  const bad: string[] = [];
  let reads = 0;
  while (!isOver()) {
    const found = await readFile(file).catch((error: Error) => error);
    reads++;
    if (found instanceof Error) bad.push(found.message);
    else if (!found.equals(Buffer.alloc(SIZE, found[0]))) bad.push(`${found.length} mixed bytes`);
  }
  return { reads, bad };
}

test("50 at once: each moment one of the contents, and at the end the last", async (t) => {
  const { target, names, elsewhere } = await folderWithTarget(t);
  await writeFile(target, contentOf(0));
  await symlink(target, elsewhere("link"));
  let isOver = false;
  const watching = watch(target, () => isOver);
  // The answers of two threads may pass each other on their way; the turns do not.
  const turns: number[] = [];
  const swap = async (number: number): Promise<void> => {
    const prepare = async (): Promise<void> => {
      turns.push(number);
      await setTimeout(3);
    };
    await swapFile(target, { data: contentOf(number), prepare, durability: "none" });
  };
  const numbers = Array.from({ length: 50 }, (_, index) => index + 1);
  await Promise.all(numbers.map(swap));
  isOver = true;
  const { reads, bad } = await watching;
  t.deepEqual(bad, []);
  t.true(reads > 5, `${reads} reads`);
  t.deepEqual(turns, numbers);
  t.true((await readFile(target)).equals(contentOf(50)));
  t.deepEqual(await names(), ["target.node"]);
});

test("by several names of one target they take turns too", async (t) => {
  const { target, names, elsewhere } = await folderWithTarget(t);
  await symlink(target, elsewhere("link"));
  let inside = 0;
  let most = 0;
  const prepare = async (): Promise<void> => {
    most = Math.max(most, ++inside);
    await setTimeout(2);
    inside--;
  };
  const paths = [target, elsewhere("link")];
  const swaps = Array.from({ length: 20 }, (_, i) =>
    swapFile(paths[i % 2] ?? "", { data: "new", prepare, durability: "none" }),
  );
  await Promise.all(swaps);
  t.is(most, 1);
  t.deepEqual(await names(), ["target.node"]);
});

test("more targets than threads", async (t) => {
  const { elsewhere } = await folderWithTarget(t);
  const numbers = Array.from({ length: 300 }, (_, index) => index);
  await Promise.all(
    numbers.map((i) =>
      swapFile(elsewhere(`file ${i}`), { data: `content ${i}`, durability: "none" }),
    ),
  );
  for (const i of numbers) t.is(await readFile(elsewhere(`file ${i}`), "utf8"), `content ${i}`);
});

test("more swaps than threads, whose prepare calls for jobs on files itself", async (t) => {
  const { elsewhere } = await folderWithTarget(t);
  const numbers = Array.from({ length: 150 }, (_, index) => index);
  // All of them are in their prepare before the first one goes on.
  let preparing = 0;
  let allPrepare = (): void => undefined;
  const areAllThere = new Promise<void>((resolve) => (allPrepare = resolve));
  await Promise.all(
    numbers.map((i) =>
      swapFile(elsewhere(`file ${i}`), {
        data: "new",
        durability: "none",
        prepare: async (path) => {
          if (++preparing === numbers.length) allPrepare();
          await areAllThere;
          await fsyncFile(path);
          await swapFile(elsewhere(`inner ${i % 10}`), { data: `${i}`, durability: "none" });
        },
      }),
    ),
  );
  t.is((await readdir(elsewhere(""))).length, numbers.length + 10);
});

test("swaps that wait for one target by many names of it leave room for others", async (t) => {
  const { directory, elsewhere, content } = await folderWithTarget(t);
  let letGo = (): void => undefined;
  const isHeld = new Promise<void>((resolve) => (letGo = resolve));
  const numbers = Array.from({ length: 100 }, (_, index) => index);
  const waiting = numbers.map((i) =>
    swapFile(`${directory}/${"./".repeat(i)}target.node`, {
      data: `${i}`,
      durability: "none",
      prepare: () => isHeld,
    }),
  );
  t.true((await swapFile(elsewhere("another"), { data: "new" })).committed);
  letGo();
  await Promise.all(waiting);
  t.regex(await content(), /^\d+$/);
});

test("two processes: each moment one of the contents, and neither fails", async (t) => {
  t.timeout(60_000);
  const { directory, target, names } = await folderWithTarget(t);
  await writeFile(target, contentOf(0));
  const programs = [1, 2].map((number) =>
    startProgram(t, "swap-many", { arguments: [target, String(number), String(SIZE), "40"] }),
  );
  let isOver = false;
  const watching = watch(target, () => isOver);
  const ends = await Promise.all(programs.map(({ ended }) => ended));
  isOver = true;
  for (const { lines, errors } of ends) t.deepEqual([lines, errors], [["40 swapped"], ""]);
  const { reads, bad } = await watching;
  t.deepEqual(bad, []);
  t.true(reads > 5, `${reads} reads`);
  t.deepEqual(await names(), ["target.node"], directory);
});

test("a process that is killed leaves at most what the next swap removes", async (t) => {
  const folder = await folderWithTarget(t);
  const program = startProgram(t, "swap-and-stay", { arguments: [folder.target] });
  await program.waitFor("preparing");
  program.say("die");
  t.is((await program.ended).signal, "SIGKILL");
  const left = await readdir(folder.directory);
  t.is(await folder.content(), "old");
  t.true(
    left.some((name) => name.startsWith(".staging-")),
    left.join(),
  );
  await writeFile(join(folder.directory, ".staging-0123456789ab-another"), "another target's");
  await swapFile(folder.target, { data: "new" });
  t.is(await folder.content(), "new");
  t.deepEqual(await folder.names(), [".staging-0123456789ab-another", "target.node"]);
});

test("a swap waits for one of another process, and goes on when that dies", async (t) => {
  const folder = await folderWithTarget(t);
  const program = startProgram(t, "swap-and-stay", { arguments: [folder.target] });
  await program.waitFor("preparing");
  let isDone = false;
  const swap = swapFile(folder.target, { data: "new" }).then(() => (isDone = true));
  await setTimeout(100);
  t.false(isDone);
  t.is(await folder.content(), "old");
  program.say("die");
  await swap;
  t.is(await folder.content(), "new");
  t.deepEqual(await folder.names(), ["target.node"]);
});
