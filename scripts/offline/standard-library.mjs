import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { ask, runOrExplain } from "../support/run.mjs";
import { NotHere } from "../binaries/not-here.mjs";
import { crossFolder } from "../binaries/zig.mjs";

/** Names the standard library's source: the `library` folder of Rust, or an archive of it. */
const SOURCE_VARIABLE = "RUST_LIBRARY_SOURCE";

/**
 * Provides the standard library for a target: the one that `rustup target add` installed, or one
 * built here from the source of the same Rust version.
 *
 * @param {string} triple
 * @returns {Promise<Record<string, string>>} the environment in which cargo finds it
 * @throws {NotHere} if there is neither
 */
export async function standardLibraryFor(triple) {
  const rust = installedRust();
  if (hasStandardLibrary(rust.sysroot, triple)) return {};
  const own = join(crossFolder, `rust-${rust.version}`);
  const sysroot = join(own, "sysroot");
  if (!hasStandardLibrary(sysroot, triple)) {
    if (process.platform === "win32") throw new NotHere(howToGet(triple));
    provideSource(rust, sysroot, triple);
    await buildStandardLibrary(rust, own, triple);
  }
  return { RUSTC: rustcWith(rust, own) };
}

function installedRust() {
  const sysroot = ask("rustc", ["--print", "sysroot"]);
  const about = ask("rustc", ["--version", "--verbose"]);
  if (sysroot === undefined || about === undefined) {
    throw new NotHere("Rust is missing: https://rustup.rs installs it");
  }
  const [, version] = /^release: (.+)$/m.exec(about);
  const [, host] = /^host: (.+)$/m.exec(about);
  return { sysroot, version, host };
}

function hasStandardLibrary(sysroot, triple) {
  const folder = libraryFolder(sysroot, triple);
  return existsSync(folder) && readdirSync(folder).some((name) => /^libstd-.*\.rlib$/.test(name));
}

function libraryFolder(sysroot, triple) {
  return join(sysroot, "lib", "rustlib", triple, "lib");
}

function sourceFolder(sysroot) {
  return join(sysroot, "lib", "rustlib", "src", "rust", "library");
}

function howToGet(triple) {
  return `there is no standard library for it: \`rustup target add ${triple}\``;
}

/** Puts the source into the sysroot, where cargo looks for it. */
function provideSource(rust, sysroot, triple) {
  const place = sourceFolder(sysroot);
  if (existsSync(join(place, "std"))) return;
  const source = findSource(rust, triple);
  rmSync(place, { recursive: true, force: true });
  mkdirSync(dirname(place), { recursive: true });
  if (statSync(source).isDirectory()) symlinkSync(source, place);
  else if (ask("tar", ["-C", dirname(place), "-xf", source]) === undefined) {
    throw new NotHere(`tar could not extract ${source}`);
  }
  if (existsSync(join(place, "std"))) return;
  rmSync(place, { recursive: true, force: true });
  throw new NotHere(`${source} does not hold Rust's library/std`);
}

/** The source's folder or archive: installed (`rustup component add rust-src`) or named. */
function findSource(rust, triple) {
  const installed = sourceFolder(rust.sysroot);
  if (existsSync(join(installed, "std"))) return installed;
  const named = process.env[SOURCE_VARIABLE];
  if (named === undefined) {
    throw new NotHere(
      `${howToGet(triple)}, or name the source of Rust ${rust.version}'s in ${SOURCE_VARIABLE}`,
    );
  }
  if (!existsSync(named)) throw new NotHere(`${SOURCE_VARIABLE} names ${named}: not found`);
  return resolve(named);
}

/**
 * Builds the standard library along with an empty crate, and keeps it as if it had been installed.
 * Only this step needs an unstable feature of cargo.
 */
async function buildStandardLibrary(rust, own, triple) {
  console.log(`     building Rust's standard library for ${triple}: a minute or two, once`);
  const targetFolder = join(own, "target");
  const flags = ["-Cembed-bitcode=yes"]; // link-time optimisation reads it
  if (triple.includes("musl")) flags.push("-Ctarget-feature=-crt-static");
  const { code } = await runOrExplain(
    "cargo",
    [
      "build",
      "--release",
      "--quiet",
      "--target",
      triple,
      "--manifest-path",
      emptyCrate(own),
    ].concat("-Zbuild-std=std,panic_abort,panic_unwind"),
    {
      describe: () => `cargo -Zbuild-std for ${triple}`,
      env: {
        RUSTC: rustcWith(rust, own),
        RUSTC_BOOTSTRAP: "1",
        CARGO_TARGET_DIR: targetFolder,
        CARGO_ENCODED_RUSTFLAGS: flags.join("\x1f"),
      },
    },
  );
  if (code !== 0) {
    throw new Error(`the standard library did not compile: is its source Rust ${rust.version}'s?`);
  }
  const built = join(targetFolder, triple, "release", "deps");
  const place = libraryFolder(join(own, "sysroot"), triple);
  const incomplete = `${place}.incomplete`;
  rmSync(incomplete, { recursive: true, force: true });
  mkdirSync(incomplete, { recursive: true });
  for (const name of readdirSync(built)) {
    const isLibrary = name.endsWith(".rlib") && !name.startsWith("libempty");
    if (isLibrary) copyFileSync(join(built, name), join(incomplete, name));
  }
  renameSync(incomplete, place);
  rmSync(targetFolder, { recursive: true });
}

function emptyCrate(own) {
  const folder = join(own, "empty");
  const manifest = join(folder, "Cargo.toml");
  mkdirSync(join(folder, "src"), { recursive: true });
  writeFileSync(
    manifest,
    '[package]\nname = "empty"\nversion = "0.0.0"\nedition = "2024"\n[workspace]\n',
  );
  writeFileSync(join(folder, "src", "lib.rs"), "");
  return manifest;
}

/**
 * The installed rustc with a sysroot of ours, which has its own standard library (for build scripts
 * and macros) and those built here.
 */
function rustcWith(rust, own) {
  const sysroot = join(own, "sysroot");
  const hostLibrary = join(sysroot, "lib", "rustlib", rust.host);
  mkdirSync(join(sysroot, "lib", "rustlib"), { recursive: true });
  rmSync(hostLibrary, { force: true });
  symlinkSync(join(rust.sysroot, "lib", "rustlib", rust.host), hostLibrary);
  const script = join(own, "rustc");
  const program = join(rust.sysroot, "bin", "rustc");
  writeFileSync(script, `#!/bin/sh\nexec "${program}" --sysroot "${sysroot}" "$@"\n`);
  chmodSync(script, 0o755);
  return script;
}
