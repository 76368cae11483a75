/** Opens the database that a command names, with the token that the environment has for it. */
import { pathToFileURL } from "node:url";
import { createClient } from "../../index";
import type { LatchClient } from "../../../index.js";
import { UsageError } from "../command";

/** The environment variable that is read where the command names none. */
export const TOKEN_VARIABLE = "LATCHDB_AUTH_TOKEN";

/** The paragraph of a usage text about tokens. */
export const TOKEN_USAGE = `A server's token comes from the environment variable ${TOKEN_VARIABLE}, or from the
one that the option names. It is not taken from the URL, because other users of
the machine see the arguments of a process.
`;

/** Tokens that were used. No message may contain them. */
const tokens = new Set<string>();

/**
 * The URL of a database on the command line: a URL, or the path of a file.
 * @throws UsageError for a URL with a token
 */
export function databaseUrl(location: string): string {
  if (/[?&]authToken=/i.test(location)) {
    throw new UsageError(
      `the URL has a token, which other users of the machine can see: put it into the environment variable ${TOKEN_VARIABLE}`,
    );
  }
  // A scheme of one letter is a drive of Windows.
  if (location.startsWith(":memory:") || /^[a-z][a-z0-9+.-]+:/i.test(location)) return location;
  if (location === "") throw new UsageError("the URL is empty");
  return pathToFileURL(location).href;
}

/** Whether a URL is that of a file or of a database in memory. */
export function isLocal(url: string): boolean {
  return /^(?:file|:memory):/i.test(url);
}

/**
 * Opens a database. Integers are read as bigint.
 * @param variable the environment variable with the token, as an option of the command has named it
 * @throws UsageError where it is not set; LibsqlError as `createClient()` does
 */
export function connect(url: string, variable?: string): LatchClient {
  if (isLocal(url)) return createClient({ url, intMode: "bigint" });
  const authToken = process.env[variable ?? TOKEN_VARIABLE];
  if (variable !== undefined && !authToken) {
    throw new UsageError(
      `the environment variable ${variable}, which should have the token, is not set`,
    );
  }
  if (!authToken) return createClient({ url, intMode: "bigint" });
  // A shorter one is no secret, and part of many words.
  if (authToken.length >= 8) tokens.add(authToken);
  return createClient({ url, authToken, intMode: "bigint" });
}

/** A text in which the tokens in use are replaced by `***`. */
export function withoutTokens(text: string): string {
  return [...tokens].reduce((clean, token) => clean.replaceAll(token, "***"), text);
}

/** Whether a text has a token in it, or is likely to. */
export function mayHaveToken(text: string): boolean {
  return /auth_?token/i.test(text) || withoutTokens(text) !== text;
}

/** The text of an error. That of a LibsqlError has its code. */
export function errorText(error: unknown): string {
  return withoutTokens((error as Error).message);
}
