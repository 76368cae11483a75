/**
 * Reads a file whole, again and again, and checks its CRC-32, until it is told to stop. Prints how often it
 * found what as JSON: the CRC's name among those it was given, "missing", or "partial".
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { crc32 } from "node:zlib";

const [path = "", names = "{}"] = process.argv.slice(2);
const nameOf = JSON.parse(names) as Record<number, string>;
const found: Record<string, number> = {};
let buffer = Buffer.alloc(0);

/** Whatever is there when it is opened, up to the end that it has then. */
function read(): Buffer | undefined {
  let descriptor;
  try {
    descriptor = openSync(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    const { size } = fstatSync(descriptor);
    if (buffer.length < size) buffer = Buffer.alloc(size);
    let length = 0;
    for (let count = 1; count > 0 && length < size; length += count) {
      count = readSync(descriptor, buffer, length, size - length, length);
    }
    return buffer.subarray(0, length);
  } finally {
    closeSync(descriptor);
  }
}

const over = new AbortController();
const stop = (): void => over.abort();
process.stdin.on("data", stop).on("end", stop);

console.log("ready");
for (let count = 1; !over.signal.aborted; count++) {
  const bytes = read();
  const name = bytes === undefined ? "missing" : (nameOf[crc32(bytes)] ?? "partial");
  found[name] = (found[name] ?? 0) + 1;
  if (count % 10 === 0) console.log(`${count} reads`);
  await setImmediate();
}
console.log(JSON.stringify(found));
process.stdin.destroy();
