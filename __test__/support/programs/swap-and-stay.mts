/**
 * Begins a swap, stays in its `prepare`, and ends as it is told by a line: "die" (SIGKILL), "exit"
 * (`process.exit()`), "throw" (an uncaught error).
 */
import { createInterface } from "node:readline";
import { swapFile } from "latchdb/swap";

const [target = ""] = process.argv.slice(2);
const prepare = (): Promise<void> => {
  console.log("preparing");
  return new Promise(() => undefined);
};
void swapFile(target, { data: "never", prepare });
createInterface({ input: process.stdin }).on("line", (line) => {
  if (line === "die") process.kill(process.pid, "SIGKILL");
  if (line === "exit") process.exit(0);
  if (line === "throw") throw new Error("thrown on purpose");
});
