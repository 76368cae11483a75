/**
 * Swaps each of its arguments as a user who owns nothing, unless it is the same already, and prints
 * the result or the error as JSON.
 */
import { swapFile, type SwapError } from "latchdb/swap";

const NOBODY = 65_534;
if (process.getuid?.() === 0) {
  process.setgroups?.([]);
  process.setgid?.(NOBODY);
  process.setuid?.(NOBODY);
}
for (const target of process.argv.slice(2)) {
  const swap = swapFile(target, { data: "new", skipIfSame: true });
  console.log(JSON.stringify(await swap.catch((error: SwapError) => error)));
}
