import { readFile } from "node:fs/promises";
import test from "ava";
import { makeElf } from "./fixtures/elf.mjs";
import { makeMachO } from "./fixtures/mach-o.mjs";
import type { Contents } from "./fixtures/parts.mjs";
import { makePe } from "./fixtures/pe.mjs";
import { checkBinary, targets, type Target } from "./scripts.mjs";

// Files made up for the purpose: each says one thing of itself that it must not.

const config = await readFile(new URL("../../../.cargo/config.toml", import.meta.url), "utf8");
const sqliteOptions = [...config.matchAll(/-DSQLITE_(\S+)/g)].map(([, option]) => option ?? "");

type Options = Partial<Parameters<typeof makeElf>[0] & Parameters<typeof makeMachO>[0]>;

const MACHINES = {
  linux: { x64: 62, arm64: 183 },
  win32: { x64: 0x8664, arm64: 0xaa64 },
  darwin: { x64: 0x01000007, arm64: 0x0100000c },
};

/** What a good binary of the target says, and what it is to say otherwise. */
function make(target: Target, options: Options = {}): Buffer {
  const contents: Contents = {
    machine: MACHINES[target.platform][target.arch],
    isSharedLibrary: true,
    libraries: [systemLibrary(target)],
    imports: [{ name: "malloc", library: 0 }],
    exports: ["napi_register_module_v1"],
    hasDebugSymbols: false,
    texts: sqliteOptions,
  };
  switch (target.platform) {
    case "linux": {
      const imports =
        target.libc === "musl"
          ? [{ name: "malloc" }]
          : [{ name: "malloc", library: 0, version: "GLIBC_2.17" }];
      return makeElf({ ...contents, imports, staysLoaded: true, ...options });
    }
    case "win32":
      return makePe({ ...contents, ...options });
    case "darwin":
      return makeMachO({ ...contents, oldestSystem: [11, 0], isSigned: true, ...options });
  }
}

function systemLibrary({ platform, libc }: Target): string {
  if (platform === "linux") return libc === "musl" ? "libc.so" : "libc.so.6";
  return platform === "win32" ? "KERNEL32.dll" : "/usr/lib/libSystem.B.dylib";
}

function named(name: string): Target {
  const target = targets.find((candidate) => candidate.name === name);
  if (target === undefined) throw new Error(`no target ${name}`);
  return target;
}

const on = (platform: Target["platform"]): Target[] =>
  targets.filter((target) => target.platform === platform);

test("the options that SQLite is compiled with are found in the configuration", (t) => {
  t.true(sqliteOptions.includes("DQS=0"));
});

