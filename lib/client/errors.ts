/** Errors that do not belong to one backend. */
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
