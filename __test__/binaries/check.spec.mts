import { readFile } from "node:fs/promises";
import test from "ava";
import { newestGlibc, problemsOf, targets, type Facts, type Target } from "./scripts.mjs";

// The facts of good binaries, each with one that must not be. That xtask reads them from files is
// tested there.

const config = await readFile(new URL("../../../.cargo/config.toml", import.meta.url), "utf8");
const sqliteOptions = [...config.matchAll(/-DSQLITE_(\S+)/g)].map(([, option]) => option ?? "");

const FORMATS = { linux: "ELF", win32: "PE", darwin: "Mach-O" };

/** What a good binary of the target says, and what it is to say otherwise. */
function facts(target: Target, others: Partial<Facts> = {}): Facts {
  const library = target.libc === "musl" ? undefined : systemLibrary(target);
  const version = target.libc === "glibc" ? "GLIBC_2.17" : undefined;
  return {
    format: FORMATS[target.platform],
    machine: target.arch,
    isSharedLibrary: true,
    libraries: [systemLibrary(target)],
    imports: [{ name: "malloc", library, version, isOptional: false }],
    exports: ["napi_register_module_v1"],
    hasDebugSymbols: false,
    ...(target.platform === "linux" ? { staysLoaded: true } : {}),
    ...(target.platform === "darwin" ? { oldestSystem: "11.0", isSigned: true } : {}),
    ...others,
  };
}

const file = (texts: string[]): Buffer => Buffer.from(texts.map((text) => `\0${text}\0`).join(""));
const good = file(sqliteOptions);

/** The problems of a binary that is good but for these facts. */
function problems(target: Target, others: Partial<Facts> = {}, bytes = good): string[] {
  return [...problemsOf(target, facts(target, others), bytes)];
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
    t.deepEqual(problems(target), []);
    const names = ["napi_create_object", "node_api_get_module_file_name"];
    const imports = names.map((name) => ({ name, isOptional: false }));
    t.deepEqual(problems(target, { imports }), []);
  });

  test(`${target.name}: those of all other targets are refused`, (t) => {
    for (const other of targets.filter((candidate) => candidate !== target)) {
      t.is([...problemsOf(target, facts(other), good)].length > 0, true, other.name);
    }
  });

  test(`${target.name}: one for another machine is refused`, (t) => {
    const machine = target.arch === "x64" ? "arm64" : "x64";
    const expected = [`it is for ${machine}, not for ${target.arch}`];
    t.deepEqual(problems(target, { machine }), expected);
  });

  test(`${target.name}: one that is too large is refused`, (t) => {
    const bytes = Buffer.concat([good, Buffer.alloc(4_500_000)]);
    t.deepEqual(problems(target, {}, bytes), ["it has 4.5 MB, over 4.5"]);
  });

  test(`${target.name}: what is no stripped addon is refused`, (t) => {
    t.deepEqual(problems(target, { isSharedLibrary: false }), ["it is no shared library"]);
    t.deepEqual(problems(target, { exports: ["sqlite3_extension_init"] }), [
      "it is no addon: it does not export napi_register_module_v1",
    ]);
    t.deepEqual(problems(target, { hasDebugSymbols: true }), ["it is not stripped"]);
  });

  test(`${target.name}: one with SQLite compiled otherwise is refused`, (t) => {
    const options = sqliteOptions.map((option) => (option === "DQS=0" ? "DQS=3" : option));
    t.deepEqual(problems(target, {}, file(options)), [
      "SQLite was compiled without DQS=0 (.cargo/config.toml)",
    ]);
  });

  test(`${target.name}: one that needs a library which has to be installed is refused`, (t) => {
    const foreign = { linux: "libstdc++.so.6", win32: "VCRUNTIME140.dll", darwin: "/opt/z.dylib" };
    const library = foreign[target.platform];
    t.deepEqual(problems(target, { libraries: [systemLibrary(target), library] }), [
      `it needs ${library}, which not every system has`,
    ]);
  });

  test(`${target.name}: what cannot be read is refused, with the reason`, (t) => {
    const problem = "it is no 64-bit ELF, PE or Mach-O file";
    t.deepEqual([...problemsOf(target, { problem } as Facts, good)], [problem]);
  });
}

for (const target of [named("linux-x64-gnu"), named("linux-arm64-gnu"), ...on("darwin")]) {
  test(`${target.name}: a symbol that nobody has is refused, unless it may be missing`, (t) => {
    const importing = (isOptional: boolean): string[] =>
      problems(target, { imports: [{ name: "uv_default_loop", isOptional }] });
    t.deepEqual(importing(false), [
      "it imports uv_default_loop, which is neither Node-API's nor a system library's",
    ]);
    t.deepEqual(importing(true), []);
  });
}

for (const target of on("linux")) {
  test(`${target.name}: one that dlclose would unload is refused`, (t) => {
    t.deepEqual(problems(target, { staysLoaded: false }), [
      "it may be unloaded: DF_1_NODELETE is missing (.cargo/config.toml, `-z nodelete`)",
    ]);
  });
}

/** A binary that wants symbols of these versions. */
function asking(...versions: string[]): Partial<Facts> {
  const library = "libc.so.6";
  return {
    imports: versions.map((version) => ({ name: "f", library, version, isOptional: false })),
  };
}

for (const name of ["linux-x64-gnu", "linux-arm64-gnu"]) {
  test(`${name}: one that asks for a newer glibc is refused; the newest that it asks for is told`, (t) => {
    const target = named(name);
    const old = asking("GLIBC_2.9", "GLIBC_2.14", "GLIBC_2.2.5");
    t.is(newestGlibc(facts(target, old)), "2.14");
    t.deepEqual(problems(target, asking("GLIBC_2.2.5", "GLIBC_2.28")), [
      "it asks for glibc 2.28, newer than 2.17",
    ]);
  });
}

test("a binary for musl that asks for glibc's symbols is refused", (t) => {
  t.deepEqual(problems(named("linux-x64-musl"), asking("GLIBC_2.2.5")), ["it asks for glibc"]);
});

for (const target of on("darwin")) {
  test(`${target.name}: one that asks for a newer macOS is refused`, (t) => {
    t.deepEqual(problems(target, { oldestSystem: "12.3" }), [
      "it asks for macOS 12.3, newer than 11.0",
    ]);
  });
}

test("a binary for Apple silicon that is not signed is refused", (t) => {
  t.deepEqual(problems(named("darwin-arm64"), { isSigned: false }), [
    "it is not signed: no Mac would load it",
  ]);
});
