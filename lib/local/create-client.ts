/** Makes a local client from its configuration. */
import { LibsqlError } from "@libsql/core/api";
import { isInMemoryConfig } from "@libsql/core/config";
import { parseConcurrency, type LocalConfig } from "../client/config";
import { schemeNotSupported } from "../client/errors";
import { parseLocalOptions, type LocalOptions } from "../client/local-options";
import { checkAuthority, pathOfFile } from "../client/file-url";
import { Sqlite3Client } from "./client";
import { ConnectionPool } from "./connection-pool";

/**
 * Makes a client for a local database and opens it. `url` is the caller's, for messages.
 * @throws LibsqlError URL_*, ENCRYPTION_KEY_NOT_SUPPORTED or SYNC_NOT_SUPPORTED for settings that the
 * local client does not support, and with SQLite's code for a file that cannot be opened
 * @throws TypeError, RangeError for an invalid option
 */
export function createLocalClient(config: LocalConfig, url?: string): Sqlite3Client {
  checkScheme(config, url);
  checkAuthority(config);
  const inMemory = isInMemoryConfig(config);
  checkEngine(config, inMemory);
  // SQLite accepts the parameters of an in-memory database only in a URI.
  const location = inMemory ? `file:${config.path}` : pathOfFile(config.path);
  // Databases in memory, and the temporary one of the empty path, exist on one connection only.
  const isSingle = inMemory || location === "";
  const maxConnections = isSingle ? 1 : parseConcurrency(config.concurrency);
  const { timeout, intMode, rowMode, execution, readers, adoptVectorIndexes } = config;
  const { checkpoints, groupCommit, acquireTimeout, maxQueue, queryTimeout } = config;
  const local = parseLocalOptions(config);
  checkLocalOptions(local, location, inMemory);
  const options = {
    inMemory,
    intMode,
    rowMode,
    execution,
    readers,
    adoptVectorIndexes,
    checkpoints,
    groupCommit,
    timeout,
    acquireTimeout,
    maxQueue,
    queryTimeout,
    ...local,
  };
  const pool = new ConnectionPool(location, options, maxConnections);
  pool.open();
  return new Sqlite3Client(pool);
}

/** Options that would have no effect are rejected. */
function checkLocalOptions(
  { readOnly, data }: LocalOptions,
  location: string,
  inMemory: boolean,
): void {
  if (readOnly && (inMemory || location === "")) {
    throw new TypeError("readOnly is for files: a database in memory cannot be opened read-only");
  }
  if (data === undefined) return;
  if (!inMemory) {
    throw new TypeError('data is for databases in memory: use it with url ":memory:"');
  }
  if (location.includes("cache=shared")) {
    throw new TypeError("data is for a database of one client: use it without cache=shared");
  }
}

function checkScheme({ scheme }: LocalConfig, url: string | undefined): void {
  if (scheme === "file") return;
  throw schemeNotSupported(
    'the local client: it opens files ("file:data.db") and databases in memory (":memory:")',
    scheme,
    url,
  );
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
