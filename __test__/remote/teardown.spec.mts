/** Clients of servers at the end of their environment. Alone: shutdownAll() closes what other tests have. */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import test from "ava";
import { createClient, shutdownAll, terminateWorker } from "latchdb";
import { hasServer, protocols } from "../support/sqld.mjs";
import { sharedServer } from "./servers.mjs";

const shared = sharedServer(test);

test.serial("shutdownAll() shuts down the clients of servers, too", async (t) => {
  if (!hasServer(t)) return;
  const clients = protocols.map((protocol) => shared.open(t, protocol));
  for (const client of clients) await client.execute("select 1");
  const local = createClient({ url: ":memory:" });
  t.teardown(() => local.close());
  const report = await shutdownAll({ drain: true });
  t.true([...clients, local].every((client) => client.closed));
  const paths = report.clients.map(({ path }) => path);
  for (const protocol of protocols) t.true(paths.includes(`${shared.url(protocol)}/`));
  t.is((await shutdownAll()).clients.length, 0);
});

for (const protocol of protocols) {
  for (const iterates of [false, true]) {
    const what = iterates ? "a client with open iterators" : "a client";
    test.serial(`terminateWorker() shuts down ${what} of a worker (${protocol})`, async (t) => {
      if (!hasServer(t)) return;
      const url = shared.url(protocol);
      const worker = new Worker(new URL("./teardown-worker.mjs", import.meta.url), {
        workerData: { url, iterates },
      });
      await once(worker, "message");
      // The rows that an iterator waits for do not come.
      const report = await terminateWorker(worker, { drain: !iterates });
      t.true(report.acknowledged);
      t.deepEqual(
        report.clients.map(({ path }) => path),
        [`${url}/`],
      );
    });
  }
}
