// What a new file can be made of, and what is told of it.

import { createReadStream } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { Readable } from "node:stream";
import test from "ava";
import * as main from "latchdb";
import { swapFile } from "latchdb/swap";
import type { SwapData, SwapProgress } from "latchdb/swap";
import { folderWithTarget } from "./folder.mjs";

/** Several pieces of the largest size that is handed over at once. */
const large = Buffer.alloc(3 * 1024 * 1024 + 17, "some bytes and ");

/** Two units of UTF-16 for each character: from wherever it is cut, some pair would be halved. */
const longText = "x" + "😀".repeat(1_000_000);
const broken = "\ud83d".repeat(1_500_000) + "x";

/** TypeScript's library for ES2023 does not know the option. */
function resizable(length: number): ArrayBuffer {
  const options = { maxByteLength: length * 2 };
  return Reflect.construct(ArrayBuffer, [length, options]) as ArrayBuffer;
}

async function* generator(): AsyncGenerator<string | Uint8Array> {
  yield "grün ";
  yield Buffer.from("und ");
  yield "";
  yield new Uint8Array(Buffer.from("blau"));
}

const forms: Record<string, () => { data: SwapData; expected: Buffer | string }> = {
  "a string": () => ({ data: "grün", expected: "grün" }),
  "a long string, with pairs across all its pieces": () => ({ data: longText, expected: longText }),
  "a long string with half a pair": () => ({ data: broken, expected: Buffer.from(broken) }),
  "a stream of long strings": () => ({
    data: Readable.from([longText, broken]),
    expected: Buffer.from(longText + broken),
  }),
  "an empty string": () => ({ data: "", expected: "" }),
  "a Buffer": () => ({ data: Buffer.from([0, 1, 255]), expected: Buffer.from([0, 1, 255]) }),
  "a part of a Uint8Array": () => ({
    data: new Uint8Array([1, 2, 3, 4]).subarray(1, 3),
    expected: Buffer.from([2, 3]),
  }),
  "an ArrayBuffer": () => ({ data: new Uint8Array([7, 8]).buffer, expected: Buffer.from([7, 8]) }),
  "a DataView": () => ({
    data: new DataView(new Uint8Array([7, 8, 9]).buffer, 1),
    expected: Buffer.from([8, 9]),
  }),
  "a Buffer of many pieces": () => ({ data: large, expected: large }),
  "a part of a large buffer": () => ({
    data: large.subarray(1000, -1000),
    expected: large.subarray(1000, -1000),
  }),
  "a SharedArrayBuffer's bytes": () => {
    const data = new Uint8Array(new SharedArrayBuffer(large.length));
    data.set(large);
    return { data, expected: large };
  },
  "a resizable buffer's bytes": () => {
    const data = new Uint8Array(resizable(large.length));
    data.set(large);
    return { data, expected: large };
  },
  "an async generator": () => ({ data: generator(), expected: "grün und blau" }),
  "a ReadableStream": () => ({
    data: new Blob([large]).stream(),
    expected: large,
  }),
};

for (const [name, make] of Object.entries(forms)) {
  test(`data is ${name}`, async (t) => {
    const { target, names } = await folderWithTarget(t);
    const { data, expected } = make();
    const result = await swapFile(target, { data });
    const found = await readFile(target);
    t.true(found.equals(Buffer.from(expected)));
    t.is(result.bytes, found.length);
    t.deepEqual(await names(), ["target.node"]);
  });
}

test("progress of bytes: how much is written, of how much", async (t) => {
  const { target } = await folderWithTarget(t);
  let last: SwapProgress | undefined;
  const onProgress = (progress: SwapProgress): void => {
    if (progress.step === "write") last = progress;
  };
  await swapFile(target, { data: large, onProgress });
  t.deepEqual(last, { step: "write", done: large.length, total: large.length });
});

test("data is a Readable", async (t) => {
  const { target, elsewhere } = await folderWithTarget(t);
  await writeFile(elsewhere("source"), large);
  await swapFile(target, { data: createReadStream(elsewhere("source")) });
  t.true((await readFile(target)).equals(large));
});

test("the source is a file, which stays", async (t) => {
  const { target, elsewhere } = await folderWithTarget(t);
  await writeFile(elsewhere("source"), large);
  const { ms, ...result } = await swapFile(target, { source: elsewhere("source") });
  t.deepEqual(result, { committed: true, durable: true, skipped: false, bytes: large.length });
  t.true(ms > 0);
  t.true((await readFile(target)).equals(large));
  t.true((await readFile(elsewhere("source"))).equals(large));
});

test("a target that is not there yet is made", async (t) => {
  const { elsewhere } = await folderWithTarget(t);
  t.true((await swapFile(elsewhere("new"), { data: "new" })).committed);
  t.is(await readFile(elsewhere("new"), "utf8"), "new");
});

for (const durability of ["barrier", "none"] as const) {
  test(`durability "${durability}": committed, and not called durable`, async (t) => {
    const { target, content } = await folderWithTarget(t);
    const { committed, durable } = await swapFile(target, { data: "new", durability });
    t.deepEqual([committed, durable], [true, false]);
    t.is(await content(), "new");
  });
}

test("prepare is given a file beside the target that ends like it, and what it makes of it counts", async (t) => {
  const { directory, target, content } = await folderWithTarget(t);
  let given = "";
  const prepare = async (path: string): Promise<void> => {
    given = path;
    t.is(await readFile(path, "utf8"), "new");
    t.is(await content(), "old");
    await writeFile(path, "new, signed");
  };
  const { bytes } = await swapFile(target, { data: "new", prepare });
  t.true(given.startsWith(`${directory}/.staging-`), given);
  t.true(given.endsWith("-target.node"), given);
  t.is(bytes, 11);
  t.is(await content(), "new, signed");
});

test("progress: every step, and all bytes at the end of the writing", async (t) => {
  const { target, elsewhere } = await folderWithTarget(t);
  await writeFile(elsewhere("source"), large);
  const heard: SwapProgress[] = [];
  const onProgress = (progress: SwapProgress): void => void heard.push(progress);
  await swapFile(target, { source: elsewhere("source"), prepare: () => undefined, onProgress });
  const steps = [...new Set(heard.map(({ step }) => step))];
  const ordered = ["resolve", "lock", "stage", "write", "prepare"];
  t.deepEqual(steps, [...ordered, "metadata", "sync", "rename", "sync-directory"]);
  const last = heard.filter(({ step }) => step === "write").at(-1);
  t.deepEqual(last, { step: "write", done: large.length, total: large.length });
});

test("progress of a stream or a long text has no total", async (t) => {
  const { target } = await folderWithTarget(t);
  const totals = new Set<number | undefined>();
  const onProgress = ({ total }: SwapProgress): void => void totals.add(total);
  await swapFile(target, { data: generator(), onProgress });
  await swapFile(target, { data: longText, onProgress });
  t.deepEqual([...totals], [undefined]);
});

test("the main entry has the same functions", (t) => {
  t.is(main.swapFile, swapFile);
  t.is(typeof main.SwapError, "function");
});
