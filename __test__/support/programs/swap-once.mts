/**
 * Says "ready", swaps one file when it is told to, says what came of it and ends. Where it is it
 * tells a trace by marks.
 */
import { once } from "node:events";
import { existsSync, openSync } from "node:fs";
import { createInterface } from "node:readline";
import { swapFile } from "latchdb/swap";
import { MARK } from "../crash-states/crash-states.mjs";
import { signInPlace, signIntoNewFile } from "../signing.mjs";

export interface SwapOrder {
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
const result = await swapFile(order.target, {
  source: order.source,
  mode: order.mode,
  ...(order.signing === undefined ? {} : { prepare }),
});
mark("resolved");
console.log(JSON.stringify(result));
process.stdin.destroy();
