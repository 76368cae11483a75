/** The entry point `latchdb/web`: clients for servers, on runtimes with nothing but web standards. */
import { LibsqlBatchError, LibsqlError } from "@libsql/core/api";
import type { LatchConfig } from "../index.js";
import { parseConfig, type ParsedConfig } from "./client/config";
import { schemeNotSupported } from "./client/errors";
import { sql } from "./client/sql";
import type { HttpClient } from "./remote/http/client";
import { createHttpClient } from "./remote/http/create-client";
import type { WsClient } from "./remote/ws/client";
import { createWsClient } from "./remote/ws/create-client";

const CLIENT =
  'the client for web runtimes: it opens "libsql:", "https:", "http:", "wss:" and "ws:" URLs';

function createClient(config: LatchConfig): HttpClient | WsClient {
  return _createClient(parseConfig(config), config.url);
}

function _createClient(config: ParsedConfig, url?: string): HttpClient | WsClient {
  switch (config.scheme) {
    case "http":
    case "https":
      return createHttpClient(config, url);
    case "ws":
    case "wss":
      return createWsClient(config, url);
    default:
      throw schemeNotSupported(CLIENT, config.scheme, url);
  }
}

export { _createClient, createClient, LibsqlBatchError, LibsqlError, sql };

// The public types are written by hand: the compiler checks here that the exports have these types.
({}) as typeof import("./web") satisfies Pick<typeof import("../types/web.js"), "createClient">;
