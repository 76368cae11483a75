/** Checked by the compiler: rows have the type of their client's `rowMode`. */
import { createClient } from "latchdb";
import type {
  Client,
  ClientInMode,
  ExpandedRow,
  LatchConfig,
  LocalClient,
  ObjectClient,
  ObjectRow,
  ResultSetOf,
  Row,
  RowIterator,
  RowMode,
  Value,
} from "latchdb";
import { sql } from "latchdb";

export async function plainObjects(url: string): Promise<Value | undefined> {
  const client: ObjectClient = createClient({ url, rowMode: "object" });
  const { rows } = await client.execute("select 1 as a");
  const [row]: ObjectRow[] = rows;
  const places = await client.execute<{ id: number }>("select id from place");
  const id: number | undefined = places.rows[0]?.id;
  // @ts-expect-error: such a row has no length
  const length: number | undefined = places.rows[0]?.length;
  const transaction = await client.transaction();
  const [result] = await transaction.batch(["select 1 as a"]);
  // @ts-expect-error: a library that takes a Client may read rows by index
  const asClient: Client = client;
  return row?.["a"] ?? result?.rows[0]?.["a"] ?? id ?? length ?? asClient.protocol;
}

export function indexedRows(url: string, config: LatchConfig): LocalClient[] {
  return [createClient({ url }), createClient({ url, rowMode: "row" }), createClient(config)];
}

// @ts-expect-error: there is no such mode
export const unknown = (url: string): unknown => createClient({ url, rowMode: "rows" });

/** The mode of a statement decides what its rows are. */
export async function modesOfStatements(url: string, mode: RowMode): Promise<unknown[]> {
  const client = createClient({ url });
  const text = "select 1 as a";
  const arrays: Value[][] = (await client.execute({ sql: text, rowMode: "array" })).rows;
  const values: Value[] = (await client.execute({ sql: text, rowMode: "pluck" })).rows;
  const objects: ObjectRow[] = (await client.execute({ sql: text, rowMode: "object" })).rows;
  const expanded: ExpandedRow[] = (await client.execute({ sql: text, rowMode: "expand" })).rows;
  const rows: Row[] = (await client.execute({ sql: text, rowMode: "row" })).rows;
  const typed: ResultSetOf<{ a: number }> = await client.execute<{ a: number }>({ sql: text });
  const count: number | undefined = await client.get<number>({ sql: text, rowMode: "pluck" });
  const pairs = await client.execute<[number, string]>({ ...sql`select ${1}`, rowMode: "array" });
  const second: string | undefined = pairs.rows[0]?.[1];
  const iterator: RowIterator<Value> = client.iterate({ sql: text, rowMode: "pluck" });
  const unknownRows: unknown[] = (await client.execute({ sql: text, rowMode: mode })).rows;
  const plucked = await client.get({ sql: text, rowMode: "pluck" });
  // @ts-expect-error: a value has no columns
  const wrong: Row | undefined = plucked;
  // @ts-expect-error: there is no such mode
  await client.execute({ sql: text, rowMode: "rows" });
  const inner = await client.transaction((tx) =>
    tx.transaction((nested) => nested.get<number>({ sql: text, rowMode: "pluck", strict: true })),
  );
  const sum: number | undefined = inner;
  await client.batch([text, { sql: text, rowMode: "pluck", intMode: "bigint", readOnly: true }]);
  return [
    arrays,
    values,
    objects,
    expanded,
    rows,
    typed,
    count,
    second,
    iterator,
    unknownRows,
    wrong,
    sum,
  ];
}

/** The mode of a client is that of its statements, unless they say another. */
export async function modesOfClients(url: string): Promise<unknown[]> {
  const arrays: ClientInMode<Value[]> = createClient({ url, rowMode: "array" });
  const plucked = createClient({ url, rowMode: "pluck", converters: { json: JSON.parse } });
  const expanded = createClient({ url, rowMode: "expand", limits: { length: 5 } });
  const row: Value[] | undefined = await arrays.get("select 1");
  const value: Value | undefined = await plucked.get("select 1");
  const count: number | undefined = await plucked.get<number>("select 1");
  const tables: ExpandedRow | undefined = await expanded.transaction((tx) => tx.get("select 1"));
  const object: ObjectRow | undefined = await arrays.get({ sql: "select 1", rowMode: "object" });
  const [result] = await plucked.batch(["select 1"]);
  const first: Value | undefined = result?.rows[0];
  // @ts-expect-error: a library that takes a Client may read rows by index
  const asClient: Client = arrays;
  return [row, value, count, tables, object, first, asClient];
}
