/**
 * Where a binary may be. Each platform has a `require` of its own, with nothing computed, so that
 * bundlers and `bun build --compile` find what is installed; and it stands inside a `try`, which is
 * where they let a file be missing.
 */
import { join } from "node:path";
import { binaryName } from "./platform";

/** What became of opening a binary. */
export type Opened = { exports: unknown } | { problem: unknown };

/** The folder of this package. In an ES module that a bundler made there is no telling. */
export const packageRoot =
  typeof __dirname === "string" ? join(__dirname, "..", "..") : process.cwd();

/** Where the binary is that was built here, or put here by `latchdb-install`. */
export function localBinary(triple: string): string {
  return join(packageRoot, binaryName(triple));
}

/** The package that brings the binary for a platform. */
export function bindingPackage(triple: string): string {
  return `@latchdb/binding-${triple}`;
}

/** Opens a file, whatever it is called. */
export function openFile(path: string): Opened {
  const loaded = { exports: {} };
  try {
    process.dlopen(loaded, path);
    return loaded;
  } catch (problem) {
    return { problem };
  }
}

/** Opens {@link localBinary}. */
export function openLocal(triple: string): Opened {
  try {
    switch (triple) {
      case "darwin-arm64":
        return { exports: require("../../latchdb.darwin-arm64.node") };
      case "darwin-x64":
        return { exports: require("../../latchdb.darwin-x64.node") };
      case "linux-arm64-gnu":
        return { exports: require("../../latchdb.linux-arm64-gnu.node") };
      case "linux-arm64-musl":
        return { exports: require("../../latchdb.linux-arm64-musl.node") };
      case "linux-x64-gnu":
        return { exports: require("../../latchdb.linux-x64-gnu.node") };
      case "linux-x64-musl":
        return { exports: require("../../latchdb.linux-x64-musl.node") };
      case "win32-arm64-msvc":
        return { exports: require("../../latchdb.win32-arm64-msvc.node") };
      case "win32-x64-msvc":
        return { exports: require("../../latchdb.win32-x64-msvc.node") };
      default:
        // None is published for it: one that was built from source, outside of any bundle.
        return openFile(localBinary(triple));
    }
  } catch (problem) {
    return { problem };
  }
}

/** Opens the binary of {@link bindingPackage}; undefined where there is no such package. */
export function openPackage(triple: string): Opened | undefined {
  try {
    switch (triple) {
      case "darwin-arm64":
        return { exports: require("@latchdb/binding-darwin-arm64") };
      case "darwin-x64":
        return { exports: require("@latchdb/binding-darwin-x64") };
      case "linux-arm64-gnu":
        return { exports: require("@latchdb/binding-linux-arm64-gnu") };
      case "linux-arm64-musl":
        return { exports: require("@latchdb/binding-linux-arm64-musl") };
      case "linux-x64-gnu":
        return { exports: require("@latchdb/binding-linux-x64-gnu") };
      case "linux-x64-musl":
        return { exports: require("@latchdb/binding-linux-x64-musl") };
      case "win32-arm64-msvc":
        return { exports: require("@latchdb/binding-win32-arm64-msvc") };
      case "win32-x64-msvc":
        return { exports: require("@latchdb/binding-win32-x64-msvc") };
      default:
        return undefined;
    }
  } catch (problem) {
    return { problem };
  }
}
