// A disk that fills up while the staging file is written: writes come back short before they fail.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";
import type { ExecutionContext } from "ava";
import { temporaryDirectory } from "../support/database.mjs";
import { inNamespace } from "../support/mounts.mjs";
import type { ShortWrites } from "./short-writes-process.mjs";

const program = fileURLToPath(new URL("./short-writes-process.mjs", import.meta.url));
const SOURCE_SIZE = 6 * 1024 * 1024;

async function onSmallDisk(t: ExecutionContext, how: string): Promise<ShortWrites | undefined> {
  const directory = await temporaryDirectory(t);
  const source = join(await temporaryDirectory(t), "source");
  await writeFile(source, Buffer.alloc(SOURCE_SIZE, "new "));
  const mount = 'mount -t tmpfs -o size=3m tmpfs "$1"';
  return inNamespace<ShortWrites>(t, mount, directory, program, [how, source]);
}

for (const how of ["source", "data"]) {
  test(`6 MB of ${how} onto a disk of 3 MB: DISK_FULL, and the target is as before`, async (t) => {
    const answer = await onSmallDisk(t, how);
    if (answer === undefined) return;
    t.deepEqual(answer.error, {
      code: "DISK_FULL",
      step: "write",
      errno: "ENOSPC",
      committed: false,
    });
    t.true(answer.isTargetOld);
    t.deepEqual(answer.names, ["target"]);
    t.true(answer.isSwappedAfterwards);
  });
}

test("(the test sees it: a copy in place ruins the target)", async (t) => {
  const answer = await onSmallDisk(t, "copy");
  if (answer !== undefined) t.false(answer.isTargetOld);
});
