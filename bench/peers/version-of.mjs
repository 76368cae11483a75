import { readFileSync } from "node:fs";

/** The version of a peer that is installed in bench/node_modules. @param {string} name */
export function versionOf(name) {
  const manifest = new URL(`../node_modules/${name}/package.json`, import.meta.url);
  return JSON.parse(readFileSync(manifest, "utf8")).version;
}
