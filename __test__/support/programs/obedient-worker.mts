/** A worker that does one thing and says that it is "busy". */
import { parentPort, workerData } from "node:worker_threads";
import { createClient } from "latchdb";
import { endlessQuery } from "../queries.mjs";

/** What the worker does. */
export interface Task {
  url: string;
  does: "endless" | "inserts" | "spin" | "closed" | "exit soon";
}

const { url, does } = workerData as Task;
const say = (text: string): void => parentPort?.postMessage(text);
const client = createClient({ url });
await client.execute("select 1");
// It stays until it is ended.
setInterval(() => undefined, 1000);

switch (does) {
  case "endless":
    client.execute(endlessQuery).catch(() => undefined);
    say("busy");
    break;
  case "inserts": {
    const inserts = Array.from({ length: 100 }, (_, i) =>
      client.execute({ sql: "insert into t values (?)", args: [i] }),
    );
    void Promise.all(inserts).then(() => say("all inserted"));
    say("busy");
    break;
  }
  case "spin":
    say("busy");
    for (;;);
  case "closed":
    client.close();
    say("busy");
    break;
  case "exit soon":
    client.execute(endlessQuery).catch(() => undefined);
    say("busy");
    setTimeout(() => process.exit(), 50);
}
