/** A disk that fills up while the new database is built, or the old one is kept. */
import { fileURLToPath } from "node:url";
import test from "ava";
import { temporaryDirectory } from "../support/database.mjs";
import { inNamespace } from "../support/mounts.mjs";
import type { DiskFull } from "./disk-full-process.mjs";

const program = fileURLToPath(new URL("./disk-full-process.mjs", import.meta.url));

for (const mode of ["delete", "wal"]) {
  for (const how of ["build", "source", "in-place"]) {
    test(`no room (${how}, ${mode}): an error, and the old database is as it was`, async (t) => {
      const directory = await temporaryDirectory(t);
      const mount = 'mount -t tmpfs -o size=3m tmpfs "$1"';
      const answer = await inNamespace<DiskFull>(t, mount, directory, program, [how, mode]);
      if (answer === undefined) return;
      t.like(answer.error, { name: "SwapError", committed: false });
      t.true(["DISK_FULL", "BUILD_FAILED"].includes(answer.error?.code ?? ""), answer.error?.code);
      t.regex(answer.error?.message ?? "", /full|no space/i);
      t.is(answer.version, 1);
      t.is(answer.journalMode, mode);
      t.deepEqual(answer.integrity, ["ok"]);
      t.deepEqual(answer.names, ["test.db"]);
    });
  }
}
