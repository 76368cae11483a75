/** The statements of one shell or script on a client, with the transaction that they begin and end. */
import type { InArgs, ResultSet, TransactionMode } from "../../../types/core.js";
import type { LatchClient, LatchTransaction } from "../../../index.js";

/** What the shell shows of a result. */
export type StatementResult = Pick<ResultSet, "columns" | "rows" | "rowsAffected">;

const EMPTY: StatementResult = { columns: [], rows: [], rowsAffected: 0 };

/** Blanks and comments before the first word. */
const LEADING = /^(?:\s+|--[^\n]*(?:\n|$)|\/\*[^]*?\*\/)+/;
const NAME = /("(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|'(?:[^']|'')*'|[^\s;]+)/.source;
const BEGIN = /^begin(?:\s+(deferred|immediate|exclusive))?(?:\s+transaction)?\s*;?\s*$/i;
const COMMIT = /^(?:commit|end)(?:\s+transaction)?\s*;?\s*$/i;
const ROLLBACK = /^rollback(?:\s+transaction)?\s*;?\s*$/i;
const SAVEPOINT = new RegExp(`^savepoint\\s+${NAME}\\s*;?\\s*$`, "i");
const RELEASE = new RegExp(`^release\\s+(?:savepoint\\s+)?${NAME}\\s*;?\\s*$`, "i");

/**
 * BEGIN becomes a transaction of the client: over HTTP, each call of a client has a connection of its own.
 * Such a transaction also tells whether it is still open.
 */
export class Session {
  readonly #client: LatchClient;
  #transaction: LatchTransaction | undefined;
  /** The savepoint that began the transaction: its RELEASE is a COMMIT. */
  #outermost = "";

  constructor(client: LatchClient) {
    this.#client = client;
  }

  /** Whether statements run in a transaction that the session has begun. */
  get inTransaction(): boolean {
    return this.#open() !== undefined;
  }

  /**
   * Runs one statement.
   * @param signal aborts the statement. After a BEGIN, an abort of its signal ends the transaction.
   * @throws LibsqlError; the signal's `reason`
   */
  async run(sql: string, args: InArgs = [], signal?: AbortSignal): Promise<StatementResult> {
    const text = transactionText(sql);
    const transaction = this.#open();
    if (transaction === undefined) {
      const begin = BEGIN.exec(text);
      if (begin) return this.#begin(begin[1]?.toLowerCase() ?? "deferred", signal);
      const savepoint = SAVEPOINT.exec(text);
      if (savepoint) {
        await this.#begin("deferred", signal);
        this.#outermost = savepoint[1] ?? "";
      }
      return (this.#open() ?? this.#client).execute({ sql, args, signal });
    }
    if (COMMIT.test(text) || this.#releasesOutermost(text)) {
      await transaction.commit();
      return EMPTY;
    }
    if (ROLLBACK.test(text)) {
      await transaction.rollback();
      return EMPTY;
    }
    return transaction.execute({ sql, args, signal });
  }

  /** Rolls an open transaction back. Says whether there was one. */
  async end(): Promise<boolean> {
    const transaction = this.#open();
    if (transaction === undefined) return false;
    await transaction.rollback();
    return true;
  }

  async #begin(kind: string, signal: AbortSignal | undefined): Promise<StatementResult> {
    const mode: TransactionMode = kind === "deferred" ? "deferred" : "write";
    this.#transaction = await this.#client.transaction(mode, { signal });
    this.#outermost = "";
    return EMPTY;
  }

  #open(): LatchTransaction | undefined {
    if (this.#transaction?.closed === true) this.#transaction = undefined;
    return this.#transaction;
  }

  #releasesOutermost(text: string): boolean {
    const [, name = ""] = RELEASE.exec(text) ?? [];
    return name !== "" && unquoted(name) === unquoted(this.#outermost);
  }
}

/** A statement that begins or ends a transaction, without its comments; empty for any other. */
function transactionText(sql: string): string {
  const text = withoutComments(sql);
  if (!/^(?:begin|commit|end|rollback|savepoint|release)\b/i.test(text)) return "";
  return text.replace(/\/\*[^]*?\*\/|--[^\n]*/g, " ").trim();
}

/** A statement without the blanks and comments before its first word. */
export function withoutComments(sql: string): string {
  return sql.replace(LEADING, "");
}

/** The name in an identifier, in the case in which SQLite compares names. */
function unquoted(identifier: string): string {
  const [first = ""] = identifier;
  const inner = "\"'`[".includes(first) ? identifier.slice(1, -1) : identifier;
  return inner.replaceAll(first + first, first).toLowerCase();
}
