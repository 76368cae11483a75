/**
 * Checked by the compiler: the types of `@libsql/client` and ours stand in for each other. A type
 * that did not would be an error in the lines below.
 */
import type * as stock from "@libsql/client";
import type * as stockSqlite3 from "@libsql/client/sqlite3";
import type * as ours from "latchdb";
import type * as oursSqlite3 from "latchdb/sqlite3";

/** Whether each can be used where the other is asked for. */
type Interchangeable<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;
/** Whether the first can be used where the second is asked for. */
type StandsInFor<A, B> = [A] extends [B] ? true : false;

type AllTrue<T extends Record<string, true>> = T;

export type SameInBothDirections = AllTrue<{
  Client: Interchangeable<ours.Client, stock.Client>;
  Transaction: Interchangeable<ours.Transaction, stock.Transaction>;
  ResultSet: Interchangeable<ours.ResultSet, stock.ResultSet>;
  Row: Interchangeable<ours.Row, stock.Row>;
  Value: Interchangeable<ours.Value, stock.Value>;
  Config: Interchangeable<ours.Config, stock.Config>;
  InStatement: Interchangeable<ours.InStatement, stock.InStatement>;
  InArgs: Interchangeable<ours.InArgs, stock.InArgs>;
  InValue: Interchangeable<ours.InValue, stock.InValue>;
  IntMode: Interchangeable<ours.IntMode, stock.IntMode>;
  TransactionMode: Interchangeable<ours.TransactionMode, stock.TransactionMode>;
  Replicated: Interchangeable<ours.Replicated, stock.Replicated>;
  LibsqlError: Interchangeable<ours.LibsqlError, stock.LibsqlError>;
  LibsqlBatchError: Interchangeable<ours.LibsqlBatchError, stock.LibsqlBatchError>;
  LibsqlErrorClass: Interchangeable<typeof ours.LibsqlError, typeof stock.LibsqlError>;
  LibsqlBatchErrorClass: Interchangeable<
    typeof ours.LibsqlBatchError,
    typeof stock.LibsqlBatchError
  >;
}>;

/** What we add, a program that was written for the stock client must not need to know of. */
export type OursForStock = AllTrue<{
  createClient: StandsInFor<typeof ours.createClient, typeof stock.createClient>;
  client: StandsInFor<ReturnType<typeof ours.createClient>, stock.Client>;
  transaction: StandsInFor<ours.LatchTransaction, stock.Transaction>;
  sqlite3CreateClient: StandsInFor<
    typeof oursSqlite3.createClient,
    (config: stockSqlite3.Config) => stockSqlite3.Client
  >;
  Sqlite3Client: StandsInFor<oursSqlite3.Sqlite3Client, stock.Client>;
  Sqlite3Transaction: StandsInFor<oursSqlite3.Sqlite3Transaction, stock.Transaction>;
}>;

type StockNames = keyof typeof stock;
type StockSqlite3Names = keyof typeof stockSqlite3;

/** Every value that the stock client exports, we export. */
export type SameExports = AllTrue<{
  index: StandsInFor<StockNames, keyof typeof ours>;
  sqlite3: StandsInFor<StockSqlite3Names, keyof typeof oursSqlite3>;
}>;
