// A signal ends a swap wherever it is: at once, with the target untouched and nothing left over.

import { truncate, writeFile } from "node:fs/promises";
import { Readable } from "node:stream";
import { ReadableStream } from "node:stream/web";
import test from "ava";
import { swapFile } from "latchdb/swap";
import { elapsed } from "../support/elapsed.mjs";
import { assertUntouched, folderWithTarget } from "./folder.mjs";
import { holdLock } from "./holder.mjs";

const reason = new Error("enough");
const never = (): Promise<void> => new Promise(() => undefined);

test("a signal that was aborted before: nothing begins", async (t) => {
  const folder = await folderWithTarget(t);
  const swap = swapFile(folder.target, { data: "new", signal: AbortSignal.abort(reason) });
  t.is(await t.throwsAsync(swap), reason);
  await assertUntouched(t, folder);
});

test("a prepare that never ends", async (t) => {
  const folder = await folderWithTarget(t);
  const controller = new AbortController();
  const prepare = (): Promise<void> => {
    controller.abort(reason);
    return never();
  };
  const { signal } = controller;
  t.is(await t.throwsAsync(swapFile(folder.target, { data: "new", prepare, signal })), reason);
  await assertUntouched(t, folder);
});

test("a prepare that never ends, and a time limit that keeps nothing alive", async (t) => {
  const folder = await folderWithTarget(t);
  const signal = AbortSignal.timeout(20);
  const swap = swapFile(folder.target, { data: "new", prepare: never, signal });
  // A DOMException, which not every runtime has as an Error.
  await t.throwsAsync(swap, { any: true, name: "TimeoutError" });
  await assertUntouched(t, folder);
});

test("whoever aborts before prepare begins is not asked to prepare", async (t) => {
  const folder = await folderWithTarget(t);
  const controller = new AbortController();
  const { signal } = controller;
  let prepared = 0;
  const onProgress = ({ step }: { step: string }): void => {
    if (step !== "prepare") return;
    controller.abort(reason);
    // The call for prepare is on its way meanwhile.
    const until = performance.now() + 50;
    while (performance.now() < until);
  };
  const swap = swapFile(folder.target, {
    data: "new",
    prepare: () => prepared++,
    signal,
    onProgress,
  });
  t.is(await t.throwsAsync(swap), reason);
  t.is(prepared, 0);
  await assertUntouched(t, folder);
});

test("a stream that never gives anything", async (t) => {
  const folder = await folderWithTarget(t);
  const controller = new AbortController();
  async function* silent(): AsyncGenerator<string> {
    yield "some";
    controller.abort(reason);
    await never();
  }
  const { signal } = controller;
  t.is(await t.throwsAsync(swapFile(folder.target, { data: silent(), signal })), reason);
  await assertUntouched(t, folder);
});

test("a stream that is waited for is closed", async (t) => {
  const folder = await folderWithTarget(t);
  const isOver = new Promise<void>((resolve) => {
    const readable = new Readable({ read: () => undefined, destroy: () => resolve() });
    readable.push("some");
    void abortOnceItWaits(readable);
  });
  await isOver;
  const isCancelled = new Promise<void>((resolve) => {
    const web = new ReadableStream({
      start: (controller) => controller.enqueue("some"),
      cancel: () => resolve(),
    });
    void abortOnceItWaits(web);
  });
  await isCancelled;
  await assertUntouched(t, folder);

  async function abortOnceItWaits(data: Readable | ReadableStream): Promise<void> {
    const controller = new AbortController();
    const { signal } = controller;
    // By then the stream has given all that it had.
    const onProgress = ({ step }: { step: string }): void => {
      if (step === "write") setTimeout(() => controller.abort(reason), 20);
    };
    t.is(await t.throwsAsync(swapFile(folder.target, { data, signal, onProgress })), reason);
  }
});

test("a stream that is not begun with is closed too", async (t) => {
  const { elsewhere } = await folderWithTarget(t);
  const nowhere = elsewhere("missing/target");
  const readable = Readable.from(["some"]);
  await t.throwsAsync(swapFile(nowhere, { data: readable }), { code: "DIRECTORY_MISSING" });
  t.true(readable.destroyed);
  let isCancelled = false;
  const web = new ReadableStream({ cancel: () => void (isCancelled = true) });
  await t.throwsAsync(swapFile(nowhere, { data: web }), { code: "DIRECTORY_MISSING" });
  t.true(isCancelled);
});

test("a long copy", async (t) => {
  const folder = await folderWithTarget(t);
  const source = folder.elsewhere("source");
  await writeFile(source, "");
  await truncate(source, 8 * 1024 ** 3);
  const controller = new AbortController();
  const { signal } = controller;
  let done = 0;
  const onProgress = (progress: { done: number }): void => {
    ({ done } = progress);
    if (done > 0) controller.abort(reason);
  };
  const ms = await elapsed(async () => {
    t.is(await t.throwsAsync(swapFile(folder.target, { source, signal, onProgress })), reason);
  });
  t.true(done > 0);
  t.true(ms < 5000, `it took ${ms} ms`);
  await assertUntouched(t, folder);
});

test("a swap that waits for its turn, by the same path and by another", async (t) => {
  const folder = await folderWithTarget(t);
  const letGo = await holdLock(folder);
  for (const target of [
    folder.target,
    `${folder.directory}/../${folder.directory.split("/").at(-1)}/target.node`,
  ]) {
    const controller = new AbortController();
    const { signal } = controller;
    const swap = swapFile(target, { data: "second", signal });
    // It is under way, and can only wait.
    setTimeout(() => controller.abort(reason), 30);
    t.is(await t.throwsAsync(swap), reason);
  }
  await letGo();
  t.is(await folder.content(), "first");
  t.deepEqual(await folder.names(), ["target.node"]);
});

test("an abort after the end, and a signal's listeners, are nobody's", async (t) => {
  const folder = await folderWithTarget(t);
  const controller = new AbortController();
  const { signal } = controller;
  let listeners = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = ((...args: Parameters<typeof add>) => {
    listeners++;
    add(...args);
  }) as typeof add;
  signal.removeEventListener = ((...args: Parameters<typeof remove>) => {
    listeners--;
    remove(...args);
  }) as typeof remove;
  const { committed } = await swapFile(folder.target, { data: "new", signal });
  t.is(listeners, 0);
  controller.abort(reason);
  t.true(committed);
  t.is(await folder.content(), "new");
});
