/** Makes a client from its configuration. */
import { LibsqlError, type Config } from "@libsql/core/api";
import { expandConfig, isInMemoryConfig, type ExpandedConfig } from "@libsql/core/config";
import { supportedUrlLink } from "@libsql/core/util";
import { ConnectionPool } from "../pool/connection-pool";
import { Sqlite3Client } from "./client";

/**
 * Makes a client for a local database and opens it.
 * @throws LibsqlError with URL_*, ENCRYPTION_KEY_NOT_SUPPORTED or SYNC_NOT_SUPPORTED for what this
 * client cannot do, and with SQLite's code for a file that cannot be opened
 */
export function createClient(config: Config): Sqlite3Client {
  return createClientFrom(expandConfig(config, true));
}

/** The same from an expanded configuration. */
export function createClientFrom(config: ExpandedConfig): Sqlite3Client {
  checkScheme(config);
  checkAuthority(config);
  const inMemory = isInMemoryConfig(config);
  checkEngine(config, inMemory);
  // SQLite knows the parameters of an in-memory database only as those of a URI.
  const location = inMemory ? `file:${config.path}` : pathOfFile(config.path);
  // The empty path is a temporary database that exists on its own connection only, as in memory.
  const maxConnections = inMemory || location === "" ? 1 : Math.max(1, config.concurrency);
  const { timeout, intMode } = config;
  const pool = new ConnectionPool(location, { inMemory, timeout, intMode }, maxConnections);
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

function checkScheme({ scheme }: ExpandedConfig): void {
  if (scheme === "file") return;
  throw new LibsqlError(
    `URL scheme ${JSON.stringify(scheme + ":")} is not supported by the local client. ` +
      `For more information, please read ${supportedUrlLink}`,
    "URL_SCHEME_NOT_SUPPORTED",
  );
}

function checkAuthority({ authority }: ExpandedConfig): void {
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

/** What the bundled SQLite cannot do is refused, never ignored. */
function checkEngine(config: ExpandedConfig, inMemory: boolean): void {
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
