/** Answers of a server, or of what is before it, that carry no result. */
import * as hrana from "@libsql/hrana-client";
import { LibsqlError } from "@libsql/core/api";
import type { Address } from "../address";
import { MAYBE, RequestFailure, StatusFailure } from "../errors";

/** The most characters of a server's text that a message has. */
const MOST_TEXT = 500;

/** What to do about a status. */
const ADVICE: ReadonlyMap<number, string> = new Map([
  [401, "Is authToken right, and has it not expired?"],
  [403, "Does authToken allow this?"],
  [404, "Is the URL that of a database of a libSQL server?"],
  [413, "Split the batch, or store large values in parts"],
  [429, "The server limits how often it is asked: try again later, or lower concurrency"],
  [503, "The server, or its database, is not available at the moment: try again later"],
]);

/** Why a request has failed whose answer has a status of an error. */
export async function statusFailure(response: Response, address: Address): Promise<StatusFailure> {
  const { status } = response;
  // A gateway answers with these when the server behind it did not.
  const outcome = status >= 500 ? "lost" : "answered";
  const { message: given, code } = await bodyOf(response, address);
  const text = [
    given !== undefined && code !== undefined ? given : plainText(status, given),
    ADVICE.get(status),
    retryAfter(response),
    outcome === "lost" ? MAYBE : undefined,
  ];
  const message = text.filter((part) => part !== undefined).join(". ");
  const cause =
    code === undefined
      ? new hrana.HttpServerError(plainText(status, given), status)
      : new hrana.ResponseError(given ?? "", { message: given ?? "", code });
  return new StatusFailure(
    status,
    outcome,
    () => new LibsqlError(message, code ?? "SERVER_ERROR", undefined, undefined, cause),
  );
}

/**
 * Why an answer is none of the server's: a redirection by 301 or 302 turns the request into another one,
 * without a body (https://fetch.spec.whatwg.org/#http-redirect-fetch).
 */
export function checkRedirect(response: Response): RequestFailure | undefined {
  if (!response.redirected) return undefined;
  const type = response.headers.get("content-type") ?? "";
  if (/^application\/(?:json|x-protobuf)\b/.test(type)) return undefined;
  return redirected(response.url);
}

function redirected(to: string): RequestFailure {
  const { origin } = new URL(to);
  return new RequestFailure(
    "answered",
    () =>
      new LibsqlError(
        `The server redirects to ${origin}, and nothing was carried out: use that server's URL`,
        "SERVER_ERROR",
      ),
  );
}

function plainText(status: number, given: string | undefined): string {
  const text = `Server returned HTTP status ${status}`;
  return given ? `${text}: ${given}` : text;
}

function retryAfter(response: Response): string | undefined {
  const after = response.headers.get("retry-after");
  return after ? `The server asks to wait for ${after} (Retry-After)` : undefined;
}

/** The text of an answer; from JSON, the message and code that libSQL servers give. */
async function bodyOf(
  response: Response,
  address: Address,
): Promise<{ message?: string; code?: string }> {
  const text = address.redact((await textOf(response)).trim());
  const parsed = parse(text);
  if (typeof parsed !== "object" || parsed === null) return { message: text.slice(0, MOST_TEXT) };
  const { message, error, code } = parsed as { message?: unknown; error?: unknown; code?: unknown };
  const found = typeof message === "string" ? message : typeof error === "string" ? error : text;
  return {
    message: found.slice(0, MOST_TEXT),
    ...(typeof code === "string" && code !== "" ? { code } : {}),
  };
}

async function textOf(response: Response): Promise<string> {
  const type = response.headers.get("content-type") ?? "text/plain";
  if (!/^(?:text\/plain|application\/json)\b/.test(type)) {
    await response.body?.cancel();
    return "";
  }
  try {
    return await response.text();
  } catch {
    // The status says enough.
    return "";
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
