/**
 * Says "ready", swaps one file when it is told to, says what came of it and ends. Where it is it
 * tells a trace by marks.
 */
import { once } from "node:events";
import { closeSync, existsSync, openSync, readFileSync, writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { createClient } from "latchdb";
import { swapFile } from "latchdb/swap";
import { MARK } from "../../crash-states/index.mjs";
import { signInPlace, signIntoNewFile } from "../signing.mjs";

export interface SwapOrder {
  /** "copy in place" is what people do who have no swap. */
  how: "swap" | "copy in place";
  target: string;
  source: string;
  /** How `prepare` signs the file; undefined: there is no `prepare`. */
  signing: "in place" | "into a new file" | undefined;
  mode: number | undefined;
  durability: "full" | "barrier";
  /** Where the signing tool puts its own files. */
  scratch: string;
}

// The binary is loaded by its first use: its files are none of the swap's.
createClient({ url: ":memory:" }).close();

const order = JSON.parse(process.argv[2] ?? "{}") as SwapOrder;

function mark(name: string): void {
  try {
    openSync(MARK + name, "r");
  } catch {
    // It is nowhere; the trace has it.
  }
}

function prepare(staging: string): void {
  mark("prepare begins");
  if (order.signing === "in place") signInPlace(staging);
  else signIntoNewFile(staging, order.scratch);
  mark("prepare ends");
}

function copyInPlace(from: string, to: string): void {
  const bytes = readFileSync(from);
  const file = openSync(to, "w");
  writeSync(file, bytes, 0, 4096);
  writeSync(file, bytes, 4096);
  closeSync(file);
}

// Whatever is loaded late is loaded now.
existsSync(order.target);
console.log("ready");
await once(createInterface({ input: process.stdin }), "line");
mark("begin");
const { source, target, mode, durability, signing } = order;
if (order.how === "swap") {
  await swapFile(target, {
    source,
    mode,
    durability,
    prepare: signing === undefined ? undefined : prepare,
  });
} else {
  copyInPlace(source, target);
}
mark("resolved");
console.log("done");
process.stdin.destroy();
