import test from "ava";
import { readdir } from "node:fs/promises";
import { temporaryDirectory } from "../support/database.mjs";
import { reportOf } from "../support/processes.mjs";

const CLIENTS = 10;

/**
 * Bun's collector looks for pointers on the machine's stack and keeps whatever looks like one
 * (https://bun.sh, JavaScriptCore is "conservative"): there one client may stay until the exit.
 */
const KEPT_BY_CHANCE = process.versions.bun === undefined ? 0 : 2;

for (const way of ["idle", "transaction", "pending call"]) {
  test(`clients that are forgotten are closed once they are collected: ${way}`, async (t) => {
    const directory = await temporaryDirectory(t);
    const report = await reportOf<{ before: number; after: number }>(t, "forgotten-client", {
      arguments: [directory, way],
      runtime: ["--expose-gc"],
    });
    t.is(report.before, CLIENTS);
    t.true(report.after <= KEPT_BY_CHANCE, `${report.after} of ${CLIENTS} are still open`);
    const left = await readdir(directory);
    t.deepEqual(
      left.filter((name) => !name.endsWith(".db")),
      [],
    );
  });
}
