/** Checked by the compiler: rows have the type that the caller gives them. */
import type { LatchClient, LatchTransaction, Value } from "latchdb";

interface Place {
  id: number;
  name: string | null;
}

export async function typedRows(executor: LatchClient | LatchTransaction): Promise<Place> {
  const { rows, columns } = await executor.execute<Place>("select id, name from place");
  const [place] = rows;
  if (place === undefined) throw new Error(`no row of ${columns.join()}`);
  const id: number = place.id;
  const name: string | null = place.name;
  const byIndex: Value | undefined = place[0];
  const { length } = place;
  // @ts-expect-error: it is a number
  const wrong: string = place.id;
  return { id: id + length, name: `${name}${byIndex}${wrong}` };
}

export async function rowsWithoutType(executor: LatchClient): Promise<Value | undefined> {
  const { rows } = await executor.execute("select 1 as a");
  return rows[0]?.["a"];
}
