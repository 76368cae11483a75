/** Errors that do not belong to one backend. */
import { types } from "node:util";
import { LibsqlError } from "@libsql/core/api";
import { supportedUrlLink } from "@libsql/core/util";

/** For a URL whose scheme no backend supports. */
export function schemeNotSupported(scheme: string): LibsqlError {
  return new LibsqlError(
    `URL scheme ${JSON.stringify(scheme + ":")} is not supported by the local client. ` +
      `For more information, please read ${supportedUrlLink}`,
    "URL_SCHEME_NOT_SUPPORTED",
  );
}

/** Whether a value is an error, of this realm or of another one (`node:vm`, test runners). */
export function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value);
}
