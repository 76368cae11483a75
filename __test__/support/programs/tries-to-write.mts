/** Told a number and a file, it tries at once to write to that database, and says the number and what came of it. */
import { createInterface } from "node:readline";
import { createClient, type LibsqlError } from "latchdb";

console.log("ready");
for await (const line of createInterface({ input: process.stdin })) {
  const [number = "", file = ""] = line.split(/ (.*)/);
  const client = createClient({ url: `file:${file}` });
  const written = client.execute("insert into t values ('from another process')");
  const answer = await written.then(
    () => "written",
    (error: LibsqlError) => error.code,
  );
  client.close();
  console.log(`${number} ${answer}`);
  console.log(`${number} done`);
}
