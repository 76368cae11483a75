/** What a `file:` URL means, by the rules of `@libsql/core`: for clients, and where a path is wanted. */
import { LibsqlError } from "@libsql/core/api";
import { expandConfig, isInMemoryConfig, type ExpandedConfig } from "@libsql/core/config";
import { supportedUrlLink } from "@libsql/core/util";

/**
 * The path that a `file:` URL names: percent-decoded, relative or absolute.
 * @throws LibsqlError URL_INVALID, URL_PARAM_NOT_SUPPORTED, and URL_INVALID for a database in memory
 */
export function pathOfFileUrl(url: string): string {
  const config = expandConfig({ url }, true);
  checkAuthority(config);
  if (isInMemoryConfig(config)) {
    throw new LibsqlError("The URL names a database in memory, which is no file", "URL_INVALID");
  }
  return pathOfFile(config.path);
}

/**
 * On Windows a URL has a slash before the drive (`file:///C:/data.db`, from `url.pathToFileURL`). SQLite
 * drops it when it opens a file (`winFullPathname`); we drop it before the path is made absolute.
 */
export function pathOfFile(path: string): string {
  return process.platform === "win32" ? path.replace(/^\/(?=[A-Za-z]:)/, "") : path;
}

/** @throws LibsqlError URL_INVALID for another host, a port, or user information */
export function checkAuthority({ authority }: ExpandedConfig): void {
  if (authority === undefined) return;
  const host = authority.host.toLowerCase();
  if (host !== "" && host !== "localhost") {
    throw new LibsqlError(
      `Invalid host in file URL: ${JSON.stringify(authority.host)}. ` +
        'A "file:" URL with an absolute path should start with one slash ("file:/absolute/path.db") ' +
        'or with three slashes ("file:///absolute/path.db"). ' +
        `For more information, please read ${supportedUrlLink}`,
      "URL_INVALID",
    );
  }
  if (authority.port !== undefined) {
    throw new LibsqlError("File URL cannot have a port", "URL_INVALID");
  }
  if (authority.userinfo !== undefined) {
    throw new LibsqlError("File URL cannot have username and password", "URL_INVALID");
  }
}
