/** Swaps each of its arguments as a user who owns nothing, and prints the errors as JSON. */
import { swapFile, type SwapError } from "latchdb/swap";

const NOBODY = 65_534;
if (process.getuid?.() === 0) {
  process.setgroups?.([]);
  process.setgid?.(NOBODY);
  process.setuid?.(NOBODY);
}
for (const target of process.argv.slice(2)) {
  const error = await swapFile(target, { data: "new" }).catch((thrown: SwapError) => thrown);
  console.log(JSON.stringify(error));
}
