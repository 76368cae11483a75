/** Makes a client for HTTP from its configuration. */
import type { ParsedConfig } from "../../client/config";
import { describe } from "../../client/describe";
import { addressOf, remoteOptionsOf } from "../create-client";
import { HttpClient } from "./client";
import type { Fetch } from "./exchange";
import { HttpServer } from "./server";

const SCHEMES = {
  plain: "http",
  tls: "https",
  client: 'the HTTP client: it opens "libsql:", "https:" and "http:" URLs',
} as const;

/**
 * Makes a client. Nothing is sent before its first call.
 * @param url as the caller gave it, for messages
 * @throws LibsqlError, TypeError as `createClient()` does
 */
export function createHttpClient(config: ParsedConfig, url?: string): HttpClient {
  const address = addressOf(config, SCHEMES, url);
  const server = new HttpServer(address, fetchOf(config.fetch));
  return new HttpClient(server, remoteOptionsOf(config));
}

function fetchOf(given: unknown): Fetch {
  // The runtime's own at the time of each request: programs replace it, to trace or to test.
  if (given === undefined || given === null) return (request, init) => fetch(request, init);
  if (typeof given === "function") return given as Fetch;
  throw new TypeError(`fetch must be a function, got ${describe(given)}`);
}
