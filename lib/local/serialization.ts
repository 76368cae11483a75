/** The content of a database as it would be in a file, from one snapshot. */
import { LibsqlError } from "@libsql/core/api";

/**
 * The pages of a database, in their order (https://sqlite.org/dbpage.html). A value without a declared type: no converter
 * of the caller's is for it.
 */
export const PAGES = "SELECT +data FROM sqlite_dbpage('main')";

/** Fields of the header (https://sqlite.org/fileformat.html#the_database_header), as 32-bit numbers. */
const CHANGES_AT = 24;
const PAGE_COUNT_AT = 28;
const COUNTED_AT = 92;
const HEADER_BYTES = 100;

/**
 * Puts pages together.
 * @throws LibsqlError SQLITE_NOMEM if there is no memory for so many
 */
export async function contentOf(parts: AsyncIterable<ArrayBuffer[]>): Promise<ArrayBuffer> {
  let content = new Uint8Array(0);
  let length = 0;
  for await (const pages of parts) {
    for (const page of pages) {
      const least = length + page.byteLength;
      if (length === 0) content = grown(content, Math.max(least, lengthIn(page)));
      else if (content.length < least) content = grown(content, least * 2);
      content.set(new Uint8Array(page), length);
      length = least;
    }
  }
  return length === content.length ? content.buffer : content.buffer.slice(0, length);
}

/** The length of the content, as its first page tells. Zero if an SQLite before 3.7.0 has written last: then it does not. */
function lengthIn(page: ArrayBuffer): number {
  if (page.byteLength < HEADER_BYTES) return 0;
  const header = new DataView(page);
  const isCounted = header.getUint32(CHANGES_AT) === header.getUint32(COUNTED_AT);
  return isCounted ? header.getUint32(PAGE_COUNT_AT) * page.byteLength : 0;
}

function grown(content: Uint8Array<ArrayBuffer>, length: number): Uint8Array<ArrayBuffer> {
  try {
    const larger = new Uint8Array(length);
    larger.set(content);
    return larger;
  } catch (error) {
    throw new LibsqlError(
      `There is no memory for a copy of the database (${length} bytes). copyDatabase() copies one to a file`,
      "SQLITE_NOMEM",
      undefined,
      undefined,
      error instanceof Error ? error : undefined,
    );
  }
}
