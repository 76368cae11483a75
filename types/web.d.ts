/**
 * The types of `latchdb/web`: clients for databases on servers, on runtimes that have nothing but web
 * standards. It is what `latchdb` is in browsers and on edge runtimes.
 *
 * @packageDocumentation
 */
import type { ExpandedConfig } from "./core.js";
import type { LatchClient, LatchConfig, RowMode } from "../index.js";

export * from "./shared.js";

/**
 * Creates a client for a `libsql:`, `https:`, `http:`, `wss:` or `ws:` URL.
 *
 * @throws LibsqlError URL_SCHEME_NOT_SUPPORTED for `file:`, URL_INVALID, URL_PARAM_NOT_SUPPORTED,
 * ENCRYPTION_KEY_NOT_SUPPORTED, SYNC_NOT_SUPPORTED, WEBSOCKETS_NOT_SUPPORTED
 * @throws TypeError, RangeError for an option of a wrong type
 */
export function createClient(config: LatchConfig): LatchClient;

/** @private */
export function _createClient(
  config: ExpandedConfig & { rowMode?: RowMode | undefined },
): LatchClient;
