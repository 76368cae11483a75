/** Errors that do not belong to one backend. */
import { types } from "node:util";
import { LibsqlError } from "@libsql/core/api";
import { supportedUrlLink } from "@libsql/core/util";

/**
 * For a URL whose scheme no backend supports.
 * @param url as the caller gave it: the expanded configuration has "https" for `libsql:`
 */
export function schemeNotSupported(scheme: string, url?: string): LibsqlError {
  const given = /^[a-z][a-z.+-]*(?=:)/i.exec(url ?? "")?.[0] ?? scheme;
  return new LibsqlError(
    `URL scheme ${JSON.stringify(`${given.toLowerCase()}:`)} is not supported by the local client: it opens ` +
      'files ("file:data.db") and databases in memory (":memory:"); @libsql/client opens databases of a ' +
      `server. For more information, please read ${supportedUrlLink}`,
    "URL_SCHEME_NOT_SUPPORTED",
  );
}

/** Whether a value is an error, of this realm or of another one (`node:vm`, test runners). */
export function isError(value: unknown): value is Error {
  if (types.isNativeError(value)) return true;
  try {
    return value instanceof Error;
  } catch {
    // A proxy that does not tell its prototype.
    return false;
  }
}
