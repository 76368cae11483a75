/**
 * The types of `latchdb/ws`: the client for WebSockets and its parts.
 *
 * @packageDocumentation
 */
import type { ExpandedConfig } from "./core.js";
import type { LatchClient, LatchConfig, LatchTransaction, RowMode } from "../index.js";

export * from "./shared.js";

/**
 * Creates a client, as `createClient` of `latchdb` does, typed as {@link WsClient}.
 *
 * @throws LibsqlError URL_SCHEME_NOT_SUPPORTED for a URL of another protocol, URL_INVALID,
 * URL_PARAM_NOT_SUPPORTED, ENCRYPTION_KEY_NOT_SUPPORTED, SYNC_NOT_SUPPORTED, WEBSOCKETS_NOT_SUPPORTED
 * @throws TypeError, RangeError for an option of a wrong type
 */
export function createClient(config: LatchConfig): WsClient;

/** @private */
export function _createClient(config: ExpandedConfig & { rowMode?: RowMode | undefined }): WsClient;

/** A client for a database on a server, by a WebSocket. `createClient` creates one. */
export class WsClient {
  private constructor();
  readonly protocol: "ws";
}
export interface WsClient extends LatchClient {}

/** A transaction of an {@link WsClient}. {@link LatchClient.transaction} begins one. */
export class WsTransaction {
  private constructor();
}
export interface WsTransaction extends LatchTransaction {}
