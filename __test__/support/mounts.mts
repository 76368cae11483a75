/** Programs in a mount namespace of their own: on disks that are full or read-only. */
import { execFile, spawnSync } from "node:child_process";
import { promisify } from "node:util";
import type { ExecutionContext } from "ava";

/** Mounts of their own, which end with their process: even root finds a read-only one read-only. */
const unshare = ["-Urm", "sh", "-e", "-c"];
const probe = spawnSync("unshare", [...unshare, "mount -t tmpfs -o size=64k tmpfs /tmp"]);
const canMount = probe.status === 0;
const reason = String(probe.error ?? probe.stderr).trim();

/**
 * Runs a program in a namespace with `script`'s mounts, in which $1 is the directory, and reads
 * what it prints as JSON. The program is given the arguments, and the directory as its second. It
 * answers undefined where namespaces are not to be had: the test then says so, and passes.
 */
export async function inNamespace<T>(
  t: ExecutionContext,
  script: string,
  directory: string,
  program: string,
  args: [first: string, third: string],
): Promise<T | undefined> {
  if (!canMount) {
    t.log(`Skipped: no mount namespace of our own here (${reason})`);
    t.pass();
    return undefined;
  }
  const command = `${script}; exec "$0" "$2" "$3" "$1" "$4"`;
  const given = [process.execPath, directory, program, ...args];
  const { stdout } = await promisify(execFile)("unshare", [...unshare, command, ...given]);
  return JSON.parse(stdout) as T;
}
