/**
 * The smoke suite: `node smoke.mjs PACKAGE_FOLDER` tries the package in that folder, its binary
 * included, with nothing but the runtime. Prints TAP (https://testanything.org).
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type * as Package from "latchdb";
import type { SmokeCase } from "./case.mjs";
import { closing } from "./cases/closing.mjs";
import { queries } from "./cases/queries.mjs";
import { replacing } from "./cases/replacing.mjs";
import { swapping } from "./cases/swapping.mjs";
import { transactions } from "./cases/transactions.mjs";
import { workers } from "./cases/workers.mjs";

/** What is to be tried elsewhere, too, is a module of cases in this list. */
const cases: SmokeCase[] = [
  ...queries,
  ...transactions,
  ...closing,
  ...workers,
  ...swapping,
  ...replacing,
];

const [packageFolder] = process.argv.slice(2).map((path) => resolve(path));
if (packageFolder === undefined) throw new Error("usage: node smoke.mjs PACKAGE_FOLDER");
const loaded = createRequire(import.meta.url)(packageFolder) as typeof Package;

let hasFailed = false;
console.log("TAP version 13");
console.log(`# ${process.platform} ${process.arch}, ${runtime()}`);
console.log(`1..${cases.length}`);
for (const [index, { name, run, needsProcess = false }] of cases.entries()) {
  if (needsProcess && !canStartProcesses()) {
    console.log(`ok ${index + 1} - ${name} # SKIP no process can be started here`);
    continue;
  }
  const folder = mkdtempSync(join(tmpdir(), "latchdb-smoke-"));
  try {
    await run({ package: loaded, packageFolder, folder });
    rmSync(folder, { recursive: true });
    console.log(`ok ${index + 1} - ${name}`);
  } catch (error) {
    hasFailed = true;
    const text = error instanceof Error ? error.stack : String(error);
    console.log(`not ok ${index + 1} - ${name}\n  ${text?.replaceAll("\n", "\n  ")}`);
  }
}
// What a case that failed left running is of no interest.
process.exit(hasFailed ? 1 : 0);

/** An emulator of another processor runs its own program alone. */
function canStartProcesses(): boolean {
  return spawnSync(process.execPath, ["--version"]).status === 0;
}

function runtime(): string {
  const { bun, node } = process.versions;
  return bun === undefined ? `Node ${node}` : `Bun ${bun}`;
}
