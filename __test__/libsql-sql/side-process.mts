/**
 * One of the two clients in a process of its own. Argument: the package. Reads requests as JSON, one a line, and
 * prints the answers to each as a line of JSON.
 */
import { createInterface } from "node:readline";
import type { Client, Config } from "@libsql/client";
import { answer } from "./answers.mjs";
import type { Request } from "./sides.mjs";

const [name = ""] = process.argv.slice(2);
const { createClient } = (await import(name)) as { createClient(config: Config): Client };
let client: Client | undefined;
for await (const line of createInterface({ input: process.stdin })) {
  const { config, statements, staysOpen } = JSON.parse(line) as Request;
  const answers: string[] = [];
  try {
    client ??= createClient(config);
    for (const sql of statements) answers.push(await answer(client, sql));
  } catch (error) {
    answers.push(`error: ${(error as Error).message}`);
  }
  if (!staysOpen) {
    client?.close();
    client = undefined;
  }
  console.log(JSON.stringify(answers));
}
client?.close();
