/** Fetches the binary of this release, with prebuild-install. */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { InstallError, run, type Program } from "./command";
import { manifest } from "./manifest";
import type { Staging } from "./staging";
import { binaryName, currentPlatform } from "../addon/platform";

/**
 * What is fetched where the project does not have it. It is no dependency: who needs it is the rare
 * one for whom no platform package was installed, and it comes with 34 packages of its own.
 */
const PREBUILD_INSTALL = "prebuild-install@7.1.3";

/** In an environment variable of this name prebuild-install expects the address of a mirror. */
const HOST_VARIABLE = "npm_config_latchdb_binary_host";

const FROM_SOURCE = "With Rust and a C compiler: npx latchdb-install --build-from-source";

/**
 * Fetches into the staging folder.
 * @returns the path of the binary
 * @throws InstallError
 */
export async function fetchRelease(
  staging: Staging,
  triple: string,
  host: string | undefined,
  say: (line: string) => void,
): Promise<string> {
  const env = { ...process.env, ...(host === undefined ? {} : { [HOST_VARIABLE]: host }) };
  requireAddress(env);
  // All that prebuild-install reads of a package, which is what it takes the staging folder for.
  const { name, version, binary, repository } = manifest;
  const described = { name, version, binary, repository };
  writeFileSync(join(staging.path, "package.json"), JSON.stringify(described));
  const program = prebuildInstall();
  say(`fetching with ${[program.command, ...program.args].join(" ")}`);
  const { code, problem } = await run(
    { ...program, args: [...program.args, ...optionsOfPrebuildInstall()] },
    // Its cache is used once: it would keep a broken archive, and unpack it again next time.
    { cwd: staging.path, env: { ...env, npm_config_cache: join(staging.path, "cache") } },
  );
  const fetched = join(staging.path, binaryName(triple));
  if (problem !== undefined) {
    throw new InstallError(
      `${program.command} did not start: ${problem.message}. Where there is no npm, add ` +
        `prebuild-install to the project and run this again. ${FROM_SOURCE}`,
    );
  }
  if (code !== 0) {
    throw new InstallError(
      "the binary of this release could not be fetched: prebuild-install's reason stands above. " +
        FROM_SOURCE,
    );
  }
  if (!existsSync(fetched)) {
    throw new InstallError(`the release's archive has no ${binaryName(triple)}. ${FROM_SOURCE}`);
  }
  return fetched;
}

function requireAddress(env: NodeJS.ProcessEnv): void {
  const hasMirror = Boolean(env[HOST_VARIABLE] || env[`${HOST_VARIABLE}_mirror`]);
  if (hasMirror || manifest.binary.host || manifest.repository) return;
  throw new InstallError(
    "this copy of latchdb is of no release, so that nobody has its binary. Name a server that " +
      `has: npx latchdb-install --host <url>. ${FROM_SOURCE}`,
  );
}

function optionsOfPrebuildInstall(): string[] {
  const { os, cpu, isMusl } = currentPlatform();
  const options = {
    runtime: "napi",
    target: String(Math.max(...manifest.binary.napi_versions)),
    platform: os,
    arch: cpu,
    libc: isMusl ? "musl" : "glibc",
  };
  const pairs = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
  return [...pairs, "--verbose"];
}

/** The project's own prebuild-install, or one that its package manager fetches for this once. */
function prebuildInstall(): Program {
  try {
    return { command: process.execPath, args: [require.resolve("prebuild-install/bin.js")] };
  } catch {
    if (process.versions.bun) {
      return { command: process.execPath, args: ["x", "--bun", PREBUILD_INSTALL] };
    }
    const args = ["exec", "--yes", `--package=${PREBUILD_INSTALL}`, "--", "prebuild-install"];
    const npm = process.env.npm_execpath;
    if (npm?.endsWith("npm-cli.js")) return { command: process.execPath, args: [npm, ...args] };
    return { command: "npm", args, needsShell: process.platform === "win32" };
  }
}
