import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import test from "ava";
import * as core from "@libsql/core/api";
import { expandConfig } from "@libsql/core/config";
import * as main from "latchdb";
import * as node from "latchdb/node";
import * as sqlite3 from "latchdb/sqlite3";
import * as swap from "latchdb/swap";
import type {
  Client,
  Config,
  InArgs,
  InStatement,
  InValue,
  IntMode,
  Replicated,
  ResultSet,
  Row,
  Transaction,
  TransactionMode,
  Value,
} from "latchdb";
import { openClient, temporaryDatabase } from "../support/database.mjs";

const require = createRequire(import.meta.url);

/** What latchdb adds: the same as in latchdb/swap. */
const swapping = [
  "SwapError",
  "copyDatabase",
  "fsyncDirectory",
  "fsyncFile",
  "recover",
  "removeWithRetry",
  "renameDurably",
  "swapDatabase",
  "swapFile",
];
const common = [
  "LibsqlBatchError",
  "LibsqlError",
  "createClient",
  "shutdownAll",
  "sql",
  "terminateWorker",
  ...swapping,
].sort();
const local = [
  "ConnectionPool",
  "LibsqlBatchError",
  "LibsqlError",
  "Sqlite3Client",
  "Sqlite3Transaction",
  "_createClient",
  "createClient",
  "shutdownAll",
  "sql",
  "terminateWorker",
];

for (const { name, imported, expected } of [
  { name: "latchdb", imported: main, expected: common },
  { name: "latchdb/node", imported: node, expected: common },
  { name: "latchdb/sqlite3", imported: sqlite3, expected: local },
  { name: "latchdb/swap", imported: swap, expected: swapping },
]) {
  test(`import of ${name} has its names and no default`, (t) => {
    t.deepEqual(Object.keys(imported).sort(), expected);
  });

  test(`require of ${name} has the same names`, (t) => {
    const required = require(name) as object;
    t.deepEqual(Object.keys(required).sort(), expected);
  });
}

test("the errors are the same classes from every entry", (t) => {
  t.is(node.LibsqlError, main.LibsqlError);
  t.is(sqlite3.LibsqlError, main.LibsqlError);
  t.is(node.LibsqlBatchError, main.LibsqlBatchError);
  t.is(sqlite3.LibsqlBatchError, main.LibsqlBatchError);
  t.is(swap.SwapError, main.SwapError);
  t.is((require("latchdb/swap") as typeof swap).SwapError, main.SwapError);
});

test("the errors are those of @libsql/core", (t) => {
  const required = require("@libsql/core/api") as typeof core;
  t.true([core.LibsqlError, required.LibsqlError].includes(main.LibsqlError));
  t.true([core.LibsqlBatchError, required.LibsqlBatchError].includes(main.LibsqlBatchError));
});

test("a local client and its transaction are Sqlite3Client and Sqlite3Transaction", async (t) => {
  const client = await openClient(t);
  t.true(client instanceof sqlite3.Sqlite3Client);
  t.is(client.constructor.name, "Sqlite3Client");
  const transaction = await client.transaction();
  t.true(transaction instanceof sqlite3.Sqlite3Transaction);
  t.is(transaction.constructor.name, "Sqlite3Transaction");
  transaction.close();
});

test("_createClient takes a configuration that was expanded already", async (t) => {
  const { url } = await temporaryDatabase(t);
  const client = sqlite3._createClient(expandConfig({ url, intMode: "bigint" }, true));
  t.teardown(() => client.close());
  const { rows } = await client.execute("select 1 as a");
  t.deepEqual({ ...rows[0] }, { a: 1n });
});

test("a program that uses every exported type compiles and runs", async (t) => {
  const { url } = await temporaryDatabase(t);
  const intMode: IntMode = "number";
  const config: Config = { url, intMode };
  const client: Client = main.createClient(config);
  t.teardown(() => client.close());
  const mode: TransactionMode = "read";
  const transaction: Transaction = await client.transaction(mode);
  const value: InValue = true;
  const args: InArgs = [value];
  const statement: InStatement = { sql: "select ? as a", args };
  const resultSet: ResultSet = await transaction.execute(statement);
  const rows: Row[] = resultSet.rows;
  const values: Array<Value | undefined> = rows.map((row) => row["a"]);
  t.deepEqual(values, [1]);
  await transaction.commit();
  const replicated: Replicated = undefined;
  t.is(replicated, undefined);
});

test("a client can be passed to code written for the types of @libsql/core", async (t) => {
  const client: core.Client = await openClient(t);
  const transaction: core.Transaction = await client.transaction();
  const { rows } = await transaction.execute("select 1 as a");
  t.deepEqual({ ...rows[0] }, { a: 1 });
  await transaction.commit();
});

test("latchdb/sqlite3, /http, /ws and /web name every type of latchdb", (t) => {
  const root = new URL("../../../", import.meta.url);
  const typesIn = (path: string): string[] => {
    const text = readFileSync(new URL(path, root), "utf8");
    const lists = [...text.matchAll(/^export type \{(.*?)\}/gms)].map(([, list = ""]) => list);
    const declared = [...text.matchAll(/^export (?:interface|type) (\w+)/gm)];
    return [
      ...lists.flatMap((list) => list.match(/\w+/g) ?? []),
      ...declared.map(([, a = ""]) => a),
    ];
  };
  const named = new Set(typesIn("types/shared.d.ts"));
  const files = ["index.d.ts", "types/swap.d.ts", "types/swap-database.d.ts"];
  const missing = files
    .flatMap(typesIn)
    .filter((name) => !named.has(name) && !name.startsWith("Libsql"));
  t.deepEqual(missing, []);
  for (const entry of ["sqlite3", "http", "ws", "web"]) {
    const text = readFileSync(new URL(`types/${entry}.d.ts`, root), "utf8");
    t.true(text.includes('export * from "./shared.js";'), entry);
  }
});
