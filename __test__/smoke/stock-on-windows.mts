/**
 * `node --expose-gc stock-on-windows.mjs PACKAGE_FOLDER`: what the smoke suite asks of us right after
 * close(), asked of @libsql/client on Windows. It fails there with EBUSY until the garbage
 * collector has run: that shows that the suite sees the difference. Prints TAP.
 */
import assert from "node:assert/strict";
import { closeSync, fsyncSync, mkdtempSync, openSync, renameSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setImmediate } from "node:timers/promises";
import type * as Stock from "@libsql/client";
import { journalModes } from "./case.mjs";

const [packageFolder] = process.argv.slice(2).map((path) => resolve(path));
if (packageFolder === undefined) throw new Error("usage: node stock-on-windows.mjs PACKAGE_FOLDER");
const { createClient } = createRequire(import.meta.url)(packageFolder) as typeof Stock;
assert.ok(globalThis.gc, "run with --expose-gc");

console.log(`TAP version 13\n1..${journalModes.length}`);
for (const [index, mode] of journalModes.entries()) {
  const name = `the stock client's file is busy after close() until the garbage is collected (${mode})`;
  try {
    await busyUntilCollected(mode);
    console.log(`ok ${index + 1} - ${name}`);
  } catch (error) {
    process.exitCode = 1;
    console.log(`not ok ${index + 1} - ${name}\n  ${String(error).replaceAll("\n", "\n  ")}`);
  }
}

async function busyUntilCollected(mode: string): Promise<void> {
  const file = join(mkdtempSync(join(tmpdir(), "stock-smoke-")), "test.db");
  await useAndClose(file, mode);
  // At once: nothing is awaited, so that nothing is collected.
  fsyncAgain(file);
  assert.throws(() => renameSync(file, `${file}.renamed`), { code: "EBUSY" });
  assert.throws(() => rmSync(file), { code: "EBUSY" });

  for (let round = 0; round < 10; round += 1) {
    globalThis.gc?.();
    await setImmediate();
  }
  renameSync(file, `${file}.renamed`);
  rmSync(`${file}.renamed`);
}

/** Of the steps asked of us, the one that a file which is open elsewhere does not refuse. */
function fsyncAgain(file: string): void {
  const descriptor = openSync(file, "r+");
  fsyncSync(descriptor);
  closeSync(descriptor);
}

async function useAndClose(file: string, mode: string): Promise<void> {
  const client = createClient({ url: `file:${file}` });
  await client.execute(`PRAGMA journal_mode = ${mode}`);
  await client.execute("CREATE TABLE t (a)");
  await client.execute("SELECT * FROM t");
  client.close();
}
