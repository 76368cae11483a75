import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { compileC } from "../binaries/zig.mjs";
import { ask, run } from "../support/run.mjs";
import { unpackDebian } from "./debian.mjs";
import { platformsFolder } from "../smoke/installed-package.mjs";

const folder = join(platformsFolder, "windows");
// Where Debian's packages have them.
const LIBRARIES = "usr/lib/x86_64-linux-gnu";
const PROGRAMS = "usr/lib/wine";
const prefix = join(folder, "prefix");

/**
 * A Windows of Wine's, in a prefix of our own.
 *
 * @typedef {object} Windows
 * @property {(program: string, args: string[]) => Promise<{ code: number, lines: string[] }>} run
 * runs a Windows program; paths are ours, see {@link windowsPath}
 */

/**
 * Provides Wine: the installed one, or Debian's, unpacked into the checkout.
 *
 * @returns {Promise<Windows>}
 * @throws {import("../binaries/not-here.mjs").NotHere} if there is neither
 */
export async function provideWine() {
  const wine = installedWine() ?? (await debiansWine());
  const env = {
    ...process.env,
    ...wine.env,
    HOME: join(folder, "home"),
    WINEPREFIX: prefix,
    WINEARCH: "win64",
    WINEDEBUG: "-all",
    WINEDLLOVERRIDES: "mscoree=;mshtml=;winedbg.exe=;winemenubuilder.exe=",
    NODE_SKIP_PLATFORM_CHECK: "1",
  };
  const runInWine = async (program, args) => {
    const outcome = await runToFile(wine.program, [program, ...args], env);
    // A stopped program may have left children: this ends those in our prefix.
    if (outcome.isStopped) spawnSync(wine.server, ["-k"], { env });
    return outcome;
  };
  await makePrefix(runInWine);
  await provideRandomNumbers();
  return { run: runInWine };
}

/** Wine maps the file system to drive Z. @param {string} path */
export function windowsPath(path) {
  return `Z:${path.replaceAll("/", "\\")}`;
}

function installedWine() {
  const program = ["wine64", "wine"].find((name) => ask(name, ["--version"]) !== undefined);
  return program === undefined ? undefined : { program, server: "wineserver", env: {} };
}

async function debiansWine() {
  const root = await unpackDebian({
    name: "wine",
    packages: ["wine64"],
    arch: "amd64",
    isBesideOurs: true,
    configure: configureWine,
  });
  const libraries = join(root, LIBRARIES);
  return {
    program: join(root, PROGRAMS, "wine64"),
    server: join(root, PROGRAMS, "wineserver"),
    env: { LD_LIBRARY_PATH: libraries, WINEDLLPATH: join(libraries, "wine") },
  };
}

/** Does what installing Debian's packages does. @param {string} root */
function configureWine(root) {
  // Replaces a script that looks for the program where a package manager would install it.
  const programs = join(root, PROGRAMS);
  rmSync(join(programs, "wineserver"));
  copyFileSync(join(programs, "wineserver64"), join(programs, "wineserver"));
  // Wine's own DLLs carry this mark in place of the DOS stub; zlib comes from another package.
  const zlib = readFileSync(join(root, "usr/x86_64-w64-mingw32/lib/zlib1.dll"));
  zlib.fill(0, 64, 96).write("Wine builtin DLL", 64);
  writeFileSync(join(root, LIBRARIES, "wine/x86_64-windows/zlib1.dll"), zlib);
}

async function makePrefix(runInWine) {
  const marker = join(prefix, "complete");
  if (existsSync(marker)) return;
  rmSync(prefix, { recursive: true, force: true });
  mkdirSync(join(folder, "home"), { recursive: true });
  const steps = [
    ["wineboot", ["-i"]],
    // Node needs Windows 10.
    ["reg", ["add", "HKCU\\Software\\Wine", "/v", "Version", "/d", "win10", "/f"]],
  ];
  for (const [program, args] of steps) {
    const { code, lines } = await runInWine(program, args);
    if (code !== 0) throw new Error(`${program} failed under Wine: ${lines.join("\n")}`);
  }
  writeFileSync(marker, "");
}

async function provideRandomNumbers() {
  const library = join(prefix, "drive_c/windows/system32/bcryptprimitives.dll");
  if (existsSync(library)) return;
  const source = "scripts/offline/bcryptprimitives.c";
  // Without a C runtime, which zig would first compile for longer than all the rest takes.
  const options = ["-target", "x86_64-windows-gnu", "-O1", "-s", "-shared", "-nostdlib"];
  await compileC([...options, source, "-ladvapi32"], library);
}

/** Redirects output to a file, because node.exe cannot open a pipe under Wine (EBADF). */
async function runToFile(program, args, env) {
  const output = join(folder, "output.txt");
  mkdirSync(folder, { recursive: true });
  const script = 'output=$1; shift; exec "$@" > "$output" 2>&1';
  const outcome = await run("sh", ["-c", script, "sh", output, program, ...args], {
    env,
    describe: () => `Wine: ${args.map((argument) => basename(argument)).join(" ")}`,
    minutes: 5,
  });
  const lines = readFileSync(output, "utf8").split(/\r?\n/);
  if (outcome.problem !== undefined) lines.push(outcome.problem);
  return { code: outcome.code, lines, isStopped: outcome.problem !== undefined };
}
