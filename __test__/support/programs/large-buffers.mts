/**
 * Prints how much memory of ArrayBuffers is left after large requests and results, in MiB, as JSON. Run with
 * --expose-gc.
 */
import { createClient } from "latchdb";

const MIB = 1024 * 1024;
const LARGE = 48 * MIB;

const client = createClient({ url: ":memory:" });
const left: Record<string, number> = {};

/** Notes what is left, once the garbage is collected. */
async function note(what: string): Promise<void> {
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    globalThis.gc?.();
  }
  left[what] = process.memoryUsage().arrayBuffers / MIB;
}

await client.execute("create table t (a)");
await note("before");
await client.execute({ sql: "insert into t values (?)", args: [new Uint8Array(LARGE)] });
await note("after a large request");

const controller = new AbortController();
const endless =
  "with recursive n(i) as (select 1 union all select i + length(?) from n) select count(*) from n";
const argument = new Uint8Array(LARGE);
const running = client
  .execute({ sql: endless, args: [argument], signal: controller.signal })
  .catch(() => undefined);
// What is left is not the caller's.
structuredClone(argument, { transfer: [argument.buffer] });
await note("while a large request runs");
controller.abort();
await running;

await client.batch(
  Array.from({ length: 48 }, () => ({ sql: "select length(?)", args: [new Uint8Array(MIB)] })),
);
await note("after a large batch");

await client.execute("select a from t");
await note("after a large value");

const columns = Array.from({ length: 480 }, (_, i) => `zeroblob(100000) as c${i}`);
await client.execute(`select ${columns.join()}`);
await note("after a large row");

await client.execute(
  `with recursive n(i) as (select 1 union all select i + 1 from n limit 48000)
   select zeroblob(1000) as a from n`,
);
await note("after many rows");
client.close();
console.log(JSON.stringify(left));
