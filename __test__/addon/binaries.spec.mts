/** The parts that are written down more than once: platforms, versions. */
import { readdirSync, readFileSync } from "node:fs";
import test from "ava";
import { internal } from "../support/internals.mjs";

const root = new URL("../../../", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), "utf8");

interface Manifest {
  name: string;
  version: string;
  main: string;
  os: string[];
  cpu: string[];
  libc?: string[];
  files: string[];
  scripts?: Record<string, string>;
}

const main = JSON.parse(read("package.json")) as Manifest;
const triples = readdirSync(new URL("npm/", root)).sort();
const { openPackage } = internal<{ openPackage(triple: string): unknown }>("addon/binaries");
const { tripleOf } = internal<{
  tripleOf(platform: {
    os?: string | undefined;
    cpu?: string | undefined;
    isMusl: boolean;
  }): string;
}>("addon/platform");

test("there are packages for the eight platforms", (t) => {
  t.deepEqual(triples, [
    "darwin-arm64",
    "darwin-x64",
    "linux-arm64-gnu",
    "linux-arm64-musl",
    "linux-x64-gnu",
    "linux-x64-musl",
    "win32-arm64-msvc",
    "win32-x64-msvc",
  ]);
});

for (const triple of triples) {
  const manifest = JSON.parse(read(`npm/${triple}/package.json`)) as Manifest;

  test(`the package for ${triple} is for that platform alone`, (t) => {
    const { os, cpu, libc } = manifest;
    t.is(manifest.name, `@latchdb/binding-${triple}`);
    t.is(manifest.version, main.version);
    t.is(manifest.main, `latchdb.${triple}.node`);
    t.deepEqual([os.length, cpu.length], [1, 1]);
    t.is(tripleOf({ os: os[0], cpu: cpu[0], isMusl: libc?.[0] === "musl" }), triple);
    t.deepEqual(libc, os[0] === "linux" ? [triple.endsWith("musl") ? "musl" : "glibc"] : undefined);
    t.is(manifest.scripts, undefined);
  });

  test(`the loader has a require of its own for ${triple}`, (t) => {
    t.not(openPackage(triple), undefined);
    const source = read("dist/addon/binaries.js");
    t.true(source.includes(`require("../../latchdb.${triple}.node")`));
    t.true(source.includes(`require("@latchdb/binding-${triple}")`));
  });
}

test("the Rust part is of the same version", (t) => {
  const version = new RegExp(`^name = "latchdb"\nversion = "${main.version}"$`, "m");
  t.regex(read("Cargo.toml"), version);
  t.regex(read("Cargo.lock"), version);
});

test("nothing runs when the package is installed", (t) => {
  const hooks = ["preinstall", "install", "postinstall", "prepare"];
  t.deepEqual(
    hooks.filter((hook) => main.scripts?.[hook] !== undefined),
    [],
  );
  t.false(readdirSync(root).includes("binding.gyp"), "npm would build it with node-gyp");
});
