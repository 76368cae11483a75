/** Runs other programs. */
import { spawn } from "node:child_process";

/** The binary could not be installed. The message says why, and what to do. */
export class InstallError extends Error {}

/** A program and its first arguments. */
export interface Program {
  command: string;
  args: string[];
  /** For `.cmd` files on Windows. */
  needsShell?: boolean;
}

interface RunOptions {
  cwd: string;
  env?: NodeJS.ProcessEnv;
  /** The output streams to capture. The others are shown as they come. */
  keep?: Array<"stdout" | "stderr">;
}

/** How a program ended. */
export interface Ended {
  /** Undefined if it did not start, or was ended by a signal. */
  code: number | undefined;
  /** Why it did not start. */
  problem?: Error;
  stdout: string;
  stderr: string;
}

/** Runs a program to its end. */
export function run(
  { command, args, needsShell = false }: Program,
  { cwd, env = process.env, keep = [] }: RunOptions,
): Promise<Ended> {
  const output = (name: "stdout" | "stderr"): "pipe" | "inherit" =>
    keep.includes(name) ? "pipe" : "inherit";
  const child = spawn(command, args, {
    cwd,
    env,
    shell: needsShell,
    stdio: ["ignore", output("stdout"), output("stderr")],
  });
  const ended: Ended = { code: undefined, stdout: "", stderr: "" };
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (ended.stdout += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (ended.stderr += text));
  return new Promise((resolve) => {
    child.once("error", (problem) => resolve({ ...ended, problem }));
    child.once("close", (code) => resolve({ ...ended, code: code ?? undefined }));
  });
}
