/** What several clients of one process do with one file at the same time. None of it may fail. */
import type { LocalClient } from "latchdb";

/** One row of a client, in the table that `prepare` makes. */
function insert(client: number, n: number): { sql: string; args: number[] } {
  return { sql: "insert into t (client, n) values (?, ?)", args: [client, n] };
}

const createTable =
  "create table if not exists t (id integer primary key, client integer, n integer)";

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n);
}

type Calls = (client: LocalClient, id: number, count: number, mode: string) => Promise<void>;

/** A kind of work, which writes the rows 0 to `count - 1` of its client. */
export const kinds: Record<string, Calls> = {
  async execute(client, id, count) {
    const half = Math.floor(count / 2);
    for (const n of numbers(half)) await client.execute(insert(id, n));
    await Promise.all(numbers(count - half).map((n) => client.execute(insert(id, half + n))));
  },
  async batch(client, id, count) {
    for (const n of numbers(count)) {
      const mode = n % 2 === 0 ? "write" : "deferred";
      await client.batch(["select count(*) from t", insert(id, n)], mode);
    }
  },
  async executeMultiple(client, id, count) {
    for (const n of numbers(count)) {
      const statement = `insert into t (client, n) values (${id}, ${n})`;
      const script = ["begin", "select count(*) from t", statement, "commit"].join(";\n");
      await client.executeMultiple(n % 2 === 0 ? script : `select 1; ${statement}; select 2`);
    }
  },
  async migrate(client, id, count) {
    for (const n of numbers(count)) await client.migrate([createTable, insert(id, n)]);
  },
  async "start-up"(client, id, count, mode) {
    await client.execute(`pragma journal_mode = ${mode}`);
    await client.execute("create table if not exists other (a)");
    await client.executeMultiple(`${createTable}; create index if not exists i on t (client, n)`);
    for (const n of numbers(count)) await client.execute(insert(id, n));
  },
  async "reads beside writes"(client, id, count) {
    const reading = numbers(4 * count).map(() => client.execute("select * from t"));
    for (const n of numbers(count)) {
      await client.execute("select max(n) from t");
      await client.execute(insert(id, n));
      await client.batch(["select * from t", "select count(*) from t"], "read");
    }
    await Promise.all(reading);
  },
};

/** Makes the file in a journal mode, as the clients find it. */
export async function prepare(client: LocalClient, kind: string, mode: string): Promise<void> {
  if (kind === "start-up") return;
  await client.execute(`pragma journal_mode = ${mode}`);
  await client.execute(createTable);
}
