/**
 * Says "ready"; when it is told to go, writes numbers in waves, each number by a call of its own, of which those
 * of a wave are made together, and prints the number of each call that was acknowledged.
 */
import { writeSync } from "node:fs";
import { once } from "node:events";
import { createClient } from "latchdb";

const [file = "", waves = "2"] = process.argv.slice(2);
const CALLS = 8;
const sql = "insert into entry (id) values (?)";

console.log("ready");
await once(process.stdin, "data");
const client = createClient({ url: `file:${file}` });
await client.execute("pragma synchronous = full");
for (let i = -3; i < 0; i++) await client.execute({ sql, args: [i] });
for (let wave = 0; wave < Number(waves); wave++) {
  const write = async (id: number): Promise<void> => {
    await client.execute({ sql, args: [id] });
    // Written at once: the next moment may be the last one.
    writeSync(1, `${id}\n`);
  };
  await Promise.all(Array.from({ length: CALLS }, (_, i) => write(wave * CALLS + i)));
}
writeSync(1, `${client.stats().groupCommits.calls} in groups\n`);
client.close();
process.stdin.destroy();
