/**
 * Infinity and -Infinity, which JSON has not. A libSQL server sends null for both, by which hrana-client ends
 * the stream, or the WebSocket with all calls on it. They are made readable here: then the one result that has
 * such a value fails, with an error that says why.
 */
import { LibsqlError } from "@libsql/core/api";
import { Failure } from "../client/failure";

/** In a text of JSON, quotes are escaped: this is part of no text. */
const SENT = '"type":"float","value":null';
/** JSON.parse() reads it as Infinity, as which nothing else is sent. */
const READABLE = '"type":"float","value":1e999';

/** A server's message in which such values can be read; undefined if it has none. */
export function withReadableReals(json: string): string | undefined {
  return json.includes(SENT) ? json.replaceAll(SENT, READABLE) : undefined;
}

/** For a result with such a value. The server has not said which of the two it is. */
export function infiniteReal(): Failure {
  return new Failure(
    () =>
      new LibsqlError(
        "The result has an infinite REAL, and the server sends none: JSON has no number for it. " +
          "Select it as a text: CAST(x AS TEXT) is 'Inf' or '-Inf'",
        "HRANA_PROTO_ERROR",
      ),
  );
}
