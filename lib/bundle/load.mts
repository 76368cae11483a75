/**
 * The package as a bundler sees it: what the export condition `module` leads to, which bundlers know and
 * runtimes do not. Nothing here is a `require` that a bundler follows, so the binary stays outside of
 * the bundle, and is looked for when the program runs.
 */
import { existsSync } from "node:fs";
// Not by its name: webpack replaces createRequire, and a banner may declare it.
import nodeModule from "node:module";
import { basename, dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import * as api from "@libsql/core/api";
import * as config from "@libsql/core/config";
import * as uri from "@libsql/core/uri";
import * as util from "@libsql/core/util";
import { evaluate, version } from "./code.mjs";

/** What a bundler puts into the bundle with this package. */
const bundled: Record<string, unknown> = {
  "@libsql/core/api": api,
  "@libsql/core/config": config,
  "@libsql/core/uri": uri,
  "@libsql/core/util": util,
};

/** The names under which a program may have installed this package. */
const NAMES = ["latchdb", "@libsql/client"];

const here = ownFile();
const require = nodeModule.createRequire(here);
const entryPoint = isAtHome() ? requireAtHome : evaluate(requireFromBundle, dirname(here));

/**
 * The exports of an entry point.
 *
 * Where this module runs from its own file (Vite's development server and Vitest, with the package
 * inlined), they are the CommonJS module's: a program then has one copy of the package, and one class of
 * errors, however it is loaded. In a bundle they are the bundle's own.
 */
export function load<E>(name: string): E {
  return entryPoint(name) as E;
}

/** This module's file; in a bundle, the bundle. */
function ownFile(): string {
  const ways = [
    // Of CommonJS. There is no telling by `typeof`: webpack makes a "string" of it in ES modules, too.
    () => __filename,
    // webpack puts in the path of this file on the machine that made the bundle.
    () => fileURLToPath(import.meta.url),
    // The program, which most bundles are.
    () => process.argv[1] as string,
  ];
  for (const way of ways) {
    try {
      const file = resolve(way());
      if (existsSync(file)) return file;
    } catch {
      // There is none.
    }
  }
  return resolve("bundle.mjs");
}

/** Whether this file is in the package's folder, and not in a bundle. */
function isAtHome(): boolean {
  if (basename(here) !== "load.mjs") return false;
  try {
    const manifest = require("../../package.json") as { name?: unknown; version?: unknown };
    return manifest.name === "latchdb" && manifest.version === version;
  } catch {
    return false;
  }
}

function requireAtHome(name: string): unknown {
  return require(`../${name}.js`);
}

function requireFromBundle(id: string): unknown {
  if (Object.hasOwn(bundled, id)) return bundled[id];
  if (id.startsWith("@latchdb/")) return requireBinding(id);
  // The binary in the package's folder has its place beside the bundle.
  return require(id.startsWith(".") ? `./${basename(id)}` : id);
}

/** A binding that the bundle's folders of modules have, or those of this package have (pnpm). */
function requireBinding(id: string): unknown {
  try {
    return require(id);
  } catch (problem) {
    if ((problem as { code?: unknown }).code !== "MODULE_NOT_FOUND") throw problem;
    for (const name of NAMES) {
      const path = resolveFrom(require, `${name}/package.json`);
      const owner = path === undefined ? undefined : nodeModule.createRequire(path);
      if (owner !== undefined && resolveFrom(owner, id) !== undefined) return owner(id);
    }
    throw problem;
  }
}

function resolveFrom(from: NodeJS.Require, id: string): string | undefined {
  try {
    return from.resolve(id);
  } catch {
    return undefined;
  }
}
