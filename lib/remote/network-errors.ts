/** Why a server cannot be reached, or is lost: by the codes of the systems' and runtimes' own errors. */
import { LibsqlError } from "@libsql/core/api";
import { isError } from "../client/errors";
import { MAYBE, RequestFailure } from "./errors";

/** What a code says, and what to do. Each of these comes before a request is sent. */
const BEFORE_SENDING: ReadonlyMap<string, string> = new Map([
  ...codes(
    ["ECONNREFUSED", "ConnectionRefused"],
    "refused the connection: is the server running, and are host and port right?",
  ),
  ...codes(
    ["ENOTFOUND", "EAI_AGAIN", "EAI_FAIL", "ERR_DNS_SET_SERVERS_FAILED"],
    "has a host whose name could not be resolved: is the name right, and does DNS work here?",
  ),
  ...codes(
    ["FailedToOpenSocket"],
    "could not be connected to: are host and port right, and is the server running?",
  ),
  ...codes(
    ["EHOSTUNREACH", "ENETUNREACH", "EADDRNOTAVAIL"],
    "is not reachable from here: is the network up?",
  ),
  ...codes(
    ["UND_ERR_CONNECT_TIMEOUT"],
    "has not accepted the connection in time: does a firewall drop it?",
  ),
]);

/** Codes of OpenSSL and of Node's checks of certificates. */
const OF_TLS =
  /^(?:ERR_TLS_|ERR_SSL_|EPROTO$|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH|UNKNOWN_CERTIFICATE)/;
const TLS =
  "could not be connected to by TLS: is the certificate valid for this host, and does the server speak TLS on this port?";

const BAD_PORT =
  "has a port that fetch() does not connect to: let the server listen on another one";

/** Codes for which another attempt, a moment later, may succeed: the server starts, a resolver is busy. */
const PASSING = new Set(["ECONNREFUSED", "ConnectionRefused", "FailedToOpenSocket", "EAI_AGAIN"]);
/** The same in a handshake: elsewhere, such an error does not say whether the request has arrived. */
const PASSING_IN_HANDSHAKE = new Set([...PASSING, "ECONNRESET", "EPIPE", "ETIMEDOUT"]);

/**
 * For an error of `fetch` or of a WebSocket.
 * @param lostCode the code of the error if the request may have been carried out
 */
export function networkFailure(
  error: unknown,
  url: string,
  { unsentCode = "SERVER_UNREACHABLE", lostCode = "CONNECTION_LOST", isUnsent = false } = {},
): RequestFailure {
  const code = systemCodeOf(error);
  // `fetch` asks some ports of other protocols for nothing (https://fetch.spec.whatwg.org/#port-blocking).
  const why = messageOf(error) === "bad port" ? BAD_PORT : reasonOf(code);
  const cause = isError(error) ? error : undefined;
  const detail = code ?? messageOf(error);
  if (why === undefined && !isUnsent) {
    const text = `the connection to ${url} was lost before the answer was complete (${detail}). ${MAYBE}`;
    return new RequestFailure(
      "lost",
      () => new LibsqlError(text, lostCode, undefined, undefined, cause),
    );
  }
  const text = `${url} ${why ?? "could not be connected to"} (${detail}). The request was not sent`;
  return new RequestFailure(
    "unsent",
    () => new LibsqlError(text, unsentCode, undefined, undefined, cause),
    code !== undefined && (isUnsent ? PASSING_IN_HANDSHAKE : PASSING).has(code) ? "later" : "never",
  );
}

function reasonOf(code: string | undefined): string | undefined {
  if (code === undefined) return undefined;
  return BEFORE_SENDING.get(code) ?? (OF_TLS.test(code) ? TLS : undefined);
}

/** The code of an error, or of what has caused it. `fetch` of Node wraps the system's error. */
export function systemCodeOf(error: unknown): string | undefined {
  const seen = new Set<unknown>();
  for (let at = error; isError(at) && !seen.has(at); at = at.cause) {
    seen.add(at);
    const { code, errors } = at as { code?: unknown; errors?: unknown };
    if (typeof code === "string" && code !== "") return code;
    // Of several addresses, each with an error of its own.
    const [first] = Array.isArray(errors) ? (errors as unknown[]) : [];
    if (first !== undefined) return systemCodeOf(first);
  }
  return undefined;
}

/** The message of the innermost cause: that of `fetch` itself is "fetch failed". */
function messageOf(error: unknown): string {
  if (isError(error) && isError(error.cause) && error.cause !== error)
    return messageOf(error.cause);
  return isError(error) ? error.message : String(error);
}

function codes(names: string[], why: string): [string, string][] {
  return names.map((name) => [name, why]);
}
