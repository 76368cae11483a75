import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { root } from "../support/root.mjs";
import { runOrExplain } from "../support/run.mjs";
import { npm } from "../support/tools.mjs";

/** Where the tests find the packages. */
const packed = join(root, "build", "packages");

/**
 * Packs the main package and those of the platforms, as they would be published. Only this machine's
 * has a binary in it: the others are there to be left out.
 */
export async function packAll() {
  rmSync(packed, { recursive: true, force: true });
  mkdirSync(packed, { recursive: true });
  const bindings = readdirSync(join(root, "npm")).map(stageBinding);
  const [command, ...args] = npm();
  const pack = [...args, "pack", "--silent", `--pack-destination=${packed}`, ".", ...bindings];
  const { code } = await runOrExplain(command, pack, { describe: () => "npm pack" });
  if (code !== 0) throw new Error("`npm pack` failed: what it printed stands above");
  return tarballs();
}

/** The tarballs of the main package and of this machine's. */
export function tarballs() {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  return {
    main: join(packed, `latchdb-${version}.tgz`),
    binding: join(packed, `latchdb-binding-${currentTriple()}-${version}.tgz`),
  };
}

/** A copy of a platform's package, with its binary where it was built here. */
function stageBinding(triple) {
  const directory = join(root, "build", "bindings", triple);
  rmSync(directory, { recursive: true, force: true });
  cpSync(join(root, "npm", triple), directory, { recursive: true });
  if (triple === currentTriple()) {
    const binary = `latchdb.${triple}.node`;
    copyFileSync(join(root, binary), join(directory, binary));
  }
  return directory;
}

function currentTriple() {
  const { currentPlatform, tripleOf } = createRequire(import.meta.url)(
    "../../dist/addon/platform.js",
  );
  return tripleOf(currentPlatform());
}
