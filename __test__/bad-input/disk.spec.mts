import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";
import type { ExecutionContext } from "ava";
import { createClient } from "latchdb";
import { temporaryDirectory } from "../support/database.mjs";
import { inNamespace } from "../support/mounts.mjs";
import type { FullDisk, ReadOnlyDisk, Tried } from "./disk-process.mjs";

const program = fileURLToPath(new URL("./disk-process.mjs", import.meta.url));

function isClear(t: ExecutionContext, what: string, tried: Tried, code: RegExp): void {
  t.regex(tried.code ?? "no error", code, what);
  t.true(tried.message?.startsWith(`${tried.code}: `), what);
  t.true((tried.message?.length ?? 0) > (tried.code?.length ?? 0) + 10, what);
}

for (const journalMode of ["delete", "wal"]) {
  test(`a full disk, journal mode ${journalMode}: SQLITE_FULL, nothing acknowledged is lost, and with room the client goes on`, async (t) => {
    const directory = await temporaryDirectory(t);
    const mount = 'mount -t tmpfs -o size=1m tmpfs "$1"';
    const full = await inNamespace<FullDisk>(t, mount, directory, program, ["full", journalMode]);
    if (full === undefined) return;
    for (const [what, tried] of Object.entries(full.failed))
      isClear(t, what, tried, /^SQLITE_FULL$/);
    t.deepEqual(full.afterwards, {});
    t.true(full.acknowledged > 10);
    t.is(full.found, full.acknowledged);
    t.is(full.integrity, "ok");
  });
}

for (const what of ["folder", "file"]) {
  test(`a read-only ${what} can be read; writes fail with a code, and reading goes on`, async (t) => {
    const directory = await temporaryDirectory(t);
    const folder = join(directory, "data");
    await mkdir(folder);
    const client = createClient({ url: `file:${join(folder, "test.db")}` });
    await client.batch(["create table t (a)", "insert into t values (1)"], "write");
    client.close();
    const place = what === "folder" ? '"$1"' : '"$1/test.db"';
    const mount = `mount --bind ${place} ${place}; mount -o remount,ro,bind ${place}`;
    const disk = await inNamespace<ReadOnlyDisk>(t, mount, folder, program, ["read-only", ""]);
    if (disk === undefined) return;
    t.is(disk.read, 1);
    for (const [call, tried] of Object.entries(disk.failed)) {
      isClear(t, call, tried, /^SQLITE_(READONLY|CANTOPEN)$/);
    }
    if (what === "folder") isClear(t, "open", disk.opened, /^SQLITE_CANTOPEN$/);
    t.is(disk.stillReads, 1);
  });
}
