import { readdirSync } from "node:fs";
import { join } from "node:path";
import { root } from "../support/root.mjs";
import { runOrExplain } from "../support/run.mjs";
import { npm } from "../support/tools.mjs";

const FOLDER = join(root, "build", "saboteur");

/**
 * Builds the addon with its saboteur (src/saboteur.rs): a debug build, which loses a safeguard where
 * LATCHDB_SABOTAGE says so.
 *
 * @returns {Promise<string>} the path of the addon, for NAPI_RS_NATIVE_LIBRARY_PATH
 */
export async function buildSaboteur() {
  const [command, ...args] = npm();
  const { code } = await runOrExplain(command, [...args, "run", "--silent", "build:saboteur"]);
  const binary = readdirSync(FOLDER).find((name) => name.endsWith(".node"));
  if (code !== 0 || binary === undefined) throw new Error("the build of the saboteur failed");
  return join(FOLDER, binary);
}
