/** Tests a binary by loading it in another process, as the package does. */
import { renameSync } from "node:fs";
import { join } from "node:path";
import { InstallError, run } from "./command";
import { localBinary, packageRoot } from "../addon/binaries";

/** Whether the package finds a working binary. */
export async function findWorking(): Promise<boolean> {
  return (await problemWith(undefined)) === undefined;
}

/**
 * Tests a binary and moves it to where the loader looks first.
 * @returns its path
 * @throws InstallError if it does not work
 */
export async function putInPlace(binary: string, triple: string): Promise<string> {
  const problem = await problemWith(binary);
  if (problem !== undefined) {
    throw new InstallError(`the binary does not work here and was thrown away:\n${problem}`);
  }
  const place = localBinary(triple);
  try {
    renameSync(binary, place);
  } catch (error) {
    throw new InstallError(
      `the binary works, but cannot be put at ${place}: ${(error as Error).message}` +
        (process.platform === "win32" ? ". End the programs that use latchdb first" : ""),
    );
  }
  return place;
}

/** In another process, because loading a broken binary may crash. */
async function problemWith(binary: string | undefined): Promise<string | undefined> {
  const loader = JSON.stringify(join(__dirname, "..", "addon", "addon.js"));
  const { code, problem, stderr } = await run(
    { command: process.execPath, args: ["-e", `require(${loader}).addon`] },
    {
      cwd: packageRoot,
      env: { ...process.env, NAPI_RS_NATIVE_LIBRARY_PATH: binary },
      keep: ["stdout", "stderr"],
    },
  );
  if (code === 0) return undefined;
  return problem?.message ?? (stderr || "its process was ended by a signal");
}
