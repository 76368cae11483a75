// What the programs of frameworks print: a line for each step, `what: value`.
import { readdirSync, readlinkSync, realpathSync } from "node:fs";

/** A value, which must be the same with every client. */
export function print(what, value) {
  const text = JSON.stringify(value, (_key, item) =>
    typeof item === "bigint" ? `${item}n` : item,
  );
  console.log(`${what}: ${text}`);
}

/** How many of the calls succeed: `n of m`. What the others failed with is on stderr. */
export async function printSuccesses(what, calls) {
  const results = await Promise.allSettled(calls);
  const failures = results.filter(({ status }) => status === "rejected");
  for (const why of new Set(failures.map(({ reason }) => describe(reason)))) {
    console.error(`${what}: ${why}`);
  }
  console.log(`${what}: ${results.length - failures.length} of ${results.length}`);
  return results.filter(({ status }) => status === "fulfilled").map(({ value }) => value);
}

/** The name, code and message of the error that the client threw, below what wraps it. */
export async function failure(action) {
  try {
    await action();
    return "none";
  } catch (error) {
    return describe(error);
  }
}

/** How many descriptors of a database this process has: `n open`. */
export function printOpen(what, file) {
  if (process.platform !== "linux") return;
  const path = realpathSync(file);
  const targets = readdirSync("/proc/self/fd").map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return "";
    }
  });
  const open = targets.filter((target) => target === path || target.startsWith(`${path}-`));
  console.log(`${what}: ${open.length} open`);
}

export function range(count) {
  return Array.from({ length: count }, (_, i) => i);
}

function describe(error) {
  let inner = error;
  while (inner?.cause instanceof Error && inner.code === undefined) inner = inner.cause;
  return `${inner?.name} ${inner?.code ?? ""} ${inner?.message ?? inner}`;
}
