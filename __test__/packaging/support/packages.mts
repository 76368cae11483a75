/** The packages that the stage has packed: tarballs, and what is in their package.json. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

/** The checkout. */
export const root = fileURLToPath(new URL("../../../../", import.meta.url));

const folder = `${root}build/packages/`;

/** A package.json, of what is asked here. */
export interface Manifest {
  name: string;
  version: string;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
  [other: string]: unknown;
}

/** A package as it would be published. */
export interface Packed {
  manifest: Manifest;
  /** Its tarball. */
  path: string;
  fileName: string;
  tarball: Buffer;
  integrity: string;
}

const require = createRequire(import.meta.url);
const { currentPlatform, tripleOf } = require(`${root}dist/addon/platform.js`) as {
  currentPlatform(): unknown;
  tripleOf(platform: unknown): string;
};

/** This machine's platform, as its package is called. */
export const triple = tripleOf(currentPlatform());

export const main = packageOf("latchdb-");

export const bindings = readdirSync(`${root}npm`)
  .sort()
  .map((name) => packageOf(`latchdb-binding-${name}-`));

/** The package with this machine's binary. */
export const binding = bindings.find(({ manifest }) => manifest.name.endsWith(triple)) ?? missing();

function packageOf(prefix: string): Packed {
  const files = existsSync(folder) ? readdirSync(folder) : [];
  const fileName = files.find(
    (name) => name.startsWith(prefix) && /^\d/.test(name.slice(prefix.length)),
  );
  if (fileName === undefined) return missing();
  const path = folder + fileName;
  const tarball = readFileSync(path);
  const integrity = `sha512-${createHash("sha512").update(tarball).digest("base64")}`;
  return { manifest: manifestIn(path), path, fileName, tarball, integrity };
}

function manifestIn(path: string): Manifest {
  const text = execFileSync("tar", ["-xzOf", path, "package/package.json"], { encoding: "utf8" });
  return JSON.parse(text) as Manifest;
}

function missing(): never {
  throw new Error("There are no packages to install: npm run test:packages packs them first");
}
