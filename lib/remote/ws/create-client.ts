/** Makes a client for WebSockets from its configuration. */
import * as hrana from "@libsql/hrana-client";
import { LibsqlError } from "@libsql/core/api";
import { supportedUrlLink } from "@libsql/core/util";
import type { ParsedConfig } from "../../client/config";
import type { Address } from "../address";
import { addressOf, remoteOptionsOf } from "../create-client";
import { WsClient } from "./client";
import { WsServer } from "./server";

const SCHEMES = {
  plain: "ws",
  tls: "wss",
  client: 'the WebSocket client: it opens "libsql:", "wss:" and "ws:" URLs',
} as const;

/**
 * Makes a client. It connects with its first call.
 * @param url as the caller gave it, for messages
 * @throws LibsqlError, TypeError as `createClient()` does; WEBSOCKETS_NOT_SUPPORTED
 */
export function createWsClient(config: ParsedConfig, url?: string): WsClient {
  const address = addressOf(config, SCHEMES, url);
  checkRuntime(address);
  return new WsClient(new WsServer(address), remoteOptionsOf(config));
}

function checkRuntime({ url }: Address): void {
  // Its type says that there always is one.
  if ((hrana.WebSocket as unknown) !== undefined) return;
  const suggested = url.replace(/^ws/, "http");
  throw new LibsqlError(
    "This environment does not support WebSockets, please switch to the HTTP client by using " +
      `a "${suggested.slice(0, suggested.indexOf(":"))}:" URL (${JSON.stringify(suggested)}). ` +
      `For more information, please read ${supportedUrlLink}`,
    "WEBSOCKETS_NOT_SUPPORTED",
  );
}
