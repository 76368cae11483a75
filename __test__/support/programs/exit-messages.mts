/** Ends with a client open, and prints the steps in which it is closed. */
import { subscribe } from "node:diagnostics_channel";
import { createClient } from "latchdb";

subscribe("latchdb:close", (message) => console.log((message as { step: string }).step));
const client = createClient({ url: `file:${process.argv[2]}/test.db` });
await client.execute("select 1");
process.exit(0);
