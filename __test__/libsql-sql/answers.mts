/** What a client answers to a statement, as one line of text. */
import type { Client } from "@libsql/client";

/** The values of all rows, blobs as `x…`; or the text of the error. */
export async function answer(client: Pick<Client, "execute">, sql: string): Promise<string> {
  try {
    const { rows } = await client.execute(sql);
    return JSON.stringify(rows.map((row) => Array.from(row, plain)));
  } catch (error) {
    return `error: ${(error as Error).message}`;
  }
}

function plain(value: unknown): unknown {
  return value instanceof ArrayBuffer ? `x${Buffer.from(value).toString("hex")}` : value;
}
