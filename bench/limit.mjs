/** Builds the program in limit/: the same SQLite without JavaScript, which is as fast as it gets. */
import { join } from "node:path";
import { hasCargo } from "../scripts/setup/native.mjs";
import { root } from "../scripts/support/root.mjs";
import { run } from "../scripts/support/run.mjs";

/** @returns {Promise<string>} the path of the program */
export async function buildLimit() {
  if (!hasCargo()) throw new Error("cargo is not installed");
  const manifest = join("bench", "limit", "Cargo.toml");
  const { code, lines } = await run(
    "cargo",
    ["build", "--release", "--locked", "--manifest-path", manifest],
    { describe: () => "compiling bench/limit" },
  );
  if (code !== 0) throw new Error(["cargo build failed", ...lines.slice(-5)].join("\n"));
  const program = process.platform === "win32" ? "limit.exe" : "limit";
  return join(root, "bench", "limit", "target", "release", program);
}
