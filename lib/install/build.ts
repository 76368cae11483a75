/** Builds the binary here, with cargo. */
import { copyFileSync } from "node:fs";
import { extname, join } from "node:path";
import { InstallError, run } from "./command";
import type { Staging } from "./staging";
import { packageRoot } from "../addon/binaries";
import { binaryName } from "../addon/platform";

/** A line of `cargo build --message-format=json`. */
interface Message {
  reason: string;
  target?: { kind: string[] };
  filenames?: string[];
}

/** The file extensions of loadable libraries, on the platforms that Node and Bun support. */
const LIBRARY = new Set([".so", ".dylib", ".dll"]);

/**
 * Builds from the sources in this package. Intermediate files (some hundred MB) go to the staging
 * folder, or to CARGO_TARGET_DIR.
 *
 * @returns the path of the binary, in the staging folder
 * @throws InstallError
 */
export async function buildFromSource(
  staging: Staging,
  triple: string,
  say: (line: string) => void,
): Promise<string> {
  const { problem } = await run(
    { command: "cargo", args: ["--version"] },
    { cwd: packageRoot, keep: ["stdout", "stderr"] },
  );
  if (problem !== undefined) {
    throw new InstallError(
      `cargo could not be started (${problem.message}). Building needs Rust (https://rustup.rs) ` +
        "and a C compiler: cc, clang or Visual Studio's",
    );
  }
  say("building with cargo, SQLite included: some minutes");
  const { code, stdout } = await run(
    {
      command: "cargo",
      args: ["build", "--release", "--locked", "--message-format=json-render-diagnostics"],
    },
    {
      // .cargo/config.toml is here, with the options that SQLite is compiled with.
      cwd: packageRoot,
      env: { CARGO_TARGET_DIR: join(staging.path, "target"), ...process.env },
      keep: ["stdout"],
    },
  );
  if (code !== 0) throw new InstallError("the build failed: see cargo's output above");
  const built = libraryIn(stdout);
  if (built === undefined) throw new InstallError("cargo built no loadable library");
  const binary = join(staging.path, binaryName(triple));
  copyFileSync(built, binary);
  return binary;
}

function libraryIn(messages: string): string | undefined {
  for (const line of messages.split("\n").filter((text) => text.startsWith("{"))) {
    const { reason, target, filenames } = JSON.parse(line) as Message;
    if (reason !== "compiler-artifact" || !target?.kind.includes("cdylib")) continue;
    return filenames?.find((name) => LIBRARY.has(extname(name)));
  }
  return undefined;
}
