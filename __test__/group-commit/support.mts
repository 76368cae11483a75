/** A client whose writes are committed in groups, and statements that succeed and fail in many ways. */
import type { ExecutionContext } from "ava";
import type { Client, InStatement, LocalClient } from "latchdb";
import { temporaryDatabase, type TemporaryDatabase } from "../support/database.mjs";
import type { JournalMode } from "../support/queries.mjs";

/** A write with a number, of one of the kinds of {@link kinds}. */
export type Write = (number: number) => InStatement;

const tables = `
  create table t (id integer primary key, a unique, b check (b is null or b < 1000000));
  create table parent (id integer primary key);
  create table child (id integer primary key, parent references parent deferrable initially deferred);
  create table strict_child (id integer primary key, parent references parent);
  create table log (at integer primary key, what);
  create table refused (kind);
  create trigger abort before insert on refused when new.kind = 'abort'
    begin insert into log (what) values ('abort'); select raise(abort, 'no'); end;
  create trigger fail before insert on refused when new.kind = 'fail'
    begin insert into log (what) values ('fail'); select raise(fail, 'no'); end;
  create trigger rollback before insert on refused when new.kind = 'rollback'
    begin insert into log (what) values ('rollback'); select raise(rollback, 'no'); end;
  create trigger ignore before insert on refused when new.kind = 'ignore'
    begin insert into log (what) values ('ignore'); select raise(ignore); end;
  create table counter (n);
  insert into counter values (0);
  create virtual table search using fts5 (text);
  create virtual table old_search using fts4 (text);
`;

/** The kinds of writes. Each runs the same text, so that the client gets to know it. */
export const kinds: readonly Write[] = [
  (n) => ({ sql: "insert into t (a, b) values (?, ?)", args: [n, n] }),
  (n) => ({ sql: "insert into t (a, b) values (?, ?)", args: [n % 7, n] }),
  (n) => ({ sql: "insert into t (a, b) values (?1, 1) returning id, a, ?1 + 1 as c", args: [n] }),
  (n) => ({ sql: "insert or fail into t (a) values (?), (?), (?)", args: [n, n % 5, n + 0.5] }),
  (n) => ({ sql: "insert or rollback into t (a) values (?), (?)", args: [n, n % 3] }),
  (n) => ({ sql: "insert or ignore into t (a) values (?), (?)", args: [n, n % 11] }),
  (n) => ({ sql: "insert or replace into t (a) values (?), (?)", args: [n, n % 13] }),
  (n) => ({ sql: "insert into t (b) values (?)", args: [n % 2 === 0 ? 2_000_000 : n] }),
  (n) => ({ sql: "insert into child (parent) values (?)", args: [n % 3] }),
  (n) => ({ sql: "insert into strict_child (parent) values (?)", args: [n % 3] }),
  (n) => ({ sql: "insert or ignore into parent values (?)", args: [n % 3] }),
  (n) => ({ sql: "delete from parent where id = ?", args: [n % 3] }),
  (n) => ({
    sql: "insert into refused values (?)",
    args: [["abort", "fail", "rollback", "ignore", "none"][n % 5] ?? ""],
  }),
  () => "update counter set n = n + 1",
  () => "update counter set n = n + 1 returning n",
  () => "update counter set n = last_insert_rowid() + changes()",
  (n) => ({ sql: "delete from t where a = ?", args: [n % 7] }),
  (n) => ({ sql: "insert into search values (?)", args: [`word${n % 10} and more`] }),
  (n) => ({ sql: "delete from search where rowid = ?", args: [n % 20] }),
  (n) => ({ sql: "insert into old_search values (?)", args: [`word${n % 10}`] }),
  (n) => ({
    sql: "insert into t (a, b) values (?, 1) on conflict (a) do update set b = b + 1",
    args: [n % 7],
  }),
  () => "select changes(), last_insert_rowid()",
];

/** What is in the database at the end. */
export const contents = [
  "select * from t order by id",
  "select * from parent order by id",
  "select * from child order by id",
  "select * from strict_child order by id",
  "select what from log order by at",
  "select kind from refused order by rowid",
  "select n from counter",
  "select rowid, text from search order by rowid",
  "select count(*) from search where search match 'word1'",
  "select rowid, text from old_search where text match 'word1'",
];

/** A database with the tables, in which a commit waits for the disk, and a client of it. */
export async function prepared(
  t: ExecutionContext,
  mode: JournalMode,
  options: Parameters<TemporaryDatabase["open"]>[0] = {},
): Promise<{ database: TemporaryDatabase; client: LocalClient }> {
  const database = await temporaryDatabase(t);
  const client = database.open(options);
  await client.executeMultiple(`pragma journal_mode = ${mode}; ${tables}`);
  await client.execute("pragma synchronous = full");
  await client.execute("pragma foreign_keys = on");
  return { database, client };
}

/** The rows of {@link contents}. */
export async function readAll(client: Client): Promise<unknown[]> {
  const results = await Promise.all(contents.map((sql) => client.execute(sql)));
  return results.map(({ rows }) => rows.map((row) => Array.from(row as ArrayLike<unknown>)));
}
