/**
 * Makes one call after the other, and prints a line of JSON for each: what it came to, and the messages
 * of `latchdb:panic` until then. The environment variable FAILPOINTS says where the addon panics.
 * Arguments: a directory, and the calls.
 */
import { subscribe } from "node:diagnostics_channel";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { createClient } from "latchdb";
import type { LocalClient } from "latchdb";
import { swapFile } from "latchdb/swap";

const [directory = "", ...calls] = process.argv.slice(2);
const url = `file:${join(directory, "a.db")}`;
let client: LocalClient | undefined;
let messages: unknown[] = [];
subscribe("latchdb:panic", (message) => messages.push(message));

const made: Record<string, () => unknown> = {
  open: () => void (client = createClient({ url, execution: "thread" })),
  openInPlace: () => void (client = createClient({ url })),
  execute: () => client?.execute("select 1"),
  count: () =>
    client?.execute(
      "with recursive n (i) as (select 1 union all select i + 1 from n limit 20000) select count(*) from n",
    ),
  close: () => client?.close(),
  shutdown: () => client?.shutdown(),
  swap: () => swapFile(join(directory, "a.txt"), { data: "a" }),
};

for (const call of calls) {
  let ended: unknown = "done";
  try {
    await made[call]?.();
  } catch (error) {
    const { code, message } = error as { code: unknown; message: unknown };
    ended = { code, message };
  }
  await setImmediate();
  console.log(JSON.stringify({ call, ended, messages }));
  messages = [];
}
