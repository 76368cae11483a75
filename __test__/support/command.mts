/** `npx latchdb …`, by the program that package.json names. */
import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const require = createRequire(import.meta.url);
const manifest = require.resolve("latchdb/package.json");
const { bin } = require(manifest) as { bin: { latchdb: string } };

/** The path of the program. */
export const program = join(dirname(manifest), bin.latchdb);

/** How a command ended. */
export interface CommandEnded {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a command to its end. */
export function runCommand(...args: string[]): Promise<CommandEnded> {
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}
