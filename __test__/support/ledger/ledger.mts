/**
 * Databases of numbered rows, of which one statement tells whether they are whole: each row says its
 * number and its version, and a filler of the version makes all pages of two versions differ.
 */
import type { Client, InStatement, ResultSet } from "latchdb";

/** What runs statements: a client of ours or the stock one, or a transaction. */
interface Executor {
  execute(stmt: InStatement): Promise<ResultSet>;
}

/** The versions: the old database's, and the new one's. */
export const OLD = 1;
export const NEW = 2;

const SCHEMA = `
  create table entry (id integer primary key, version integer not null, body text not null);
  create index entry_body on entry (body);`;

/** What the body of a row must be. */
function body(id: string, version: string): string {
  return `printf('%d.%06d.', ${version}, ${id}) || replace(hex(zeroblob(250)), '00', char(64 + ${version}))`;
}

/** Makes the tables. */
export async function create(client: Client, version: number): Promise<void> {
  await client.executeMultiple(`${SCHEMA} pragma user_version = ${version};`);
}

/** Adds the rows `first` to `last`. */
export async function add(
  executor: Executor,
  version: number,
  first: number,
  last: number,
): Promise<void> {
  await executor.execute(`
    insert into entry
    with recursive n (i) as (values (${first}) union all select i + 1 from n where i < ${last})
    select i, ${version}, ${body("i", `${version}`)} from n`);
}

/** Adds one row of the version that the database has then. */
export async function addOne(executor: Executor, id: number): Promise<void> {
  await executor.execute(`
    insert into entry
    select ${id}, user_version, ${body(`${id}`, "user_version")} from pragma_user_version`);
}

/** Makes the tables of the new database, and a row of the new version for each row of the old one. */
export async function rebuild(staging: Client, old: Executor): Promise<void> {
  const { rows } = await old.execute("select id from entry");
  await create(staging, NEW);
  await staging.execute({
    sql: `insert into entry select value, ${NEW}, ${body("value", `${NEW}`)} from json_each(?)`,
    args: [JSON.stringify(rows.map(({ id }) => id))],
  });
}

/** One statement, and so one snapshot: all of what {@link describe} looks at. */
const EVERYTHING = `
  select
    (select user_version from pragma_user_version) as user_version,
    count(*) as count, coalesce(min(id), 1) as first, coalesce(max(id), 0) as last,
    min(version) as lowest, max(version) as highest,
    total(body <> ${body("id", "version")}) as torn,
    (select group_concat(found, '; ')
      from (select integrity_check as found from pragma_integrity_check limit 2)) as integrity
  from entry`;

/**
 * What a database is: "old" or "new" and its number of rows, where it has the rows 1 to that number,
 * all of one version and whole; or else what is wrong with it.
 */
export async function describe(executor: Executor): Promise<string> {
  const { rows } = await executor.execute(EVERYTHING);
  const [row = {}] = rows;
  const found = row as Record<string, unknown>;
  const { user_version, count, first, last, lowest, highest, torn, integrity } = found;
  const isWhole =
    integrity === "ok" &&
    torn === 0 &&
    first === 1 &&
    last === count &&
    lowest === user_version &&
    highest === user_version;
  const name = user_version === OLD ? "old" : user_version === NEW ? "new" : undefined;
  if (isWhole && name !== undefined) return `${name} ${String(count)}`;
  return `neither old nor new: ${JSON.stringify(found)}`;
}
