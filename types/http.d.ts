/**
 * The types of `latchdb/http`: the client for HTTP and its parts.
 *
 * @packageDocumentation
 */
import type { ExpandedConfig } from "./core.js";
import type { LatchClient, LatchConfig, LatchTransaction, RowMode } from "../index.js";

export * from "./shared.js";

/**
 * Creates a client, as `createClient` of `latchdb` does, typed as {@link HttpClient}.
 *
 * @throws LibsqlError URL_SCHEME_NOT_SUPPORTED for a URL of another protocol, URL_INVALID,
 * URL_PARAM_NOT_SUPPORTED, ENCRYPTION_KEY_NOT_SUPPORTED, SYNC_NOT_SUPPORTED
 * @throws TypeError, RangeError for an option of a wrong type
 */
export function createClient(config: LatchConfig): HttpClient;

/** @private */
export function _createClient(
  config: ExpandedConfig & { rowMode?: RowMode | undefined },
): HttpClient;

/** A client for a database on a server, by HTTP. `createClient` creates one. */
export class HttpClient {
  private constructor();
  readonly protocol: "http";
}
export interface HttpClient extends LatchClient {}

/** A transaction of an {@link HttpClient}. {@link LatchClient.transaction} begins one. */
export class HttpTransaction {
  private constructor();
}
export interface HttpTransaction extends LatchTransaction {}
