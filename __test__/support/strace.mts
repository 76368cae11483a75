/** Programs of `support/programs/` whose system calls strace records, or kills them at. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { ExecutionContext } from "ava";
import { temporaryDirectory } from "./database.mjs";
import { parseTrace } from "../crash-states/call.mjs";
import type { Call } from "../crash-states/call.mjs";

/** A call at which a program is to be killed, before the call has any effect. */
export interface KillPoint {
  name: string;
  /** The how many-th call of that name in its thread, since the program was told to go; from 1. */
  when: number;
}

export interface Traced {
  calls: Call[];
  /** What the program printed after "ready", in lines. */
  lines: string[];
  wasKilled: boolean;
}

interface TraceOptions {
  arguments?: string[];
  killBefore?: KillPoint;
}

// What changes a file system, and what says which file a descriptor is: open ends, forks.
const TRACED = [
  ["open", "openat", "openat2", "creat", "close", "dup", "dup2", "dup3", "fcntl", "lseek"],
  ["read", "readv", "write", "writev", "pwrite64", "pwritev", "pwritev2"],
  ["copy_file_range", "sendfile", "splice", "ioctl", "mmap", "io_uring_setup"],
  ["truncate", "ftruncate", "fallocate", "mkdir", "mkdirat", "rmdir"],
  ["rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat"],
  ["symlink", "symlinkat", "mknod", "mknodat"],
  ["chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchown", "fchownat"],
  ["setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr"],
  ["fsync", "fdatasync", "sync", "syncfs", "sync_file_range"],
  ["clone", "clone3", "fork", "vfork"],
].flat();

// The program starts alone, which is quick, and is traced once it is ready: its own start-up is not
// in the counts. The shell becomes strace, so that the program is strace's child: a system that
// lets a process trace only its children (Yama) allows it. strace's own output has a file.
const SCRIPT = 'program=$1; log=$2; shift 2; "$0" "$program" "$@" <&3 3<&- & read options';
const ATTACH = 'exec strace -f -v -y -xx -s 100000000 -o "$log" $options -p $! 3<&-';

// Tried as it is done below: a system can forbid to trace what runs already.
const probe = spawnSync("sh", [
  "-c",
  "sleep 0.1 & exec strace -f -o /dev/null -e trace=?sync -e inject=sync:signal=KILL:when=9 -p $!",
]);

/** Why nothing can be traced here, or undefined where strace works. */
export const whyNotTraceable: string | undefined =
  probe.status === 0 ? undefined : String(probe.error ?? probe.stderr).trim();

/**
 * Runs a program that prints "ready", does its work when it is told "go" and ends by itself or when
 * its input does.
 */
export async function traceProgram(
  t: ExecutionContext,
  name: string,
  { arguments: args = [], killBefore }: TraceOptions = {},
): Promise<Traced> {
  const log = join(await temporaryDirectory(t), "trace");
  const program = fileURLToPath(new URL(`./programs/${name}.mjs`, import.meta.url));
  const child = spawn(
    "sh",
    ["-c", `${SCRIPT}; ${ATTACH}`, process.execPath, program, log, ...args],
    {
      stdio: ["pipe", "pipe", "pipe", "pipe"],
      // One thread does all that is asked of libuv's pool: counts per thread are then the same again.
      env: { ...process.env, UV_THREADPOOL_SIZE: "1" },
    },
  );
  const [attach, , , input] = child.stdio;
  if (!(input && "write" in input)) throw new Error("The program has no input");
  // Who dies early closes its pipe.
  attach.on("error", () => undefined);
  input.on("error", () => undefined);
  t.teardown(() => input.destroy());
  // A program that is traced no more gives up when its input ends.
  child.on("exit", () => input.destroy());

  const lines: string[] = [];
  let errors = "";
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (line === "ready") attach.end(`${straceOptions(killBefore)}\n`);
    else lines.push(line);
  });
  createInterface({ input: child.stderr }).on("line", (line) => {
    errors += `${line}\n`;
    if (/Process \d+ attached with/.test(line)) input.write("go\n");
  });
  await once(child, "close");
  const trace = await readFile(log, "utf8").catch(() => "");
  const wasKilled = trace.includes("+++ killed by SIGKILL +++");
  if (killBefore === undefined && lines.length === 0) {
    throw new Error(`${name} said nothing after "ready": ${errors}`);
  }
  return { calls: parseTrace(trace), lines, wasKilled };
}

function straceOptions(killBefore: KillPoint | undefined): string {
  const trace = `-e trace=${TRACED.map((name) => `?${name}`).join(",")}`;
  if (killBefore === undefined) return trace;
  return `${trace} -e inject=${killBefore.name}:signal=KILL:when=${killBefore.when}`;
}
