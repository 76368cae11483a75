/**
 * Shuts a client down, has nothing open for a while, and opens another one. What then becomes of the
 * first one ("collected" or "closed again") is nothing to the second. Prints whether that works, and
 * ends with it open.
 */
import { createClient, shutdownAll, type LocalClient } from "latchdb";

const [directory, what] = process.argv.slice(2);

async function shutDownFirst(): Promise<LocalClient | undefined> {
  const first = createClient({ url: `file:${directory}/first.db` });
  await first.execute("select 1");
  await first.shutdown();
  return what === "collected" ? undefined : first;
}

const first = await shutDownFirst();
// This copy of latchdb lets go of the addon after a second.
await new Promise((resolve) => setTimeout(resolve, 1500));
const second = createClient({ url: `file:${directory}/second.db` });
await second.execute("pragma journal_mode = wal");
first?.close();
for (let i = 0; i < 10; i++) {
  globalThis.gc?.();
  await new Promise((resolve) => setTimeout(resolve, 10));
}
await second.execute("create table t (a)");
if (what !== "shutdownAll") process.exit();
console.log((await shutdownAll()).clients.length);
