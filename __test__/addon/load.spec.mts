/** Which binary the loader takes, on platforms and in states that are made up. */
import test from "ava";
import { internal } from "../support/internals.mjs";

type Opened = { exports: unknown } | { problem: unknown };
interface Platform {
  os: string;
  cpu: string;
  isMusl: boolean;
}

const { loadAddon } = internal<{ loadAddon(surroundings: unknown): unknown }>("addon/load");
const { tripleOf } = internal<{ tripleOf(platform: Platform): string }>("addon/platform");

const VERSION = "1.2.3";
const linux: Platform = { os: "linux", cpu: "x64", isMusl: false };

/** What is to be found, by where it is: `local`, `package`, or the path of the override. */
interface State {
  platform?: Platform;
  override?: string;
  local?: Opened;
  package?: Opened;
  file?: Opened;
  hasNoPackage?: boolean;
}

/** Loads in a made-up state, and tells what was looked at. */
function load(state: State): { loaded?: unknown; error?: Error; looked: string[] } {
  const looked: string[] = [];
  const look = (where: string, opened: Opened = missing()): Opened => {
    looked.push(where);
    return opened;
  };
  const surroundings = {
    version: VERSION,
    platform: state.platform ?? linux,
    runtime: "Node v99",
    override: state.override,
    localBinary: (triple: string) => `/app/latchdb.${triple}.node`,
    bindingPackage: (triple: string) => `@latchdb/binding-${triple}`,
    openFile: (path: string) => look(path, state.file),
    openLocal: (triple: string) => look(`local ${triple}`, state.local),
    openPackage: (triple: string) =>
      state.hasNoPackage ? undefined : look(`package ${triple}`, state.package),
  };
  try {
    return { loaded: loadAddon(surroundings), looked };
  } catch (error) {
    return { error: error as Error, looked };
  }
}

function missing(): Opened {
  return { problem: Object.assign(new Error("Cannot find module"), { code: "MODULE_NOT_FOUND" }) };
}

function binary(version: string): { exports: { version(): string } } {
  return { exports: { version: () => version } };
}

test("the names of the platforms are those of the packages", (t) => {
  const triple = (os: string, cpu: string, isMusl = false): string => tripleOf({ os, cpu, isMusl });
  t.deepEqual(
    [
      triple("darwin", "arm64"),
      triple("darwin", "x64"),
      triple("linux", "arm64"),
      triple("linux", "arm64", true),
      triple("linux", "x64"),
      triple("linux", "x64", true),
      triple("win32", "arm64"),
      triple("win32", "x64"),
      triple("linux", "arm"),
      triple("freebsd", "x64"),
    ],
    [
      "darwin-arm64",
      "darwin-x64",
      "linux-arm64-gnu",
      "linux-arm64-musl",
      "linux-x64-gnu",
      "linux-x64-musl",
      "win32-arm64-msvc",
      "win32-x64-msvc",
      "linux-arm-gnueabihf",
      "freebsd-x64",
    ],
  );
});

test("the binary beside our own files comes first", (t) => {
  const local = binary(VERSION);
  const { loaded, looked } = load({ local, package: binary(VERSION) });
  t.is(loaded, local.exports);
  t.deepEqual(looked, ["local linux-x64-gnu"]);
});

test("then the platform's package", (t) => {
  const installed = binary(VERSION);
  const { loaded, looked } = load({
    package: installed,
    platform: { os: "linux", cpu: "arm64", isMusl: true },
  });
  t.is(loaded, installed.exports);
  t.deepEqual(looked, ["local linux-arm64-musl", "package linux-arm64-musl"]);
});

test("the override is taken, and nothing else is looked at", (t) => {
  const file = binary(VERSION);
  const { loaded, looked } = load({ override: "/opt/it.node", file, local: binary(VERSION) });
  t.is(loaded, file.exports);
  t.deepEqual(looked, ["/opt/it.node"]);
});

test("an override that cannot be loaded is an error, whatever else is there", (t) => {
  const cause = new Error("wrong ELF class");
  const { error, looked } = load({
    override: "/opt/it.node",
    file: { problem: cause },
    local: binary(VERSION),
  });
  t.deepEqual(looked, ["/opt/it.node"]);
  t.regex(error?.message ?? "", /NAPI_RS_NATIVE_LIBRARY_PATH=\/opt\/it\.node: .*wrong ELF class/);
  t.is(error?.cause, cause);
});

test("a binary of another version is passed over", (t) => {
  const installed = binary(VERSION);
  t.is(load({ local: binary("1.2.2"), package: installed }).loaded, installed.exports);
  t.is(load({ local: { exports: {} }, package: installed }).loaded, installed.exports);
});

test("where only another version is there, the error says so", (t) => {
  const { error } = load({ package: binary("1.2.2") });
  t.regex(
    error?.message ?? "",
    /@latchdb\/binding-linux-x64-gnu: is of version 1\.2\.2, and this is latchdb 1\.2\.3/,
  );
});

test("the error names the platform, all that was tried and why, and what to do", (t) => {
  const cause = new Error("version `GLIBC_2.28' not found");
  const { error } = load({ package: { problem: cause } });
  t.is(error?.name, "AddonNotLoadedError");
  t.is((error as Error & { code: string }).code, "ADDON_NOT_LOADED");
  t.is(error?.cause, cause);
  t.is(
    error?.message,
    `latchdb 1.2.3 could load no binary for linux-x64-gnu (Node v99). Tried:
  - /app/latchdb.linux-x64-gnu.node: not there
  - @latchdb/binding-linux-x64-gnu: cannot be loaded: version \`GLIBC_2.28' not found
What to do:
  - install again, with optional dependencies: they bring @latchdb/binding-linux-x64-gnu
  - fetch the binary of this release: npx latchdb-install
  - build it, with Rust and a C compiler: npx latchdb-install --build-from-source`,
  );
});

test("on a platform without a package the advice is to build", (t) => {
  const { error } = load({
    platform: { os: "freebsd", cpu: "x64", isMusl: false },
    hasNoPackage: true,
  });
  t.regex(error?.message ?? "", /none on npm for freebsd-x64: .*--build-from-source/);
  t.notRegex(error?.message ?? "", /install again|fetch the binary/);
});
