/** Shuts down with a drain, and has nothing else to do. */
import { createClient, shutdownAll } from "latchdb";
import { countTo } from "../queries.mjs";

const client = createClient({ url: `file:${process.argv[2]}/test.db` });
void client.execute(countTo(2_000_000)).then(() => console.log("answered"));
void shutdownAll({ drain: true }).then(() => console.log("shut down"));
