import { chmodSync, existsSync } from "node:fs";
import { join } from "node:path";
import { root } from "../support/root.mjs";
import { ask, run } from "../support/run.mjs";

/**
 * Finds Bun's program. It is in a package for this platform (`@oven/bun-<os>-<cpu>`); the `bun`
 * package's install script, which we do not run, would only move it.
 *
 * @returns {Promise<{ path: string, version: string } | undefined>}
 */
export async function findBun() {
  const installed = firstThatRuns();
  if (installed !== undefined) return installed;
  const script = join(root, "node_modules", "bun", "install.js");
  if (!existsSync(script)) return undefined;
  // If npm left out the platform's package, the script fetches it.
  await run(process.execPath, [script], { describe: () => "bun/install.js", minutes: 5 });
  return firstThatRuns();
}

/** The first candidate that runs here: the others are for another libc or CPU. */
function firstThatRuns() {
  for (const path of candidates().filter((candidate) => existsSync(candidate))) {
    if (process.platform !== "win32") chmodSync(path, 0o755);
    const version = ask(path, ["--version"]);
    if (version !== undefined && /^\d+\./.test(version)) return { path, version };
  }
  return undefined;
}

function candidates() {
  const os = process.platform === "win32" ? "windows" : process.platform;
  const cpu = process.arch === "arm64" ? "aarch64" : process.arch;
  const program = process.platform === "win32" ? "bun.exe" : "bun";
  const packages = ["", "-musl", "-baseline", "-musl-baseline"].map((kind) =>
    join(root, "node_modules", "@oven", `bun-${os}-${cpu}${kind}`, "bin", program),
  );
  // Bun's install script uses this name on every platform.
  return [...packages, join(root, "node_modules", "bun", "bin", "bun.exe")];
}
