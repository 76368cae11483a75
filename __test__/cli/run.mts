// `npx latchdb …` with a text on stdin.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { program, type CommandEnded } from "../support/command.mjs";

export interface RunOptions {
  /** What is on stdin. */
  input?: string;
  env?: Record<string, string>;
}

/** Runs a command to its end. */
export async function run(
  args: string[],
  { input = "", env }: RunOptions = {},
): Promise<CommandEnded> {
  const child = spawn(process.execPath, [program, ...args], { env: { ...process.env, ...env } });
  child.stdin.on("error", () => undefined).end(input);
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close") as Promise<[number]>,
  ]);
  return { code, stdout, stderr };
}
