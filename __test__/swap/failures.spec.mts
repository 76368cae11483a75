// Whatever goes wrong before the rename: the target is untouched, nothing is left beside it, and the
// error says what, at which step, with which file.

import { execFileSync } from "node:child_process";
import { rmdirSync } from "node:fs";
import { chmod, chown, mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import test from "ava";
import { fsyncFile, renameDurably, swapFile } from "latchdb/swap";
import type { SwapOptions } from "latchdb/swap";
import { startProgram } from "../support/processes.mjs";
import { unspeakable } from "../support/unspeakable.mjs";
import { assertUntouched, folderWithTarget, swapError } from "./folder.mjs";

test("a directory that is not there", async (t) => {
  const { target, elsewhere } = await folderWithTarget(t);
  const missing = elsewhere("missing");
  const error = await swapError(t, () => swapFile(join(missing, "a"), { data: "new" }));
  t.like(error, { code: "DIRECTORY_MISSING", step: "resolve", path: missing, committed: false });
  const notOne = await swapError(t, () => swapFile(join(target, "a"), { data: "new" }));
  t.like(notOne, { code: "DIRECTORY_MISSING", path: target });
});

test("a relative path in a directory that is gone", async (t) => {
  const { target, elsewhere } = await folderWithTarget(t);
  await mkdir(elsewhere("gone"));
  const before = process.cwd();
  process.chdir(elsewhere("gone"));
  rmdirSync(elsewhere("gone"));
  const calls = [
    swapFile("relative", { data: "new" }),
    swapFile(target, { source: "relative" }),
    fsyncFile("relative"),
    renameDurably(target, "relative"),
  ];
  process.chdir(before);
  for (const call of calls) {
    const error = await swapError(t, () => call);
    t.like(error, { step: "resolve", path: "relative", errno: "ENOENT", committed: false });
  }
});

test("a target that is a directory, a pipe, a socket or a device", async (t) => {
  const { directory, target, elsewhere } = await folderWithTarget(t);
  await mkdir(elsewhere("empty"));
  execFileSync("mkfifo", [elsewhere("pipe")]);
  await symlink("pipe", elsewhere("link to a pipe"));
  const server = createServer().listen(elsewhere("socket"));
  t.teardown(() => server.close());
  await new Promise((resolve) => server.once("listening", resolve));
  const codes = {
    [directory]: "TARGET_IS_DIRECTORY",
    [elsewhere("empty")]: "TARGET_IS_DIRECTORY",
    [`${target}/`]: "TARGET_IS_DIRECTORY",
    [elsewhere("new/")]: "TARGET_IS_DIRECTORY",
    "/": "TARGET_IS_DIRECTORY",
    [elsewhere("pipe")]: "TARGET_NOT_A_FILE",
    [elsewhere("link to a pipe")]: "TARGET_NOT_A_FILE",
    [elsewhere("socket")]: "TARGET_NOT_A_FILE",
    "/dev/null": "TARGET_NOT_A_FILE",
  };
  for (const [path, code] of Object.entries(codes)) {
    const error = await swapError(t, () => swapFile(path, { data: "new" }));
    t.like(error, { code, step: "resolve", committed: false }, path);
  }
});

test("a source that is not there, no regular file, or the target itself", async (t) => {
  const folder = await folderWithTarget(t);
  const { target, directory, elsewhere } = folder;
  // Nobody ever writes to it: reading it would wait for ever.
  execFileSync("mkfifo", [elsewhere("pipe")]);
  await symlink(target, elsewhere("link to the target"));
  const codes = {
    [elsewhere("missing")]: "SOURCE_MISSING",
    [directory]: "SOURCE_NOT_A_FILE",
    [elsewhere("pipe")]: "SOURCE_NOT_A_FILE",
    "/dev/zero": "SOURCE_NOT_A_FILE",
    [target]: "SOURCE_IS_TARGET",
    [elsewhere("link to the target")]: "SOURCE_IS_TARGET",
  };
  for (const [source, code] of Object.entries(codes)) {
    const error = await swapError(t, () => swapFile(target, { source }));
    t.like(error, { code, step: "resolve", path: source, committed: false });
    await assertUntouched(t, folder);
  }
});

test("prepare leaves a directory or a link in the staging file's place", async (t) => {
  const folder = await folderWithTarget(t);
  await writeFile(folder.elsewhere("other"), "other");
  const linking = async (path: string): Promise<void> => {
    await rm(path);
    await symlink(folder.elsewhere("other"), path);
  };
  const error = await swapError(t, () =>
    swapFile(folder.target, { data: "new", prepare: linking }),
  );
  t.like(error, { code: "STAGING_NOT_A_FILE", step: "prepare", committed: false });
  await assertUntouched(t, folder);
  for (const entries of [[], ["a", "b"]]) {
    const unpacking = async (path: string): Promise<void> => {
      await rm(path);
      await mkdir(path);
      for (const entry of entries) await writeFile(join(path, entry), "");
    };
    const unpacked = await swapError(t, () =>
      swapFile(folder.target, { data: "new", prepare: unpacking }),
    );
    t.is(unpacked.code, "STAGING_NOT_A_FILE");
    await assertUntouched(t, folder);
  }
});

test("prepare throws at once, throws later, throws what is no error", async (t) => {
  const folder = await folderWithTarget(t);
  const cause = new TypeError("no key to sign with");
  const prepares: [() => unknown, unknown][] = [
    [
      () => {
        throw cause;
      },
      cause,
    ],
    [() => Promise.reject(cause), cause],
    [() => Promise.reject("just a text"), "just a text"],
  ];
  for (const [prepare, thrown] of prepares) {
    const error = await swapError(t, () => swapFile(folder.target, { data: "new", prepare }));
    t.like(error, { code: "PREPARE_FAILED", step: "prepare", committed: false });
    t.is(error.cause, thrown);
    t.true(error.message.includes(thrown === cause ? cause.message : "just a text"));
    await assertUntouched(t, folder);
  }
});

for (const [name, thrown] of unspeakable) {
  test(`prepare, or a stream, throws ${name}: the swap ends all the same`, async (t) => {
    const folder = await folderWithTarget(t);
    const prepare = (): Promise<void> => Promise.reject(thrown);
    const prepared = await swapError(t, () => swapFile(folder.target, { data: "new", prepare }));
    t.is(prepared.code, "PREPARE_FAILED");
    t.is(prepared.cause, thrown);
    async function* breaking(): AsyncGenerator<string> {
      yield "half";
      throw thrown;
    }
    const broken = await swapError(t, () => swapFile(folder.target, { data: breaking() }));
    t.is(broken.code, "DATA_FAILED");
    t.is(broken.cause, thrown);
    await assertUntouched(t, folder);
  });
}

test("a stream breaks off, or gives what are no bytes", async (t) => {
  const folder = await folderWithTarget(t);
  const cause = new Error("connection lost");
  async function* breaking(): AsyncGenerator<string> {
    yield "half";
    throw cause;
  }
  const broken = await swapError(t, () => swapFile(folder.target, { data: breaking() }));
  t.like(broken, { code: "DATA_FAILED", step: "write", committed: false });
  t.is(broken.cause, cause);
  await assertUntouched(t, folder);
  async function* numbers(): AsyncGenerator<string> {
    yield 5 as unknown as string;
  }
  const wrong = await swapError(t, () => swapFile(folder.target, { data: numbers() }));
  t.is(wrong.code, "DATA_FAILED");
  await assertUntouched(t, folder);
});

test("a stream that cannot be listened to is no reason to make the file empty", async (t) => {
  const folder = await folderWithTarget(t);
  const cause = new Error("no listeners here");
  async function* nothing(): AsyncGenerator<string> {
    yield* [];
  }
  const data = Object.assign(nothing(), {
    on() {
      throw cause;
    },
  });
  const error = await swapError(t, () => swapFile(folder.target, { data }));
  t.like(error, { code: "DATA_FAILED", step: "write", committed: false });
  t.is(error.cause, cause);
  await assertUntouched(t, folder);
});

test("the buffer is transferred away before the promise settles", async (t) => {
  const folder = await folderWithTarget(t);
  const data = new Uint8Array(8 * 1024 * 1024);
  const swap = swapFile(folder.target, { data });
  const there = structuredClone(data.buffer, { transfer: [data.buffer] });
  const error = await swapError(t, () => swap);
  t.like(error, { code: "DATA_FAILED", step: "write", committed: false });
  t.is(there.byteLength, 8 * 1024 * 1024);
  await assertUntouched(t, folder);
});

test("the buffer is resized before the promise settles", async (t) => {
  const folder = await folderWithTarget(t);
  const length = 8 * 1024 * 1024;
  for (const resizedTo of [1000, 0, length + 1]) {
    const options = { maxByteLength: 2 * length };
    const data = Reflect.construct(ArrayBuffer, [length, options]) as ArrayBuffer & {
      resize(length: number): void;
    };
    const onProgress = ({ step }: { step: string }): void => {
      if (step === "stage") data.resize(resizedTo);
    };
    const error = await swapError(t, () => swapFile(folder.target, { data, onProgress }));
    t.like(error, { code: "DATA_FAILED", step: "write", committed: false });
    await assertUntouched(t, folder);
  }
});

test("a stream that is not read to its end is told so", async (t) => {
  const folder = await folderWithTarget(t);
  let isClosed = false;
  const controller = new AbortController();
  async function* endless(): AsyncGenerator<string> {
    try {
      for (let i = 0; ; i++) {
        if (i === 10) controller.abort();
        yield "more";
      }
    } finally {
      isClosed = true;
    }
  }
  const { signal } = controller;
  await t.throwsAsync(swapFile(folder.target, { data: endless(), signal }), { any: true });
  await setImmediate();
  t.true(isClosed);
  await assertUntouched(t, folder);
});

test("no permission: by the directory, and by an owner that only root can give", async (t) => {
  const { directory, target, elsewhere } = await folderWithTarget(t);
  // Root is refused nothing: the program becomes somebody else, if it can.
  await chmod(directory, 0o555);
  await writeFile(elsewhere("target"), "old");
  await chmod(elsewhere(""), 0o777);
  t.teardown(() => chmod(directory, 0o755));
  // Nobody may read it, so nobody knows whether it has the same content.
  await writeFile(elsewhere("unreadable"), "new", { mode: 0o222 });
  if (process.getuid?.() === 0) await chown(elsewhere("unreadable"), 65_534, 65_534);
  await chmod(elsewhere("unreadable"), 0o200);
  const program = startProgram(t, "swap-as-nobody", {
    arguments: [target, elsewhere("target"), elsewhere("unreadable")],
  });
  const { lines, errors } = await program.ended;
  t.is(errors, "");
  const [refused, owned, unreadable] = lines.map(
    (line) => JSON.parse(line) as Record<string, unknown>,
  );
  t.like(unreadable, { committed: true, skipped: false });
  t.like(refused, { code: "NO_PERMISSION", step: "lock", errno: "EACCES", committed: false });
  if (process.getuid?.() === 0) {
    t.like(owned, { code: "NO_PERMISSION", step: "metadata", errno: "EPERM", committed: false });
  } else t.log("Not root: nobody else's file to replace");
});

test("a name that is longer than names can be", async (t) => {
  const { elsewhere } = await folderWithTarget(t);
  const target = elsewhere("x".repeat(300));
  const error = await swapError(t, () => swapFile(target, { data: "new" }));
  t.like(error, { code: "NAME_TOO_LONG", errno: "ENAMETOOLONG", committed: false });
  const longest = elsewhere("y".repeat(255));
  t.true((await swapFile(longest, { data: "new", prepare: () => undefined })).committed);
});

const wrong: Record<string, unknown> = {
  "no options": undefined,
  "neither source nor data": {},
  "both source and data": { source: "a", data: "b" },
  "a source that is no string": { source: 5 },
  "an empty source": { source: "" },
  "a NUL in the source": { source: "a\0b" },
  "data that are no bytes": { data: 5 },
  "data that are null": { data: null },
  "an unknown durability": { data: "", durability: "much" },
  "a mode that is a string": { data: "", mode: "755" },
  "a mode out of range": { data: "", mode: 0o10000 },
  "a prepare that is no function": { data: "", prepare: "codesign" },
  "an onProgress that is no function": { data: "", onProgress: 1 },
  "a retryMs that is negative": { data: "", retryMs: -1 },
  "a retryMs that is no number": { data: "", retryMs: Number.NaN },
  "a signal that is none": { data: "", signal: {} },
};
test("what is wrong in itself is a TypeError, and nothing begins", async (t) => {
  const folder = await folderWithTarget(t);
  for (const [name, options] of Object.entries(wrong)) {
    const swap = swapFile(folder.target, options as SwapOptions);
    await t.throwsAsync(swap, { instanceOf: TypeError }, name);
  }
  for (const target of ["", "a\0b", 5, undefined]) {
    const swap = swapFile(target as string, { data: "new" });
    await t.throwsAsync(swap, { instanceOf: TypeError });
  }
  await assertUntouched(t, folder);
});
