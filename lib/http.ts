/** The entry point `latchdb/http`: the client for HTTP and its parts. */
import { LibsqlBatchError, LibsqlError } from "@libsql/core/api";
import type { LatchConfig } from "../index.js";
import { parseConfig } from "./client/config";
import { sql } from "./client/sql";
import { HttpClient, HttpTransaction } from "./remote/http/client";
import { createHttpClient as _createClient } from "./remote/http/create-client";

function createClient(config: LatchConfig): HttpClient {
  return _createClient(parseConfig(config), config.url);
}

export {
  _createClient,
  createClient,
  HttpClient,
  HttpTransaction,
  LibsqlBatchError,
  LibsqlError,
  sql,
};

// The public types are written by hand: the compiler checks here that the exports have these types.
({}) as typeof import("./http") satisfies Pick<typeof import("../types/http.js"), "createClient">;
