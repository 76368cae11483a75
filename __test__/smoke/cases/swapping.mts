import assert from "node:assert/strict";
import { once } from "node:events";
import {
  closeSync,
  copyFileSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { SmokeCase } from "../case.mjs";
import { ended, start, startHolder } from "../holder-process.mjs";

const everywhere: SmokeCase[] = [
  {
    name: "a file is swapped, prepared first, and nothing is left beside it",
    async run({ package: { swapFile }, folder }) {
      const [source, target] = [join(folder, "source"), join(folder, "target")];
      writeFileSync(source, Buffer.alloc(3_000_000, "new"));
      writeFileSync(target, "old");
      const result = await swapFile(target, {
        source,
        prepare: (staging) => writeFileSync(staging, " and signed", { flag: "a" }),
      });
      assert.equal(readFileSync(target, "latin1"), `${readFileSync(source, "latin1")} and signed`);
      const { committed, durable, bytes } = result;
      assert.deepEqual(
        { committed, durable, bytes },
        { committed: true, durable: true, bytes: 3_000_011 },
      );
      assert.deepEqual(readdirSync(folder).sort(), ["source", "target"]);
    },
  },
  {
    name: "20 swaps of one file at once take turns",
    async run({ package: { swapFile }, folder }) {
      const target = join(folder, "target");
      await Promise.all(
        Array.from({ length: 20 }, (_, index) => swapFile(target, { data: `number ${index}` })),
      );
      assert.equal(readFileSync(target, "utf8"), "number 19");
      assert.deepEqual(readdirSync(folder), ["target"]);
    },
  },
  {
    name: "whoever has the old file open keeps it, or is said to be in the way",
    async run({ package: { swapFile }, folder }) {
      const target = join(folder, "target");
      await swapFile(target, { data: "old" });
      const reader = openSync(target, "r");
      try {
        await swapFile(target, { data: "new", retryMs: 50 });
        assert.equal(readFileSync(reader, "utf8"), "old");
      } catch (error) {
        // Windows before 10.1607, its file systems other than NTFS, and Wine.
        assert.equal(process.platform, "win32");
        assert.equal((error as { code: string }).code, "TARGET_IN_USE");
        assert.equal(readFileSync(target, "utf8"), "old");
      } finally {
        closeSync(reader);
      }
      await swapFile(target, { data: "newer" });
      assert.equal(readFileSync(target, "utf8"), "newer");
      assert.deepEqual(readdirSync(folder), ["target"]);
    },
  },
  {
    name: "a swap that fails leaves the target as it was",
    async run({ package: { swapFile }, folder }) {
      const target = join(folder, "target");
      writeFileSync(target, "old");
      const prepare = () => {
        throw new Error("signing failed");
      };
      await assert.rejects(swapFile(target, { data: "new", prepare }), { code: "PREPARE_FAILED" });
      await assert.rejects(swapFile(target, { source: join(folder, "none") }), {
        code: "SOURCE_MISSING",
      });
      await assert.rejects(swapFile(folder, { data: "new" }), { code: "TARGET_IS_DIRECTORY" });
      await assert.rejects(swapFile(join(folder, "none", "target"), { data: "new" }), {
        code: "DIRECTORY_MISSING",
      });
      assert.equal(readFileSync(target, "utf8"), "old");
      assert.deepEqual(readdirSync(folder), ["target"]);
    },
  },
  {
    name: "a database that is open here is refused; closed, it is synced, swapped, renamed, removed",
    async run({ package: latchdb, folder }) {
      const [file, renamed] = [join(folder, "test.db"), join(folder, "renamed.db")];
      const client = latchdb.createClient({ url: `file:${file}` });
      await client.execute("CREATE TABLE t (a)");
      const refused = { code: "FILE_IS_OPEN_DATABASE" };
      await assert.rejects(latchdb.fsyncFile(file), refused);
      await assert.rejects(latchdb.swapFile(file, { data: "new" }), refused);
      await assert.rejects(latchdb.renameDurably(file, renamed), refused);
      await assert.rejects(latchdb.removeWithRetry(file), refused);
      client.close();
      await latchdb.fsyncFile(file);
      await latchdb.swapFile(file, { data: readFileSync(file) });
      await latchdb.renameDurably(file, renamed);
      await latchdb.fsyncDirectory(folder);
      assert.equal(await latchdb.removeWithRetry(renamed), true);
      assert.equal(await latchdb.removeWithRetry(renamed), false);
    },
  },
];

/** Only Windows refuses to replace what others have open. */
const onWindows: SmokeCase[] = [
  {
    name: "a target that another process has open is waited for, no longer than it is told",
    async run(place) {
      const { swapFile } = place.package;
      const target = join(place.folder, "test.db");
      const holder = await startHolder(place.packageFolder, target);
      await assert.rejects(swapFile(target, { data: "new", retryMs: 100 }), {
        code: "TARGET_IN_USE",
        step: "rename",
        committed: false,
      });
      const swapped = swapFile(target, {
        data: "new",
        onProgress: ({ step }) => step === "rename" && holder.stdin.end(),
      });
      assert.equal((await swapped).committed, true);
      assert.equal(readFileSync(target, "utf8"), "new");
      await ended(holder);
    },
  },
  {
    name: "a program that runs is refused at once, or moved aside",
    async run({ package: { swapFile }, folder }) {
      const target = join(folder, "program.exe");
      copyFileSync(process.execPath, target);
      const script = "process.stdout.write('runs'); process.stdin.resume()";
      const running = start(target, ["--eval", script]);
      await once(running.stdout, "data");
      await assert.rejects(swapFile(target, { data: "new" }), { code: "TARGET_IN_USE_AS_IMAGE" });
      await swapFile(target, { data: "new", moveAside: true });
      assert.equal(readFileSync(target, "utf8"), "new");
      running.stdin.end();
      await ended(running);
      await swapFile(target, { data: "newer" });
      assert.deepEqual(readdirSync(folder), ["program.exe"], "what was moved aside is swept");
    },
  },
];

export const swapping = [...everywhere, ...(process.platform === "win32" ? onWindows : [])];
