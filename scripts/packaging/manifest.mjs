import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { root } from "../support/root.mjs";

const manifest = join(root, "package.json");
/** The committed package.json, while another one is in its place. */
const kept = join(root, "build", "package.json.committed");

/**
 * Puts the package.json that users get in the place of the committed one. It differs in what a
 * checkout cannot have: the packages with the binaries come into being with the release, and
 * `npm ci` refuses to install a checkout whose lock file cannot name them.
 */
export function usePublishedManifest() {
  // A packing that was stopped half-way has left it there.
  if (existsSync(kept) && "optionalDependencies" in read()) useCommittedManifest();
  const committed = read();
  mkdirSync(dirname(kept), { recursive: true });
  copyFileSync(manifest, kept);
  writeFileSync(manifest, `${JSON.stringify(published(committed), null, 2)}\n`);
}

function read() {
  return JSON.parse(readFileSync(manifest, "utf8"));
}

/** Puts the committed package.json back. */
export function useCommittedManifest() {
  renameSync(kept, manifest);
}

/** @param {Record<string, unknown> & { version: string }} committed */
function published(committed) {
  const bindings = readdirSync(join(root, "npm"))
    .sort()
    .map((triple) => [`@latchdb/binding-${triple}`, committed.version]);
  return { ...committed, ...repository(), optionalDependencies: Object.fromEntries(bindings) };
}

/**
 * The repository that the release is made in. `latchdb-install` looks for binaries among its
 * releases, and npm wants it for provenance
 * (https://docs.github.com/actions/reference/workflows-and-actions/variables).
 */
function repository() {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: name } = process.env;
  if (!server || !name) return {};
  return { repository: { type: "git", url: `git+${server}/${name}.git` } };
}
