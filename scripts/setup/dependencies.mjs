import { fingerprint } from "../support/fingerprint.mjs";
import { runOrExplain } from "../support/run.mjs";
import { Stamp } from "../support/stamp.mjs";
import { npm } from "../support/tools.mjs";

/** Inside node_modules, so that removing the folder removes the stamp. */
const stamp = new Stamp("node_modules/.latchdb-installed-from");

/**
 * Installs what package-lock.json names, unless it is installed. No package's install script runs,
 * except Bun's (bun.mjs).
 */
export async function installDependencies() {
  const lock = fingerprint(["package-lock.json"]);
  if (stamp.is(lock)) return "as package-lock.json says";
  const [command, ...args] = npm();
  const { code } = await runOrExplain(
    command,
    [...args, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
    { describe: () => "npm ci" },
  );
  if (code !== 0) {
    throw new Error("`npm ci` failed. It needs the npm registry; see its output above");
  }
  stamp.write(lock);
  return "installed what package-lock.json names";
}
