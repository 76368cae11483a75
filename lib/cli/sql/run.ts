/** Runs statements and shows what they give. */
import type { InArgs } from "../../../types/core.js";
import type { Printer } from "../output/printer";
import { errorText } from "./connect";
import { withoutComments, type Session, type StatementResult } from "./session";
import type { SplitStatement } from "./splitter";

/** What statements run on, and how their results are shown. */
export interface Shown {
  session: Session;
  printer: Printer;
  /** Whether the time of each statement is shown. */
  timer: boolean;
  write(text: string): void;
}

/** How a statement is run. */
interface RunOptions {
  args?: InArgs;
  signal?: AbortSignal;
}

/**
 * Runs a statement and prints its rows.
 * @throws LibsqlError; the signal's `reason`
 */
export async function run(shown: Shown, sql: string, options: RunOptions): Promise<void> {
  const { args = [], signal } = options;
  const start = performance.now();
  const result = await shown.session.run(sql, args, signal);
  const ms = performance.now() - start;
  await shown.printer.print(result, signal);
  if (!shown.timer) return;
  shown.write(`(${[...counts(sql, result), duration(ms)].join(", ")})\n`);
}

/** How many rows came or were changed; nothing for a statement that does neither. */
function counts(sql: string, { columns, rows, rowsAffected }: StatementResult): string[] {
  const rowsOf = (count: number): string => `row${count === 1 ? "" : "s"}`;
  if (columns.length > 0) return [`${rows.length} ${rowsOf(rows.length)}`];
  if (!/^(?:insert|replace|update|delete|with)\b/i.test(withoutComments(sql))) return [];
  return [`${rowsAffected} changed ${rowsOf(rowsAffected)}`];
}

/** The error of a script, with its line. */
export class ScriptError extends Error {}

/**
 * Runs a part of a script.
 * @throws ScriptError
 */
export async function atLine<T>(line: number, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    throw new ScriptError(`line ${line}: ${errorText(cause)}`, { cause });
  }
}

/**
 * Runs a statement of a script and prints its rows.
 * @throws ScriptError
 */
export function runScripted(
  shown: Shown,
  { sql, line }: SplitStatement,
  options: RunOptions,
): Promise<void> {
  return atLine(line, () => run(shown, sql, options));
}

function duration(ms: number): string {
  return ms < 1000 ? `${ms.toFixed(1)} ms` : `${(ms / 1000).toFixed(2)} s`;
}
