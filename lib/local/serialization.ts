/**
 * The content of a database as it would be in a file. The pages are read by one statement that runs to its end: SQLite reads
 * them as they are, and a later write of the same connection would be in those behind it.
 */
import { LibsqlError } from "@libsql/core/api";

/**
 * The pages of a database, in their order (https://sqlite.org/dbpage.html). A value without a declared type: no converter
 * of the caller's is for it.
 */
export const PAGES = "SELECT +data FROM sqlite_dbpage('main')";

/**
 * Puts pages together.
 * @throws LibsqlError SQLITE_NOMEM if there is no memory for so many
 */
export function contentOf(pages: ArrayBuffer[]): ArrayBuffer {
  const content = allocated(pages.reduce((sum, page) => sum + page.byteLength, 0));
  let length = 0;
  for (const page of pages) {
    content.set(new Uint8Array(page), length);
    length += page.byteLength;
  }
  return content.buffer;
}

function allocated(length: number): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(length);
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
