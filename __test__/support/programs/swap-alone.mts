/** Swaps a target while nothing but the swap keeps the process alive. */
import { swapFile } from "latchdb/swap";

const [target = ""] = process.argv.slice(2);
const prepare = (): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, 50).unref();
  });
await swapFile(target, { data: "new", prepare });
console.log("swapped");