for (const target of targets) {
  test(`${target.name}: a good one is accepted, also with Node-API's symbols`, (t) => {
    t.deepEqual(checkBinary(target, make(target)).problems, []);
    if (target.platform === "win32") return; // There, each symbol belongs to a DLL.
    const imports = [{ name: "napi_create_object" }, { name: "node_api_get_module_file_name" }];
    t.deepEqual(checkBinary(target, make(target, { imports })).problems, []);
  });

  test(`${target.name}: those of all other targets are refused`, (t) => {
    for (const other of targets.filter((candidate) => candidate !== target)) {
      const { problems } = checkBinary(target, make(other));
      t.is(problems.length > 0, true, other.name);
    }
  });

  test(`${target.name}: one for another machine is refused`, (t) => {
    const arch = target.arch === "x64" ? "arm64" : "x64";
    const bytes = make(target, { machine: MACHINES[target.platform][arch] });
    t.deepEqual(checkBinary(target, bytes).problems, [`it is for ${arch}, not for ${target.arch}`]);
    t.deepEqual(checkBinary(target, make(target, { machine: 40 })).problems, [
      `it is for 40, not for ${target.arch}`,
    ]);
  });

  test(`${target.name}: one that is too large is refused`, (t) => {
    const bytes = Buffer.concat([make(target), Buffer.alloc(4_000_000)]);
    t.deepEqual(checkBinary(target, bytes).problems, ["it has 4.0 MB, over 4"]);
  });

  test(`${target.name}: what is no stripped addon is refused`, (t) => {
    const problemsOf = (options: Options): string[] =>
      checkBinary(target, make(target, options)).problems;
    t.deepEqual(problemsOf({ isSharedLibrary: false }), ["it is no shared library"]);
    t.deepEqual(problemsOf({ exports: ["sqlite3_extension_init"] }), [
      "it is no addon: it does not export napi_register_module_v1",
    ]);
    t.deepEqual(problemsOf({ hasDebugSymbols: true }), ["it is not stripped"]);
  });

  test(`${target.name}: one with SQLite compiled otherwise is refused`, (t) => {
    const texts = sqliteOptions.map((option) => (option === "DQS=0" ? "DQS=3" : option));
    t.deepEqual(checkBinary(target, make(target, { texts })).problems, [
      "SQLite was compiled without DQS=0 (.cargo/config.toml)",
    ]);
  });

  test(`${target.name}: one that needs a library which has to be installed is refused`, (t) => {
    const foreign = { linux: "libstdc++.so.6", win32: "VCRUNTIME140.dll", darwin: "/opt/z.dylib" };
    const library = foreign[target.platform];
    const bytes = make(target, { libraries: [systemLibrary(target), library] });
    t.deepEqual(checkBinary(target, bytes).problems, [
      `it needs ${library}, which not every system has`,
    ]);
  });

  test(`${target.name}: what is cut off, empty or no binary is refused, and nothing throws`, (t) => {
    const bytes = make(target);
    for (let size = 0; size < bytes.length; size += 7) {
      t.is(checkBinary(target, bytes.subarray(0, size)).problems.length > 0, true, `${size} bytes`);
    }
    t.deepEqual(checkBinary(target, Buffer.from("#!/bin/sh\n")).problems, [
      "it is no 64-bit ELF, PE or Mach-O file",
    ]);
  });
}

for (const target of [named("linux-x64-gnu"), named("linux-arm64-gnu"), ...on("darwin")]) {
  test(`${target.name}: a symbol that nobody has is refused, unless it may be missing`, (t) => {
    const problemsOf = (isOptional: boolean): string[] => {
      const imports = [{ name: "uv_default_loop", isOptional }];
      return checkBinary(target, make(target, { imports })).problems;
    };
    t.deepEqual(problemsOf(false), [
      "it imports uv_default_loop, which is neither Node-API's nor a system library's",
    ]);
    t.deepEqual(problemsOf(true), []);
  });
}

for (const target of on("linux")) {
  test(`${target.name}: one that dlclose would unload is refused`, (t) => {
    t.deepEqual(checkBinary(target, make(target, { staysLoaded: false })).problems, [
      "it may be unloaded: DF_1_NODELETE is missing (.cargo/config.toml, `-z nodelete`)",
    ]);
  });
}

for (const name of ["linux-x64-gnu", "linux-arm64-gnu"]) {
  test(`${name}: one that asks for a newer glibc is refused; the newest that it asks for is told`, (t) => {
    const target = named(name);
    const asking = (...versions: string[]): Buffer =>
      make(target, {
        imports: versions.map((version, index) => ({ name: `f${index}`, library: 0, version })),
      });
    t.is(checkBinary(target, asking("GLIBC_2.9", "GLIBC_2.14", "GLIBC_2.2.5")).glibc, "2.14");
    t.deepEqual(checkBinary(target, asking("GLIBC_2.2.5", "GLIBC_2.28")).problems, [
      "it asks for glibc 2.28, newer than 2.17",
    ]);
  });
}

test("a binary for musl that asks for glibc's symbols is refused", (t) => {
  const target = named("linux-x64-musl");
  const imports = [{ name: "malloc", library: 0, version: "GLIBC_2.2.5" }];
  t.deepEqual(checkBinary(target, make(target, { imports })).problems, ["it asks for glibc"]);
});

for (const target of on("darwin")) {
  test(`${target.name}: one that asks for a newer macOS is refused`, (t) => {
    t.deepEqual(checkBinary(target, make(target, { oldestSystem: [12, 3] })).problems, [
      "it asks for macOS 12.3, newer than 11.0",
    ]);
  });
}

test("a binary for Apple silicon that is not signed is refused", (t) => {
  const target = named("darwin-arm64");
  t.deepEqual(checkBinary(target, make(target, { isSigned: false })).problems, [
    "it is not signed: no Mac would load it",
  ]);
});
