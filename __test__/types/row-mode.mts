/** Checked by the compiler: rows have the type of their client's `rowMode`. */
import { createClient } from "latchdb";
import type { Client, LatchConfig, LocalClient, ObjectClient, ObjectRow, Value } from "latchdb";

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
