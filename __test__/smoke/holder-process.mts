/** `holder.mts` as a process of its own. */
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";

export type Running = ChildProcessByStdio<Writable, Readable, null>;

/** Resolves once it has the database open. */
export async function startHolder(packageFolder: string, file: string): Promise<Running> {
  const program = fileURLToPath(new URL("holder.mjs", import.meta.url));
  const holder = start(process.execPath, [program, packageFolder, file]);
  await once(holder.stdout, "data");
  return holder;
}

export function start(program: string, args: string[]): Running {
  return spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
}

export async function ended(running: Running): Promise<void> {
  if (running.exitCode === null) await once(running, "exit");
}
