/** Makes a local client from its configuration. */
import { LibsqlError } from "@libsql/core/api";
import { isInMemoryConfig } from "@libsql/core/config";
import { supportedUrlLink } from "@libsql/core/util";
import { parseConcurrency, type LocalConfig } from "../client/config";
import { schemeNotSupported } from "../client/errors";
import { Sqlite3Client } from "./client";
import { ConnectionPool } from "./connection-pool";

/**
 * Makes a client for a local database and opens it.
 * @throws LibsqlError URL_*, ENCRYPTION_KEY_NOT_SUPPORTED or SYNC_NOT_SUPPORTED for settings that the
 * local client does not support, and with SQLite's code for a file that cannot be opened
 * @throws TypeError, RangeError for an invalid option
 */
export function createLocalClient(config: LocalConfig): Sqlite3Client {
  checkScheme(config);
  checkAuthority(config);
  const inMemory = isInMemoryConfig(config);
  checkEngine(config, inMemory);
  // SQLite accepts the parameters of an in-memory database only in a URI.
  const location = inMemory ? `file:${config.path}` : pathOfFile(config.path);
  // Databases in memory, and the temporary one of the empty path, exist on one connection only.
  const isSingle = inMemory || location === "";
  const maxConnections = isSingle ? 1 : parseConcurrency(config.concurrency);
  const { timeout, intMode, rowMode } = config;
  const options = { inMemory, timeout, intMode, rowMode };
  const pool = new ConnectionPool(location, options, maxConnections);
  pool.open();
  return new Sqlite3Client(pool);
}

/**
 * On Windows a URL has a slash before the drive (`file:///C:/data.db`, from `url.pathToFileURL`). SQLite
 * drops it when it opens a file (`winFullPathname`); we drop it before the path is made absolute.
 */
function pathOfFile(path: string): string {
  return process.platform === "win32" ? path.replace(/^\/(?=[A-Za-z]:)/, "") : path;
}

function checkScheme({ scheme }: LocalConfig): void {
  if (scheme === "file") return;
  throw schemeNotSupported(scheme);
}

function checkAuthority({ authority }: LocalConfig): void {
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

/** Settings that the bundled SQLite does not support are rejected, never ignored. */
function checkEngine(config: LocalConfig, inMemory: boolean): void {
  if (config.syncUrl) {
    if (inMemory) {
      throw new LibsqlError(
        `Embedded replica must use file for local db but URI with in-memory mode were provided instead: ${config.path}`,
        "URL_INVALID",
      );
    }
    throw new LibsqlError(
      "Embedded replicas (syncUrl) need libSQL's engine; this build has SQLite's. " +
        "Remove syncUrl to use the local database alone",
      "SYNC_NOT_SUPPORTED",
    );
  }
  if (config.encryptionKey) {
    throw new LibsqlError(
      "Encryption at rest (encryptionKey) needs libSQL's engine; this build has SQLite's. " +
        "Remove encryptionKey only if the data may be stored unencrypted",
      "ENCRYPTION_KEY_NOT_SUPPORTED",
    );
  }
}
