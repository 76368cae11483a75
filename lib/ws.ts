/** The entry point `latchdb/ws`: the client for WebSockets and its parts. */
import { LibsqlBatchError, LibsqlError } from "@libsql/core/api";
import type { LatchConfig } from "../index.js";
import { parseConfig } from "./client/config";
import { sql } from "./client/sql";
import { WsClient, WsTransaction } from "./remote/ws/client";
import { createWsClient as _createClient } from "./remote/ws/create-client";

function createClient(config: LatchConfig): WsClient {
  return _createClient(parseConfig(config, false), config.url);
}

export { _createClient, createClient, LibsqlBatchError, LibsqlError, sql, WsClient, WsTransaction };

// The public types are written by hand: the compiler checks here that the exports have these types.
({}) as typeof import("./ws") satisfies Pick<typeof import("../types/ws.js"), "createClient">;
