// `prepare` works on a file that nobody loads: while it does, and when it fails, the active file is
// what it was.

import { copyFile, readFile, rm, writeFile } from "node:fs/promises";
import test from "ava";
import type { ExecutionContext } from "ava";
import { SwapError, swapFile } from "latchdb/swap";
import { signInPlace } from "../support/signing.mjs";
import { makeSandbox, readTarget } from "./sandbox.mjs";
import type { Sandbox } from "./sandbox.mjs";

type Replace = (
  target: string,
  options: { source: string; prepare: (path: string) => Promise<void> },
) => Promise<unknown>;

interface Observed {
  /** What the active file was while `prepare` had changed its own. */
  during: string;
  /** The same after the failure. */
  after: string;
  leftovers: string[];
  thrown: unknown;
}

const cause = new Error("the certificate has expired");

/** A `prepare` that fails when it has changed a part of the file. */
async function observe(replace: Replace, sandbox: Sandbox): Promise<Observed> {
  const { target, order } = sandbox;
  let during = "not looked at";
  const prepare = async (path: string): Promise<void> => {
    signInPlace(path);
    during = await readTarget(sandbox);
    throw cause;
  };
  const thrown = await replace(target, { source: order.source, prepare }).then(
    () => undefined,
    (error: unknown) => error,
  );
  const [after, leftovers] = [await readTarget(sandbox), await sandbox.leftovers()];
  return { during, after, leftovers, thrown };
}

test("prepare fails: the active file is unchanged, the staging file gone, the error is handed on", async (t) => {
  const { thrown, ...observed } = await observe(swapFile, await makeSandbox(t));
  t.deepEqual(observed, { during: "old", after: "old", leftovers: [] });
  const { code, step, committed } = asSwapError(t, thrown);
  t.deepEqual(
    { code, step, committed },
    { code: "PREPARE_FAILED", step: "prepare", committed: false },
  );
  t.is((thrown as Error).cause, cause);
});

test("prepare removes the staging file: an error, and the active file is unchanged", async (t) => {
  const sandbox = await makeSandbox(t);
  const swap = swapFile(sandbox.target, {
    source: sandbox.order.source,
    prepare: (path) => rm(path),
  });
  const { committed } = asSwapError(t, await t.throwsAsync(swap));
  t.false(committed);
  t.is(await readTarget(sandbox), "old");
  t.deepEqual(await sandbox.leftovers(), []);
});

test("(the test sees it: without staging the active file is the one that prepare changes)", async (t) => {
  const withoutStaging: Replace = async (target, { source, prepare }) => {
    await copyFile(source, target);
    await prepare(target);
  };
  const { during, after } = await observe(withoutStaging, await makeSandbox(t));
  t.regex(during, /^neither old nor new/);
  t.regex(after, /^neither old nor new/);
});

test("(the test sees it: a restored backup is too late for who reads in between)", async (t) => {
  const restoring: Replace = async (target, { source, prepare }) => {
    const backup = await readFile(target);
    await copyFile(source, target);
    try {
      await prepare(target);
    } catch (error) {
      await writeFile(target, backup);
      throw error;
    }
  };
  const { during, after } = await observe(restoring, await makeSandbox(t));
  t.regex(during, /^neither old nor new/);
  t.regex(after, /^old/);
});

function asSwapError(t: ExecutionContext, thrown: unknown): SwapError {
  if (!(thrown instanceof SwapError)) t.fail(`no SwapError: ${String(thrown)}`);
  return thrown as SwapError;
}
