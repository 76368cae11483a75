/** What runs in each web runtime, in a bundle: calls of every kind on a server, and what came of them. */
import { createClient, LibsqlBatchError, LibsqlError, sql } from "latchdb/web";

/** More rows than are made without compiled code, where the runtime lets code be compiled. */
const MANY = 1000;

/** What is in a report can be sent as JSON. */
export type Report = Record<string, unknown>;

/** What the program is to do. It can be sent as JSON, too. */
export interface Task {
  /** The server. */
  url: string;
  authToken: string;
  /** The name of a table, which no other run has. */
  table: string;
  /** A URL of the same protocol at which nothing listens. */
  refusing: string;
}

/** Runs the calls. */
export async function run({ url, authToken, table, refusing }: Task): Promise<Report> {
  const client = createClient({ url, authToken });
  const report: Report = { protocol: client.protocol, "code of strings": compiles() };

  await client.executeMultiple(
    `create table ${table} (a integer primary key, b); create table ${table}_log (c)`,
  );
  const values = [null, 1, 1.5, 2n ** 53n - 1n, true, "Zürich 🏔", new Uint8Array([0, 255])];
  const types: unknown[] = [];
  for (const value of [...values, new Uint8Array([1, 2]).buffer, new Date(86_400_000)]) {
    const insert = `insert into ${table} (b) values (?) returning typeof(b) as type, b`;
    const { rows, rowsAffected } = await client.execute({ sql: insert, args: [value] });
    types.push([rowsAffected, rows[0]?.["type"], plain(rows[0]?.["b"])]);
  }
  report["values"] = types;

  const named = await client.execute({ sql: "select :x as x, $y as y", args: { x: "x", y: 2 } });
  report["named"] = [named.columns, named.rows];
  const many = await client.execute(
    `with recursive c (n) as (select 1 union all select n + 1 from c where n < ${MANY}) select n, n * 2 as m from c`,
  );
  report["many"] =
    many.rows.length === MANY &&
    many.rows.every((row, at) => row["n"] === at + 1 && row[1] === 2 * at + 2);

  const [inserted, count] = await client.batch(
    [
      { sql: `insert into ${table}_log values (?)`, args: [1] },
      `select count(*) as count from ${table}_log`,
    ],
    "write",
  );
  report["batch"] = [inserted?.rowsAffected, count?.rows[0]?.["count"]];

  const kept = await client.transaction("write");
  await kept.execute({ sql: `insert into ${table}_log values (?)`, args: [2] });
  const inside = await kept.execute(`select count(*) from ${table}_log`);
  await kept.commit();
  const undone = await client.transaction("write");
  await undone.execute(`delete from ${table}_log`);
  await undone.rollback();
  const after = await client.execute(`select count(*) from ${table}_log`);
  report["transactions"] = [inside.rows[0]?.[0], after.rows[0]?.[0], kept.closed, undone.closed];

  const within = await client.transaction(async (tx) => {
    await tx.execute(sql`insert into ${sql.id(`${table}_log`)} values (${3})`);
    await tx
      .transaction(async (inner) => {
        await inner.execute(`delete from ${table}_log`);
        throw new RangeError("not this");
      })
      .catch(() => undefined);
    const prepared = tx.prepare(`insert into ${table}_log values (?)`);
    await prepared.executeMany([[4], [5]]);
    return await tx.get({ sql: `select count(*) from ${table}_log`, rowMode: "pluck" });
  });
  await client.execute(`delete from ${table}_log where c > 2`);
  report["function"] = within;

  // Rows of a statement that never ends: they come while it runs.
  const endless =
    "with recursive c (n) as (select 1 union all select n + 1 from c) select n from c";
  let sum = 0;
  for await (const n of client.iterate<number>({ sql: endless, rowMode: "pluck" })) {
    sum += n;
    if (n === MANY) break;
  }
  report["iterator"] = sum === (MANY * (MANY + 1)) / 2;
  const resting = client.iterate(endless);
  await resting.next();

  report["constraint"] = await errorOf(client.execute(`insert into ${table} (a) values (1)`));
  report["failed batch"] = await errorOf(
    client.batch([`delete from ${table}`, `insert into ${table} values (1, 1), (1, 1)`], "write"),
  );
  report["infinite"] = await errorOf(client.execute("select 9e999"));
  report["no sql"] = await errorOf(client.execute("nonsense"));
  const controller = new AbortController();
  const aborted = client.execute({ sql: "select 1", signal: controller.signal });
  controller.abort();
  report["aborted"] = await errorOf(aborted);
  const left = await client.execute(`select count(*) from ${table}`);
  report["left"] = left.rows[0]?.[0];

  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, n) => client.execute({ sql: "select ?", args: [n] })),
  );
  report["in flight"] = answers.every(({ rows }, n) => rows[0]?.[0] === n);

  const lost = createClient({ url: refusing });
  report["refused connection"] = await errorOf(lost.execute("select 1"));
  lost.close();

  const late = client.execute("select 1");
  client.close();
  report["under way at close()"] = await errorOf(late);
  report["iterator at close()"] = await errorOf(resting.next());
  report["after close()"] = [client.closed, await errorOf(client.execute("select 1"))];
  return report;
}

/** Whether the runtime makes code of strings, as the rows of larger results use it. */
function compiles(): boolean {
  try {
    return new Function("return true")() === true;
  } catch {
    return false;
  }
}

/** The code of the error of a call, by way of its class. */
async function errorOf(call: Promise<unknown>): Promise<unknown> {
  try {
    await call;
    return "no error";
  } catch (error) {
    if (error instanceof LibsqlBatchError) return [error.code, error.statementIndex];
    return error instanceof LibsqlError ? error.code : (error as Error).name;
  }
}

/** A value that JSON can carry. */
function plain(value: unknown): unknown {
  return value instanceof ArrayBuffer ? [...new Uint8Array(value)] : value;
}
