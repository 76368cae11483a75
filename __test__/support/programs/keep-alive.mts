/** Opens a client, does something, and comes to its end without closing it. */
import { createClient } from "latchdb";
import { countTo } from "../queries.mjs";

const [file, way] = process.argv.slice(2);
const client = createClient({ url: `file:${file}`, timeout: 60_000 });

switch (way) {
  case "untouched":
    break;
  case "idle":
    await client.execute("select 1");
    break;
  case "idle transaction": {
    const transaction = await client.transaction("write");
    await transaction.execute("create table t (a)");
    break;
  }
  case "pending query":
    void client.execute(countTo(1_000_000)).then(() => console.log("answered"));
    break;
  case "pending in memory":
    void createClient({ url: ":memory:" })
      .execute(countTo(1_000_000))
      .then(() => console.log("answered"));
    break;
  case "long batch":
    void client
      .batch(Array.from({ length: 20_000 }, () => "select 1"))
      .then(() => console.log("answered"));
    break;
  case "waiting for a lock":
    void client.execute("create table waited (a)").then(() => console.log("answered"));
    console.log("waiting");
    break;
  case "shutting down":
    void client.execute(countTo(1_000_000));
    void client.shutdown({ drain: true }).then(() => console.log("answered"));
    break;
  case "aborted": {
    const controller = new AbortController();
    const query = client.execute({ sql: countTo(1e9), signal: controller.signal });
    query.catch(() => console.log("answered"));
    setImmediate(() => controller.abort());
    break;
  }
}
