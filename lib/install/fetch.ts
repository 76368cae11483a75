/** Fetches the binary of this release, with prebuild-install. */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { InstallError, run, type Program } from "./command";
import { manifest } from "./manifest";
import type { Staging } from "./staging";
import { binaryName, currentPlatform } from "../addon/platform";

/**
 * Fetched if the project does not have it. It is not a dependency: it has 34 dependencies of its own, and
 * only installations without a platform package need it.
 */
const PREBUILD_INSTALL = "prebuild-install@7.1.3";

/** The environment variable from which prebuild-install takes the address of a mirror. */
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
  // prebuild-install takes the staging folder for a package, and reads these fields of it.
  const { name, version, binary, repository } = manifest;
  const described = { name, version, binary, repository };
  writeFileSync(join(staging.path, "package.json"), JSON.stringify(described));
  const program = prebuildInstall();
  say(`fetching with ${[program.command, ...program.args].join(" ")}`);
  const { code, problem } = await run(
    { ...program, args: [...program.args, ...optionsOfPrebuildInstall()] },
    // A cache for this run only: prebuild-install would keep a broken archive and unpack it again.
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
      "the binary of this release could not be fetched: see prebuild-install's output above. " +
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
    "this copy of latchdb does not come from a release, so its binary is not published. Name a " +
      `server that has it: npx latchdb-install --host <url>. ${FROM_SOURCE}`,
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

/** The project's own prebuild-install, or a temporary one that the package manager fetches. */
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
