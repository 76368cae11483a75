/** Lists what this process holds of a database, as the operating system reports it. */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/**
 * The descriptors and mappings of the files in a folder, and latchdb's threads. The function asks the
 * system, not the library.
 *
 * @param {string} directory as the system names it: without symbolic links
 * @returns {string[]} empty where nothing is left, and on Windows, which has no such list: there the
 * rename that follows fails on an open file
 */
export function openHandles(directory) {
  return process.platform === "linux" ? fromProc(directory) : fromLsof(directory);
}

function fromProc(directory) {
  const descriptors = readdirSync("/proc/self/fd")
    .map((fd) => `descriptor ${fd}: ${quietly(() => readlinkSync(`/proc/self/fd/${fd}`))}`)
    .filter((line) => line.includes(directory));
  const mappings = readFileSync("/proc/self/maps", "utf8")
    .split("\n")
    .filter((line) => line.includes(directory))
    .map((line) => `mapping: ${line}`);
  const threads = readdirSync("/proc/self/task")
    .map((id) => quietly(() => readFileSync(`/proc/self/task/${id}/comm`, "utf8").trim()))
    // Threads for files wait some seconds for the next swap. They hold nothing of this one.
    .filter((name) => name.startsWith("latchdb") && name !== "latchdb-files")
    .map((name) => `thread: ${name}`);
  return [...descriptors, ...mappings, ...threads];
}

function fromLsof(directory) {
  const { stdout } = spawnSync("lsof", ["-p", String(process.pid)], { encoding: "utf8" });
  return (stdout ?? "").split("\n").filter((line) => line.includes(directory));
}

/** A descriptor or a thread may be gone before it is read. */
function quietly(read) {
  try {
    return read();
  } catch {
    return "";
  }
}
