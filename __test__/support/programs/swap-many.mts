/** Swaps a target many times, with a content whose every byte is the same number. */
import { swapFile } from "latchdb/swap";

const [target = "", number, size, times] = process.argv.slice(2);
const data = Buffer.alloc(Number(size), Number(number));
for (let i = 0; i < Number(times); i++) await swapFile(target, { data, durability: "none" });
console.log(`${times} swapped`);
