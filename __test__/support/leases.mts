/** Leases that another process has on files (`fcntl(2)`, F_SETLEASE). */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { ExecutionContext } from "ava";

/** Leases that are held, or why they cannot be. */
export type Leases = { release(): Promise<void> } | { reason: string };

// F_SETLEASE, F_WRLCK. The kernel tells of those who wait by SIGIO.
const SCRIPT = `
  $SIG{IO} = "IGNORE";
  for (@ARGV) {
    open(my $file, "+<", $_) or die "$_: $!";
    fcntl($file, 1024, 1) or die "no lease: $!";
    push @files, $file;
  }
  $| = 1;
  print "ready\\n";
  <STDIN>`;

/**
 * Has another process take a write lease on each file, and keep it until it is told to release them or the
 * test ends. It runs as the user that is given, where that is not this one.
 */
export async function holdLeases(
  t: ExecutionContext,
  paths: string[],
  user?: number,
): Promise<Leases> {
  if (process.platform !== "linux") return { reason: "only Linux has leases" };
  const holder = spawn("perl", ["-e", SCRIPT, ...paths], {
    stdio: ["pipe", "pipe", "pipe"],
    ...(user === undefined ? {} : { uid: user, gid: user }),
  });
  let errors = "";
  holder.on("error", (error) => (errors += String(error)));
  holder.stderr.on("data", (text) => (errors += String(text)));
  const ended = once(holder, "close").catch(() => undefined);
  const release = async (): Promise<void> => {
    holder.kill("SIGKILL");
    await ended;
  };
  t.teardown(release);
  const ready = once(createInterface({ input: holder.stdout }), "line").then(() => true);
  if (await Promise.race([ready, ended.then(() => false)])) return { release };
  return { reason: `no leases here: ${errors.trim()}` };
}
