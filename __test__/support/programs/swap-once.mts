/**
 * Says "ready", swaps one file when it is told to, says what came of it and ends. Where it is it
 * tells a trace by marks.
 */
import { once } from "node:events";
import { existsSync, openSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { swapFile } from "latchdb/swap";
import { MARK } from "../crash-states/crash-states.mjs";
import { signInPlace, signIntoNewFile } from "../signing.mjs";

export interface SwapOrder {
  /** "copy in place" is what people do who have no swap. */
  how: "swap" | "copy in place";
  target: string;
  source: string;
  /** How `prepare` signs the file; undefined: there is no `prepare`. */
  signing: "in place" | "into a new file" | undefined;
  mode: number | undefined;
  /** Where the signing tool puts its own files. */
  scratch: string;
}

const order = JSON.parse(process.argv[2] ?? "{}") as SwapOrder;

function mark(name: string): void {
  try {
    openSync(MARK + name, "r");
  } catch {
    // It is nowhere; the trace has it.
  }
}

async function prepare(staging: string): Promise<void> {
  mark("prepare begins");
  if (order.signing === "in place") await signInPlace(staging);
  else await signIntoNewFile(staging, order.scratch);
  mark("prepare ends");
}

// Whatever is loaded late is loaded now.
existsSync(order.target);
console.log("ready");
await once(createInterface({ input: process.stdin }), "line");
mark("begin");
const { source, target, mode, signing } = order;
if (order.how === "swap") {
  await swapFile(target, { source, mode, prepare: signing === undefined ? undefined : prepare });
} else {
  await copyFile(source, target);
}
mark("resolved");
console.log("done");
process.stdin.destroy();
