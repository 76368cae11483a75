/** Locks a database, says "held", and gives the lock back when it is told "release". */
import { once } from "node:events";
import { createInterface } from "node:readline";
import { createClient } from "latchdb";

const [file, kind] = process.argv.slice(2);
const client = createClient({ url: `file:${file}` });
const heard = once(createInterface({ input: process.stdin }), "line");

if (kind === "exclusive") {
  // The lock that the next write takes is kept after its end.
  await client.execute("pragma locking_mode = exclusive");
  await client.execute("create table if not exists locked_elsewhere (a)");
  await client.execute("insert into locked_elsewhere values (1)");
  console.log("held");
  await heard;
} else {
  const transaction = await client.transaction("write");
  console.log("held");
  await heard;
  await transaction.rollback();
}
client.close();
console.log("released");
process.stdin.destroy();
