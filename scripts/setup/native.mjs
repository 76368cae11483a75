import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fingerprint } from "../support/fingerprint.mjs";
import { root } from "../support/root.mjs";
import { ask, runOrExplain } from "../support/run.mjs";
import { Stamp } from "../support/stamp.mjs";
import { npm } from "../support/tools.mjs";

const SOURCES = ["Cargo.toml", "Cargo.lock", "build.rs", ".cargo/config.toml", "src"];

/** Identifies sources and binary, so that a debug build or a copied binary is not taken for this build. */
const stamp = new Stamp("build/native.stamp");

/** Builds the release addon unless it is up to date. Without cargo, uses a prebuilt one. */
export async function buildNative() {
  if (!hasCargo()) return usePrebuilt();
  if (wasBuiltHere()) return "as built from these sources";
  const [command, ...args] = npm();
  console.log("     building the release addon, SQLite included: some minutes the first time");
  const { code } = await runOrExplain(command, [...args, "run", "--silent", "build:native"], {
    describe: () => "cargo build --release",
    minutes: 25,
  });
  if (code !== 0) {
    throw new Error(
      "the build failed: see cargo's output above. It needs the Rust version that " +
        "Cargo.toml names, and a C compiler (cc, clang or Visual Studio's) for SQLite",
    );
  }
  stamp.write(currentState());
  return "built the release addon";
}

/** Whether cargo is installed. */
export function hasCargo() {
  return ask("cargo", ["--version"]) !== undefined;
}

/** Whether the addon was built here, from these sources. */
export function wasBuiltHere() {
  return binaries().length > 0 && stamp.is(currentState());
}

function usePrebuilt() {
  const open = ["--eval", "process.dlopen({ exports: {} }, process.argv[1])"];
  const isUsable = (name) => ask(process.execPath, [...open, join(root, name)]) !== undefined;
  if (binaries().some(isUsable)) {
    return "using the prebuilt binary (cargo is not installed)";
  }
  throw new Error(
    "there is no binary for this platform, and cargo is not installed to build one. Install Rust " +
      "(https://rustup.rs) and a C compiler, or put a prebuilt latchdb.<platform>.node here",
  );
}

function binaries() {
  return readdirSync(root).filter((name) => /^latchdb\..*\.node$/.test(name));
}

function currentState() {
  return `${fingerprint(SOURCES)} ${fingerprint(binaries())}\n`;
}
