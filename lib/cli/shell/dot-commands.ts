/** The shell's own commands. */
import { MODES, type Mode } from "../output/printer";
import { planTree } from "../output/query-plan";
import { visibleLines } from "../output/text";
import type { Shown } from "../sql/run";

export const HELP = `.tables [PATTERN]    the tables and views, with a LIKE pattern
.schema [PATTERN]    the statements that made them, their indexes and triggers
.explain SQL         the query plan of a statement, as a tree; nothing is run
.mode MODE           how rows are shown: ${MODES.join(", ")}
.timer on|off        whether the time of each statement is shown
.help                this
.quit                end the shell, as Ctrl-D does

A statement ends with a semicolon. Ctrl-C cancels the statement that runs.
`;

/** What a dot command was called with is wrong. */
export class DotCommandError extends Error {}

/**
 * Runs the command on a line that begins with a dot.
 * @returns whether the shell goes on
 * @throws DotCommandError; LibsqlError
 */
export async function runDotCommand(
  line: string,
  shown: Shown,
  signal?: AbortSignal,
): Promise<boolean> {
  const [, explained] = /^\s*\.explain\b\s*([^]*)$/.exec(line) ?? [];
  if (explained !== undefined) {
    await explain(shown, explained, signal);
    return true;
  }
  const [name = "", argument, ...rest] = words(line);
  if (rest.length > 0) throw new DotCommandError(`${name} takes at most one argument`);
  switch (name) {
    case ".quit":
    case ".exit":
      return false;
    case ".help":
      shown.write(HELP);
      return true;
    case ".mode":
      shown.printer.mode = choice(name, argument, MODES);
      return true;
    case ".timer":
      shown.timer = choice(name, argument, ["on", "off"] as const) === "on";
      return true;
    case ".tables":
      await listTables(shown, argument, signal);
      return true;
    case ".schema":
      await listSchema(shown, argument, signal);
      return true;
    default:
      throw new DotCommandError(`unknown command ${name}: .help lists the commands`);
  }
}

async function explain(
  { session, write }: Shown,
  sql: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (sql.trim() === "") throw new DotCommandError(".explain takes a statement on the same line");
  const { rows } = await session.run(`EXPLAIN QUERY PLAN ${sql}`, [], signal);
  const steps = rows.map((row) => ({
    id: Number(row["id"]),
    parent: Number(row["parent"]),
    detail: String(row["detail"]),
  }));
  write(planTree(steps));
}

async function listTables(
  { session, write }: Shown,
  pattern: string | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  const sql = `SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')
    AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name LIKE ? ORDER BY name`;
  const { rows } = await session.run(sql, [pattern ?? "%"], signal);
  write(rows.map((row) => `${visibleLines(String(row[0]))}\n`).join(""));
}

async function listSchema(
  { session, write }: Shown,
  pattern: string | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  const sql = `SELECT sql FROM sqlite_schema
    WHERE sql IS NOT NULL AND (name LIKE ?1 OR tbl_name LIKE ?1) ORDER BY tbl_name, type DESC, rowid`;
  const { rows } = await session.run(sql, [pattern ?? "%"], signal);
  write(rows.map((row) => `${visibleLines(String(row[0]))};\n`).join(""));
}

/** The words of a line; quotes hold one together. A semicolon at the end is not meant. */
function words(line: string): string[] {
  const found =
    line
      .trim()
      .replace(/;$/, "")
      .match(/"[^"]*"|'[^']*'|\S+/g) ?? [];
  return found.map((word) => word.replace(/^(["'])(.*)\1$/, "$2"));
}

function choice<const T extends Mode | "on" | "off">(
  name: string,
  given: string | undefined,
  choices: readonly T[],
): T {
  const found = choices.find((candidate) => candidate === given);
  if (found !== undefined) return found;
  throw new DotCommandError(`${name} takes one of ${choices.join(", ")}`);
}
