/** Checked by the compiler: code that takes a `Queryable` takes clients and transactions of either backend. */
import { createClient, sql } from "latchdb";
import type { ObjectRow, Queryable, QueryableInMode, Row, Value } from "latchdb";
import { createClient as createServerClient } from "latchdb/http";

async function namesIn(db: Queryable): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of db.iterate(sql<{ name: string }>`select name from person`)) {
    names.push(name);
  }
  const first: Row | undefined = await db.get("select name from person");
  const { rows } = await db.execute({ sql: "select 1 as a", rowMode: "object" });
  const value: Value | undefined = rows[0]?.["a"];
  await db.transaction((tx) => tx.prepare("insert into person (name) values (?)").execute(["x"]));
  return [...names, String(first?.[0]), String(value)];
}

async function rowsIn(db: QueryableInMode<ObjectRow>): Promise<ObjectRow[]> {
  await db.transaction(async (tx) => void (await tx.execute("delete from person")));
  return (await db.execute("select name from person")).rows;
}

export async function either(url: string): Promise<unknown> {
  const client = createClient({ url });
  const byHand = await client.transaction("read");
  const nested = await client.transaction((tx) => tx.transaction(namesIn));
  const [all, inside] = [await namesIn(client), await client.transaction(namesIn)];
  const remote = await namesIn(createServerClient({ url: "http://localhost:8080" }));
  const objects = createClient({ url, rowMode: "object" });
  const plain = [await rowsIn(objects), await objects.transaction(rowsIn)];
  // @ts-expect-error: its rows have no index
  const wrong = namesIn(objects);
  return [nested, all, inside, remote, plain, wrong, await namesIn(byHand)];
}
