/** A worker with everything in flight. It says so, and is then ended by its parent or by itself. */
import { parentPort, workerData } from "node:worker_threads";
import { createClient } from "latchdb";
import { endlessQuery } from "../queries.mjs";

const { file, way } = workerData as { file: string; way: string };
const url = `file:${file}`;
const ignore = (): void => undefined;

const holder = createClient({ url });
const reader = createClient({ url });
const blocked = createClient({ url, timeout: 60_000 });
const memory = createClient({ url: ":memory:" });

const transaction = await holder.transaction("write");
await transaction.execute("insert into t values ('never')");
await Promise.all([reader.execute("select 1"), memory.execute("create table t (a)")]);

// A natural end waits for what is in flight: there is nothing then but what is open and idle.
if (way !== "end") {
  reader.execute(endlessQuery).catch(ignore);
  memory.execute(endlessQuery).catch(ignore);
  blocked.execute("insert into t values ('never')").catch(ignore);
  blocked.transaction("write").catch(ignore);
  holder.batch(["insert into t values ('never')"]).catch(ignore);
  for (let i = 0; i < 50; i++) {
    reader.execute("select count(*) from t").catch(ignore);
    memory.execute("select 1").catch(ignore);
  }
}
parentPort?.postMessage("in flight");

switch (way) {
  case "terminate":
    // Answers go on coming in while the parent ends us.
    for (;;) await transaction.execute("select count(*) from t");
  case "exit":
    process.exit(3);
  case "throw":
    throw new Error("thrown on purpose");
}
