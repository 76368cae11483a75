import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./root.mjs";

/**
 * The script of a program that a dev dependency brings along. Run with `process.execPath` it needs
 * no shell, and so works the same everywhere (on Windows, `node_modules/.bin` holds .cmd files).
 *
 * @param {string} packageName
 * @param {string} [program] where it is not named like the package
 */
export function tool(packageName, program = packageName) {
  const directory = join(root, "node_modules", packageName);
  const { bin } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));
  return join(directory, typeof bin === "string" ? bin : bin[program]);
}

/**
 * npm itself, as command and first arguments: the one that runs us, if it does.
 *
 * @returns {[command: string, ...args: string[]]}
 */
export function npm() {
  const script = process.env.npm_execpath;
  if (script?.endsWith("npm-cli.js")) return [process.execPath, script];
  if (process.platform === "win32") return ["cmd.exe", "/d", "/c", "npm"];
  return ["npm"];
}
