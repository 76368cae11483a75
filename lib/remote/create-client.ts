/** What the clients of both protocols check in their configuration, and make of it. */
import { LibsqlError } from "@libsql/core/api";
import { encodeBaseUrl } from "@libsql/core/uri";
import { parseConcurrency, parseRowMode, parseTimeout, type ParsedConfig } from "../client/config";
import { schemeNotSupported } from "../client/errors";
import { errorOf } from "../client/failure";
import { parseLocalOptions } from "../client/local-options";
import { Converters } from "../client/converters";
import { Address } from "./address";
import type { RemoteOptions } from "./client";
import { noOption, noTables } from "./option-errors";

/** The schemes of a protocol: without and with TLS. */
interface Schemes {
  plain: "http" | "ws";
  tls: "https" | "wss";
  /** What the client of the protocol opens, for messages. */
  client: string;
}

/**
 * The address of a server.
 * @param url as the caller gave it, for messages
 * @throws LibsqlError URL_INVALID, URL_SCHEME_NOT_SUPPORTED, ENCRYPTION_KEY_NOT_SUPPORTED,
 * SYNC_NOT_SUPPORTED
 */
export function addressOf(config: ParsedConfig, schemes: Schemes, url?: string): Address {
  const { authority, authToken, path, remoteEncryptionKey, scheme } = config;
  if (scheme !== schemes.plain && scheme !== schemes.tls) {
    throw schemeNotSupported(schemes.client, scheme, url);
  }
  checkEngine(config);
  if (scheme === schemes.plain && config.tls) {
    throw invalidUrl(`A "${scheme}:" URL cannot opt into TLS by using ?tls=1`);
  }
  if (scheme === schemes.tls && !config.tls) {
    throw invalidUrl(`A "${scheme}:" URL cannot opt out of TLS by using ?tls=0`);
  }
  if (schemes.plain === "http" && authority?.userinfo !== undefined) {
    throw invalidUrl(
      `A "${scheme}:" URL cannot have a user and a password: pass a token as authToken`,
    );
  }
  const target = encodeBaseUrl(scheme, authority, path);
  return new Address(target, authToken ?? undefined, remoteEncryptionKey ?? undefined);
}

/** How a client runs its calls. */
export function remoteOptionsOf(config: ParsedConfig): RemoteOptions {
  checkOptions(config);
  return {
    converters: Converters.parse(config.converters),
    intMode: config.intMode,
    rowMode: parseRowMode(config.rowMode),
    concurrency: parseConcurrency(config.concurrency),
    timeout: parseTimeout(config.timeout) ?? 0,
    queryTimeout: config.queryTimeout,
  };
}

/** Options whose promise a server would not keep are rejected, never ignored. */
function checkOptions(config: ParsedConfig): void {
  if (config.rowMode === "expand") throw errorOf(noTables());
  const local = parseLocalOptions(config);
  for (const name of ["readOnly", "fileMustExist", "limits", "data"] as const) {
    if (local[name] !== false && local[name] !== undefined) throw errorOf(noOption(name));
  }
}

function checkEngine({ encryptionKey, syncUrl }: ParsedConfig): void {
  if (encryptionKey !== undefined && encryptionKey !== null) {
    throw new LibsqlError(
      "Encryption key is not supported by the remote client: encryptionKey is for files. " +
        "The key of a database that its server keeps encrypted is remoteEncryptionKey",
      "ENCRYPTION_KEY_NOT_SUPPORTED",
    );
  }
  if (syncUrl) {
    throw new LibsqlError(
      "syncUrl is for embedded replicas, whose url is a file; the url of this client is that of a server. " +
        "Remove syncUrl to use the server's database",
      "SYNC_NOT_SUPPORTED",
    );
  }
}

function invalidUrl(text: string): LibsqlError {
  return new LibsqlError(text, "URL_INVALID");
}
