/**
 * Splits a text into statements while it is being read. A statement ends as `sqlite3_complete()` says
 * (https://sqlite.org/c3ref/complete.html): at a semicolon outside of literals, names and comments, in a
 * CREATE TRIGGER at the one after its END.
 */

/** A statement with its semicolon. */
export interface SplitStatement {
  sql: string;
  /** The line of the text on which it begins, from 1. */
  line: number;
}

/** The states and the kinds of tokens of `sqlite3_complete()`, in its order. */
const START = 1;
const SEMICOLON = 0;
const OTHER = 2;
const KEYWORDS = new Map([
  ["explain", 3],
  ["create", 4],
  ["temp", 5],
  ["temporary", 5],
  ["trigger", 6],
  ["end", 7],
]);
/** The next state, by state and token (SQLite's src/complete.c). */
const NEXT = [
  [1, 0, 2, 3, 4, 2, 2, 2],
  [1, 1, 2, 3, 4, 2, 2, 2],
  [1, 2, 2, 2, 2, 2, 2, 2],
  [1, 3, 3, 2, 4, 2, 2, 2],
  [1, 4, 2, 2, 2, 4, 5, 2],
  [6, 5, 5, 5, 5, 5, 5, 5],
  [6, 6, 5, 5, 5, 5, 5, 7],
  [1, 7, 5, 5, 5, 5, 5, 5],
];

/** What ends a token that may go over lines, by its beginning. */
const CLOSINGS = new Map([
  ["'", "'"],
  ['"', '"'],
  ["`", "`"],
  ["[", "]"],
  ["/*", "*/"],
]);
const TOKEN = /\s+|--[^\n]*|\/\*|['"`[;]|[\p{L}\p{N}_$\u0080-\uffff]+|[^]/uy;

export class StatementSplitter {
  #state = START;
  /** The end of the token that is open at the end of the text so far. */
  #closing = "";
  /** The parts of the statement so far. */
  #parts: string[] = [];
  #line = 1;
  #firstLine = 0;

  /** Whether a statement has begun and not ended. */
  get isPending(): boolean {
    return this.#firstLine > 0 || this.#closing !== "";
  }

  /**
   * Reads on.
   * @param text whole lines with their ends: a token of one line must not be cut
   * @returns the statements that end in it
   */
  read(text: string): SplitStatement[] {
    const found: SplitStatement[] = [];
    let start = 0;
    let at = 0;
    while (at < text.length) {
      if (this.#closing !== "") {
        const end = text.indexOf(this.#closing, at);
        at = this.#advance(text, at, end < 0 ? text.length : end + this.#closing.length);
        if (end < 0) break;
        this.#closing = "";
        continue;
      }
      TOKEN.lastIndex = at;
      const token = TOKEN.exec(text)?.[0] ?? text.slice(at);
      this.#closing = CLOSINGS.get(token) ?? "";
      const isBlank = /^\s/.test(token) || token.startsWith("--") || token === "/*";
      if (!isBlank) {
        const kind = token === ";" ? SEMICOLON : (KEYWORDS.get(token.toLowerCase()) ?? OTHER);
        // A semicolon alone begins no statement.
        if (this.#firstLine === 0 && kind !== SEMICOLON) this.#firstLine = this.#line;
        this.#state = NEXT[this.#state]?.[kind] ?? START;
      }
      at = this.#advance(text, at, at + token.length);
      if (isBlank || this.#state !== START) continue;
      this.#parts.push(text.slice(start, at));
      start = at;
      found.push(...this.#take());
    }
    this.#parts.push(text.slice(start));
    return found;
  }

  /** Ends the text: what is left is a statement without its semicolon, or nothing. */
  end(): SplitStatement[] {
    return this.#take();
  }

  #advance(text: string, from: number, to: number): number {
    for (let at = text.indexOf("\n", from); at >= 0 && at < to; at = text.indexOf("\n", at + 1)) {
      this.#line += 1;
    }
    return to;
  }

  #take(): SplitStatement[] {
    const statement = { sql: this.#parts.join("").trim(), line: this.#firstLine };
    this.#parts = [];
    this.#state = START;
    this.#closing = "";
    this.#firstLine = 0;
    return statement.line > 0 ? [statement] : [];
  }
}

/** The statements of a whole text. */
export function splitStatements(text: string): SplitStatement[] {
  const splitter = new StatementSplitter();
  return [...splitter.read(text), ...splitter.end()];
}
