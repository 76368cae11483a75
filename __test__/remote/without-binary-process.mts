/** A program whose only database is on a server. Prints what it meets, as JSON. */
import { createClient, shutdownAll, terminateWorker } from "latchdb";
import { Worker } from "node:worker_threads";

const answers: unknown[] = [];
for (const url of process.argv.slice(2)) {
  const client = createClient({ url });
  const { rows } = await client.execute("select 1 as a");
  answers.push(rows[0]?.["a"]);
}
try {
  createClient({ url: ":memory:" });
} catch (error) {
  answers.push((error as { code: string }).code);
}
answers.push((await shutdownAll()).clients.length);
const worker = new Worker("setInterval(() => undefined, 1000)", { eval: true });
answers.push((await terminateWorker(worker)).acknowledged);
console.log(JSON.stringify(answers));
