/** A worker that does one kind of work with a client of its own, when it is told to begin. */
import { parentPort, workerData } from "node:worker_threads";
import { createClient } from "latchdb";
import { kinds } from "../clients-at-once.mjs";

const { url, kind, id, count, mode } = workerData as {
  url: string;
  kind: string;
  id: number;
  count: number;
  mode: string;
};
const client = createClient({ url });
parentPort?.once("message", () => {
  void (async () => {
    await kinds[kind]?.(client, id, count, mode).finally(() => client.close());
    parentPort?.postMessage("done");
  })();
});
parentPort?.postMessage("ready");
