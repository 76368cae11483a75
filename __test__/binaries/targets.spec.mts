import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import test from "ava";
import { binaryName, packageFolder, targets } from "./scripts.mjs";

interface Manifest {
  name: string;
  version: string;
  main: string;
  files: string[];
  os: string[];
  cpu: string[];
  libc?: string[];
}

const require = createRequire(import.meta.url);
const main = require("../../../package.json") as { version: string; napi: { targets: string[] } };

test("the targets of the scripts are those that napi-rs generates the loader for", (t) => {
  t.deepEqual(targets.map(({ triple }) => triple).sort(), [...main.napi.targets].sort());
});

for (const target of targets) {
  test(`${target.name}: its package is for its system alone, and asks for its binary`, async (t) => {
    const file = join(packageFolder(target), "package.json");
    const manifest = JSON.parse(await readFile(file, "utf8")) as Manifest;
    t.is(manifest.name, `@latchdb/binding-${target.name}`);
    t.is(manifest.version, main.version);
    t.is(manifest.main, binaryName(target));
    t.true(manifest.files.includes(binaryName(target)));
    t.deepEqual(manifest.os, [target.platform]);
    t.deepEqual(manifest.cpu, [target.arch]);
    t.deepEqual(manifest.libc, target.libc === undefined ? undefined : [target.libc]);
  });
}
