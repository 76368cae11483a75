/**
 * The entries of cursors that hrana-client knows. A libSQL server also sends how far its replication is, which is not in
 * the protocol (https://github.com/tursodatabase/libsql/blob/main/docs/HRANA_3_SPEC.md), and by which hrana-client ends
 * the stream, or the WebSocket with all calls on it.
 */

/** In a text of JSON, quotes are escaped: this is part of no text. */
const BEGINNING = '{"type":"replication_index"';
const UNKNOWN = /\{"type":"replication_index"(?:,"replication_index":(?:null|\d+|"\d*"))?\}/g;
/** It follows the end of the last step, and changes nothing there. */
const KNOWN = '{"type":"step_end","affected_row_count":0,"last_insert_rowid":null}';

/** What a message with entries says of itself, and where: a search of a large result would take long. */
const ANSWER = '"type":"fetch_cursor"';
const BEGIN_LENGTH = 200;

/** Whether a server's message is the answer to a request for entries. */
export function hasEntries(json: string): boolean {
  return json.slice(0, BEGIN_LENGTH).includes(ANSWER);
}

/** A server's message that has no other entries; undefined if it has none already. */
export function withKnownEntries(json: string): string | undefined {
  return json.includes(BEGINNING) ? json.replace(UNKNOWN, KNOWN) : undefined;
}
