/** Checked by the compiler: the rows of `sql<Row>`, of `get()`, and what `transaction(fn)` resolves to. */
import { createClient, sql } from "latchdb";
import type { Client, InStatement, ObjectRow, Row, SqlStatement, Transaction } from "latchdb";

interface Person {
  id: number;
  name: string | null;
}

export async function typedRows(url: string): Promise<unknown[]> {
  const client = createClient({ url });
  const statement = sql<Person>`select id, name from people where id in ${[1, 2]}`;
  const { rows } = await client.execute(statement);
  const id: number | undefined = rows[0]?.id;
  // A row can be read by index, too.
  const first = rows[0]?.[0];
  // @ts-expect-error: a name is no number
  const wrong: number | undefined = rows[0]?.name;
  const person: Person | undefined = await client.get(statement);
  const named = await client.get<Person>("select * from people where id = ?", [1]);
  const row: Row | undefined = await client.get(sql`select ${1}`);
  const explicit = (await client.execute<Person>({ sql: "select 1", args: [] })).rows[0]?.name;
  const inBatch: InStatement[] = [statement, sql`select 1`];
  await client.batch(inBatch);
  await client.batch([statement, sql`select ${sql.id("main", "t")} ${sql.raw("desc")}`]);
  const plain: SqlStatement = statement;
  // @ts-expect-error: a template, no function
  sql("select 1");
  return [id, first, wrong, person?.name, named?.id, row?.["a"], explicit, plain];
}

export async function objectRows(url: string): Promise<unknown[]> {
  const client = createClient({ url, rowMode: "object" });
  const [typed] = (await client.execute(sql<Person>`select 1`)).rows;
  const person: Person | undefined = typed;
  const row: ObjectRow | undefined = await client.get(sql`select 1`);
  const value = await client.transaction(async (tx) => {
    const inner: ObjectRow | undefined = await tx.transaction((nested) => nested.get("select 1"));
    return inner?.["a"];
  });
  return [person, row, value];
}

export async function transactions(url: string): Promise<unknown[]> {
  const client = createClient({ url });
  const count: number = await client.transaction(
    async (tx) => {
      const asStock: Transaction = tx;
      await tx.transaction(async (inner) => (await inner.get<Person>("select 1"))?.id);
      return asStock.closed ? 1 : 2;
    },
    { mode: "write", retries: 2, signal: new AbortController().signal },
  );
  const handle = await client.transaction("read");
  const stockClient: Client = client;
  const stockHandle: Transaction = await stockClient.transaction("write");
  // @ts-expect-error: such a function's calls would not be awaited
  await client.transaction((tx) => void tx.execute("select 1"));
  // @ts-expect-error: the mode is an option
  await client.transaction(async () => 1, "write");
  return [count, handle.closed, stockHandle];
}
