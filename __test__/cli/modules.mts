// The modules of lib/cli that the tests call without a process.
import type { Readable, Writable } from "node:stream";
import type { InArgs, LatchClient, Row } from "latchdb";
import { internal } from "../support/internals.mjs";

interface SplitStatement {
  sql: string;
  line: number;
}

interface StatementSplitter {
  isPending: boolean;
  read(text: string): SplitStatement[];
  end(): SplitStatement[];
}

export const { splitStatements, StatementSplitter } = internal<{
  splitStatements(text: string): SplitStatement[];
  StatementSplitter: new () => StatementSplitter;
}>("cli/sql/splitter");

interface Result {
  columns: string[];
  rows: Row[];
  rowsAffected: number;
}

interface Session {
  inTransaction: boolean;
  run(sql: string, args?: InArgs, signal?: AbortSignal): Promise<Result>;
  end(): Promise<boolean>;
}

export const { Session } = internal<{ Session: new (client: LatchClient) => Session }>(
  "cli/sql/session",
);

export const { connect, errorText } = internal<{
  connect(url: string, variable?: string): LatchClient;
  errorText(error: unknown): string;
}>("cli/sql/connect");

export type Mode = "table" | "line" | "json" | "csv";

interface Printer {
  print(result: Result): Promise<void>;
}

export const { Printer } = internal<{ Printer: new (output: Writable, mode: Mode) => Printer }>(
  "cli/output/printer",
);

export const { History } = internal<{ History: new (file: string | undefined) => object }>(
  "cli/shell/history",
);

/** What a shell works on. */
interface Shown {
  session: Session;
  printer: Printer;
  timer: boolean;
  write(text: string): void;
}

export const { runRepl } = internal<{
  runRepl(
    terminal: { input: Readable; output: Writable; history: object },
    shown: Shown,
  ): Promise<void>;
}>("cli/shell/repl");

interface TransferOptions {
  replace: boolean;
  signal: AbortSignal;
  onProgress(done: number, total: number, table: string): unknown;
}

export const { transfer } = internal<{
  transfer(
    source: LatchClient,
    target: LatchClient,
    options: TransferOptions,
  ): Promise<{ tables: number; rows: number; refused: string[] }>;
}>("cli/copy/transfer");
