/** What subscribers of `latchdb:swap` hear. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { join } from "node:path";
import test from "ava";
import type { ExecutionContext } from "ava";
import { copyDatabase, swapDatabase } from "latchdb/swap";
import { nextVersion, versionOne } from "./versions.mjs";

interface Heard {
  target: string;
  step?: string;
  result?: object;
  error?: unknown;
}

/** What is told of a target from now on. */
function listen(t: ExecutionContext, target: string): Heard[] {
  const heard: Heard[] = [];
  const hear = (message: unknown): void => {
    if ((message as Heard).target === target) heard.push(message as Heard);
  };
  subscribe("latchdb:swap", hear);
  t.teardown(() => unsubscribe("latchdb:swap", hear));
  return heard;
}

/** The steps came first, then one end. */
function assertEnded(t: ExecutionContext, heard: Heard[], end: Partial<Heard>): void {
  const [last, ...steps] = heard.splice(0).toReversed();
  const { target: _, ...message } = last ?? { target: "" };
  t.deepEqual(message, end);
  for (const { step } of steps) t.is(typeof step, "string");
}

test("each step, and the end: replaceDatabase(), swapDatabase(), copyDatabase()", async (t) => {
  const { file, directory, client } = await versionOne(t, "wal");
  const heard = listen(t, file);
  const result = await client.replaceDatabase({ build: nextVersion });
  t.is(heard[0]?.step, "resolve");
  t.true(heard.some(({ step }) => step === "rename"));
  assertEnded(t, heard, { result });
  const error = await t.throwsAsync(
    client.replaceDatabase({ build: () => Promise.reject(new Error("no")) }),
  );
  t.true(heard.some(({ step }) => step === "build"));
  assertEnded(t, heard, { error });
  client.close();
  assertEnded(
    t,
    heard,
    await swapDatabase(file, { build: nextVersion }).then((end) => ({ result: end })),
  );
  const copy = join(directory, "copy.db");
  const heardOfCopy = listen(t, copy);
  const copied = await copyDatabase(file, copy);
  t.true(heardOfCopy.some(({ step }) => step === "write"));
  assertEnded(t, heardOfCopy, { result: copied });
  const exists = await t.throwsAsync(copyDatabase(file, copy), { code: "TARGET_EXISTS" });
  assertEnded(t, heardOfCopy, { error: exists });
});

test("the end alone, where nothing has begun", async (t) => {
  const { file, directory, client } = await versionOne(t, "delete");
  const heard = listen(t, file);
  const reason = new Error("enough");
  const signal = AbortSignal.abort(reason);
  const transaction = await client.transaction("write");
  const failing: (() => Promise<unknown>)[] = [
    () => client.replaceDatabase({ build: nextVersion, signal }),
    () => client.replaceDatabase({ build: nextVersion, timeoutMs: 10 }),
    () => client.replaceDatabase({} as never),
    () => swapDatabase(file, { build: nextVersion, signal }),
    () => swapDatabase(file, {} as never),
    () => copyDatabase(join(directory, "none.db"), file, { signal }),
    () => copyDatabase("", file),
  ];
  for (const fail of failing) {
    const error = await t.throwsAsync(fail());
    t.is(heard.length, 1);
    assertEnded(t, heard, { error });
  }
  await transaction.rollback();
  client.close();
  const error = await t.throwsAsync(client.replaceDatabase({ build: nextVersion }));
  t.like(error, { code: "CLIENT_CLOSED" });
  assertEnded(t, heard, { error });
});
