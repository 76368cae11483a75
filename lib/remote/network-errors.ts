/** Why a server cannot be reached, or is lost: by the codes of the systems' and runtimes' own errors. */
import { LibsqlError } from "@libsql/core/api";
import { isError } from "../client/errors";
import { MAYBE, RequestFailure } from "./errors";

/** What an error says of a request that was not sent. */
interface Unsent {
  /** What has happened, and what to do. */
  why: string;
  /** Whether another attempt, a moment later, may succeed: the server starts, a resolver is busy. */
  isPassing?: boolean;
}

const REFUSED: Unsent = {
  why: "refused the connection: is the server running, and are host and port right?",
  isPassing: true,
};
const NO_SUCH_HOST: Unsent = {
  why: "has a host whose name could not be resolved: is the name right, and does DNS work here?",
};
const NOT_CONNECTED: Unsent = {
  why: "could not be connected to: are host and port right, and is the server running?",
};
const NO_WAY: Unsent = { why: "is not reachable from here: is the network up?" };
const TLS: Unsent = {
  why: "could not be connected to by TLS: is the certificate valid for this host, and does the server speak TLS on this port?",
};

/** Each of these comes before a request is sent. */
const BY_CODE: ReadonlyMap<string, Unsent> = new Map([
  ["ECONNREFUSED", REFUSED],
  ["ConnectionRefused", REFUSED],
  ["ENOTFOUND", NO_SUCH_HOST],
  ["EAI_AGAIN", { ...NO_SUCH_HOST, isPassing: true }],
  ["EAI_FAIL", NO_SUCH_HOST],
  ["ERR_DNS_SET_SERVERS_FAILED", NO_SUCH_HOST],
  ["FailedToOpenSocket", { ...NOT_CONNECTED, isPassing: true }],
  ["EHOSTUNREACH", NO_WAY],
  ["ENETUNREACH", NO_WAY],
  ["EADDRNOTAVAIL", NO_WAY],
  [
    "UND_ERR_CONNECT_TIMEOUT",
    { why: "has not accepted the connection in time: does a firewall drop it?" },
  ],
]);

/** Codes of OpenSSL and of Node's checks of certificates. */
const OF_TLS =
  /^(?:ERR_TLS_|ERR_SSL_|EPROTO$|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH|UNKNOWN_CERTIFICATE)/;

/** The same in the texts of errors that have no code: Deno's have none. */
const BY_TEXT: readonly (readonly [RegExp, Unsent])[] = [
  [
    // `fetch` asks some ports of other protocols for nothing (https://fetch.spec.whatwg.org/#port-blocking).
    /^bad port$|\bto port \d+ are blocked$/,
    { why: "has a port that fetch() does not connect to: let the server listen on another one" },
  ],
  [
    /^Requires net access/,
    { why: "may not be connected to: Deno needs the permission (--allow-net)" },
  ],
  // By the numbers of Linux, macOS and Windows: their texts are in the language of the user.
  [/client error \(Connect\).*\(os error (?:111|61|10061)\)/s, REFUSED],
  [/client error \(Connect\): dns error/, NO_SUCH_HOST],
  [/client error \(Connect\): .*(?:certificate|tls|ssl)/is, TLS],
  [/client error \(Connect\)/, NOT_CONNECTED],
];

/** The errors of browsers and of Cloudflare Workers, which are the same whatever has happened. */
const SAYS_NOTHING =
  /^(?:Failed to fetch|Load failed|NetworkError when attempting to fetch resource\.|Network connection lost\.)$/;

/** Passing in a handshake: elsewhere, such an error does not say whether the request has arrived. */
const PASSING_IN_HANDSHAKE = new Set(["ECONNRESET", "EPIPE", "ETIMEDOUT"]);

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
  const message = messageOf(error);
  const unsent = unsentOf(code, message);
  const cause = isError(error) ? error : undefined;
  const detail = code ?? message;
  if (unsent === undefined && !isUnsent) {
    const what = SAYS_NOTHING.test(message)
      ? `${url} could not be reached, or does not allow this page (CORS), or the connection was lost before the answer was complete: this runtime does not say which (${detail})`
      : `the connection to ${url} was lost before the answer was complete (${detail})`;
    return new RequestFailure(
      "lost",
      () => new LibsqlError(`${what}. ${MAYBE}`, lostCode, undefined, undefined, cause),
    );
  }
  const why = unsent?.why ?? "could not be connected to";
  const isPassing = unsent?.isPassing ?? (isUnsent && PASSING_IN_HANDSHAKE.has(code ?? ""));
  return new RequestFailure(
    "unsent",
    () =>
      new LibsqlError(
        `${url} ${why} (${detail}). The request was not sent`,
        unsentCode,
        undefined,
        undefined,
        cause,
      ),
    isPassing ? "later" : "never",
  );
}

function unsentOf(code: string | undefined, message: string): Unsent | undefined {
  if (code === undefined) return BY_TEXT.find(([text]) => text.test(message))?.[1];
  return BY_CODE.get(code) ?? (OF_TLS.test(code) ? TLS : undefined);
}

/** The code of an error, or of what has caused it. `fetch` of Node wraps the system's error. */
function systemCodeOf(error: unknown): string | undefined {
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
