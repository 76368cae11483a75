/** How the page of errors (`every-error.spec.mts`) makes errors appear, and what it compares. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import type { ExecutionContext } from "ava";
import { createClient } from "latchdb";
import type { Config, LocalClient } from "latchdb";

/** What an error says. */
export interface Said {
  /** The class, where the error has no code. */
  name?: string;
  code?: string | undefined;
  step?: string | undefined;
  errno?: string | undefined;
  message: string;
}

/** Where an error is made: a directory of its own. The end of the test removes it, and closes clients. */
export interface Place {
  t: ExecutionContext;
  /** The directory, which the page calls DIR. */
  dir: string;
  /** Opens a client on a file of the directory, by default `a.db`, which has a table `t (a unique)`. */
  open(name?: string, config?: Partial<Config>): Promise<LocalClient>;
}

/** One error of the page. */
export interface Entry extends Omit<Said, "message"> {
  /**
   * The whole text, after the code. `DIR` stands for the directory, `%d` for a number, `…` for any text.
   */
  message: string;
  /** Makes the cause real. The error that it throws or resolves to is the one. */
  from(place: Place): unknown;
  /** Why the cause cannot be made here, if so. */
  unless?: string | false | undefined;
}

/** Every message that has appeared. */
export const appeared: string[] = [];
/** Every code that has appeared, or that the page has for another machine. */
export const codes = new Set<string>();

let chapter = "";

/** Begins a chapter of the page. */
export function about(title: string): void {
  chapter = title;
}

/** An error: what has happened, and all that is said. */
export function error(happened: string, entry: Entry): void {
  const { from, unless, message, ...expected } = entry;
  if (expected.code !== undefined) codes.add(expected.code);
  test.serial(`${chapter}: ${happened}`, async (t) => {
    if (unless !== undefined && unless !== false) {
      t.log(`Not made here: ${unless}`);
      appeared.push(message);
      return t.pass();
    }
    const dir = mkdtempSync(join(tmpdir(), "latchdb-"));
    t.teardown(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));
    const said = await errorOf(() => from({ t, dir, open: opener(t, dir) }));
    if (Object.keys(expected).length > 0) t.like(said, expected, said.message);
    appeared.push(said.message);
    const whole = expected.code === undefined ? message : `${expected.code}: ${message}`;
    t.regex(said.message, pattern(whole, dir));
  });
}

function opener(t: ExecutionContext, dir: string): Place["open"] {
  return async (name = "a.db", config = {}) => {
    const client = createClient({ url: `file:${join(dir, name)}`, ...config });
    t.teardown(() => client.close());
    if (name === "a.db") await client.execute("create table if not exists t (a unique)");
    return client;
  };
}

async function errorOf(make: () => unknown): Promise<Said> {
  let made: unknown;
  try {
    made = await make();
  } catch (thrown) {
    made = thrown;
  }
  if (made === undefined || made === null || !("message" in Object(made))) {
    throw new Error("There was no error");
  }
  const { name, message, ...rest } = made as Said & Error;
  return { ...rest, name, message };
}

/** The expression for a text of the page. */
function pattern(text: string, dir: string): RegExp {
  const escaped = text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const whole = escaped
    .replaceAll(/\bDIR\b/g, dir.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"))
    .replaceAll("%d", "\\d+")
    .replaceAll("…", "[^]*");
  return new RegExp(`^${whole}$`);
}
