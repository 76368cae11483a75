/** Tries to get the write lock of a database until somebody else has it, and says "locked". */
import { setTimeout } from "node:timers/promises";
import { createClient, LibsqlError } from "latchdb";

const client = createClient({ url: `file:${process.argv[2]}` });
for (;;) {
  const transaction = await client.transaction("write").catch((error: unknown) => error);
  if (transaction instanceof LibsqlError && transaction.code === "SQLITE_BUSY") break;
  if (transaction instanceof Error) throw transaction;
  (transaction as { close(): void }).close();
  await setTimeout(1);
}
client.close();
console.log("locked");
