// Streams that break before they are read, that nobody reads, or that have nothing left.

import { EventEmitter, on, once } from "node:events";
import { createReadStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import { PassThrough, Readable } from "node:stream";
import { ReadableStream } from "node:stream/web";
import test from "ava";
import { swapFile } from "latchdb/swap";
import type { SwapData, SwapOptions } from "latchdb/swap";
import { holdLock } from "./holder.mjs";
import { assertUntouched, folderWithTarget, swapError } from "./folder.mjs";

test("a stream that breaks while its swap waits for its turn ends that at once", async (t) => {
  const folder = await folderWithTarget(t);
  const letGo = await holdLock(folder);
  const error = await swapError(t, () =>
    swapFile(folder.target, { data: createReadStream(folder.elsewhere("missing")) }),
  );
  t.like(error, { code: "DATA_FAILED", step: "write", path: folder.target, committed: false });
  t.is((error.cause as NodeJS.ErrnoException).code, "ENOENT");
  // The other one still has the lock.
  t.is(await folder.content(), "old");
  await letGo();
  t.is(await folder.content(), "first");
});

test("what a stream says once it was read to its end is no concern of the swap", async (t) => {
  const folder = await folderWithTarget(t);
  const data = Readable.from(["new"]);
  const prepare = (): boolean => data.emit("error", new Error("late"));
  t.true((await swapFile(folder.target, { data, prepare })).committed);
  t.is(await folder.content(), "new");
});

const unbegun: Record<string, Partial<SwapOptions> & { target?: string }> = {
  "a signal that was aborted before": { signal: AbortSignal.abort(new Error("enough")) },
  "an option that is wrong": { mode: -1 },
  "a source beside it": { source: "a" },
  "a target that is none": { target: "" },
};
for (const [name, { target, ...options }] of Object.entries(unbegun)) {
  test(`nobody reads the stream, and it is closed: ${name}`, async (t) => {
    const folder = await folderWithTarget(t);
    const rejects = (data: unknown): Promise<unknown> =>
      t.throwsAsync(
        swapFile(target ?? folder.target, { ...options, data: data as SwapData } as SwapOptions),
      );
    await writeFile(folder.elsewhere("source"), "new");
    const file = createReadStream(folder.elsewhere("source"));
    await rejects(file);
    t.true(file.destroyed);
    // It is still about to find out that there is no file: nobody is to hear of that.
    const missing = createReadStream(folder.elsewhere("missing"));
    const closed = new Promise<void>((resolve) => missing.once("close", () => resolve()));
    await rejects(missing);
    await closed;
    let isCancelled = false;
    await rejects(new ReadableStream({ cancel: () => void (isCancelled = true) }));
    t.true(isCancelled);
    const emitter = new EventEmitter();
    await rejects(on(emitter, "piece"));
    t.is(emitter.listenerCount("piece"), 0);
    await assertUntouched(t, folder);
  });
}

test("a swap that fails before it begins with the stream closes whatever it was given", async (t) => {
  const { elsewhere } = await folderWithTarget(t);
  const emitter = new EventEmitter();
  const data = on(emitter, "piece") as AsyncIterable<string>;
  await t.throwsAsync(swapFile(elsewhere("missing/target"), { data }), {
    code: "DIRECTORY_MISSING",
  });
  t.is(emitter.listenerCount("piece"), 0);
});

const over: Record<string, (path: string) => Promise<SwapData>> = {
  "read to its end": async (path) => {
    const stream = createReadStream(path);
    await once(stream.resume(), "close");
    return stream;
  },
  "read to its end, and open": async () => {
    const stream = new PassThrough({ autoDestroy: false });
    stream.end("text");
    await once(stream.resume(), "end");
    return stream;
  },
  destroyed: async (path) => {
    const stream = createReadStream(path);
    stream.destroy();
    await once(stream, "close");
    return stream;
  },
  "a web stream that was read": async () => {
    const { body } = new Response("text");
    for await (const _ of body ?? []);
    return body as unknown as SwapData;
  },
  "a web stream that was cancelled": async () => {
    const { body } = new Response("text");
    await body?.cancel();
    return body as unknown as SwapData;
  },
};
for (const [name, make] of Object.entries(over)) {
  test(`a stream that is over makes no empty file: ${name}`, async (t) => {
    const folder = await folderWithTarget(t);
    await writeFile(folder.elsewhere("source"), "text");
    const data = await make(folder.elsewhere("source"));
    const error = await swapError(t, () => swapFile(folder.target, { data }));
    t.like(error, { code: "DATA_FAILED", step: "write", committed: false });
    t.regex(error.message, /give one that nobody has read or closed/);
    await assertUntouched(t, folder);
  });
}

test("a stream that has broken already: its own error is the cause", async (t) => {
  const folder = await folderWithTarget(t);
  const data = createReadStream(folder.elsewhere("missing"));
  const [cause] = (await once(data, "error")) as [Error];
  const error = await swapError(t, () => swapFile(folder.target, { data }));
  t.is(error.code, "DATA_FAILED");
  t.is(error.cause, cause);
  await assertUntouched(t, folder);
});

test("a stream that somebody else reads while its swap waits", async (t) => {
  const folder = await folderWithTarget(t);
  const letGo = await holdLock(folder);
  const data = Readable.from(["new"]);
  const swap = swapFile(folder.target, { data });
  await once(data.resume(), "close");
  const error = swapError(t, () => swap);
  await letGo();
  t.is((await error).code, "DATA_FAILED");
  t.is(await folder.content(), "first");
});

test("an empty stream makes an empty file; one of which a part was read gives the rest", async (t) => {
  const folder = await folderWithTarget(t);
  for (const data of [Readable.from([]), new Blob([]).stream() as unknown as SwapData]) {
    t.is((await swapFile(folder.target, { data })).bytes, 0);
  }
  const data = new PassThrough();
  data.write("head");
  await once(data, "readable");
  t.is(String(data.read()), "head");
  data.end("body");
  await swapFile(folder.target, { data });
  t.is(await folder.content(), "body");
});
