/** Ends with a client open and a transaction in it, in one of several ways. */
import { createClient } from "latchdb";
import { endlessQuery } from "../queries.mjs";

const [file, mode, way] = process.argv.slice(2);
const client = createClient({ url: `file:${file}`, timeout: 60_000 });
await client.execute(`pragma journal_mode = ${mode}`);
await client.batch(["create table t (a)", "insert into t values ('kept')"]);
const transaction = await client.transaction("write");
await transaction.execute("insert into t values ('never')");

switch (way) {
  case "exit":
    process.exit(7);
  case "exit with calls in flight":
    transaction.execute(endlessQuery).catch(() => undefined);
    client.execute("insert into t values ('never')").catch(() => undefined);
    client.transaction("write").catch(() => undefined);
    process.exit(7);
  case "exit while it shuts down":
    void client.shutdown({ drain: true });
    process.exit(7);
  case "throw":
    setImmediate(() => {
      throw new Error("thrown on purpose");
    });
    break;
  case "reject":
    void Promise.reject(new Error("rejected on purpose"));
    break;
}
