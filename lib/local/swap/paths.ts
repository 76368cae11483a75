/** Paths as callers give them: a string, a `file:` URL, or the bytes of a path. */
import { TextDecoder } from "node:util";
import { isUint8Array } from "node:util/types";
import { LibsqlError } from "@libsql/core/api";
import type { PathInput } from "../../../types/swap.js";
import { pathOfFileUrl } from "../../client/file-url";
import { pathNotUtf8, wrongUrl } from "./errors";

/** The scheme of a URL. A single letter before the colon is a drive of Windows. */
const SCHEME = /^[a-z][a-z0-9+.-]+:/i;

/** A BOM is a character of the path, too. */
const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * The path that a caller means, as the addon takes it. Bytes are a path and never a URL. A text is a URL
 * where it begins with `file:`, or with another scheme and `//`; `./file:x` is the file of that name.
 *
 * @param what the name of the argument, for messages
 * @throws TypeError for a value that cannot be a path; SwapError URL_INVALID, URL_PARAM_NOT_SUPPORTED,
 * URL_SCHEME_NOT_SUPPORTED or PATH_NOT_UTF8
 */
export function pathOf(given: PathInput, what: string): string {
  const path = textOf(given);
  if (path === undefined || path === "" || path.includes("\0")) {
    throw new TypeError(
      `${what} must be a path: a string, a file: URL or a Buffer that is not empty and holds no NUL`,
    );
  }
  // The addon would put U+FFFD in its place, which is the path of another file.
  if (/\p{Surrogate}/u.test(path)) throw pathNotUtf8(what, path);
  return path;

  function textOf(value: unknown): string | undefined {
    if (typeof value === "string") return isUrlText(value) ? pathOfUrl(value, what) : value;
    if (isUrl(value)) return pathOfUrl(value.href, what);
    return isUint8Array(value) ? decode(value, what) : undefined;
  }
}

/** Whether the text is a URL, and not a path with a colon. */
function isUrlText(text: string): boolean {
  const scheme = SCHEME.exec(text)?.[0];
  if (scheme === undefined) return false;
  return scheme.toLowerCase() === "file:" || text.startsWith("//", scheme.length);
}

/** A URL of any realm, as Node's `fs` recognises one. */
function isUrl(value: unknown): value is { href: string } {
  const { href, protocol } = (value ?? {}) as { href?: unknown; protocol?: unknown };
  return typeof value === "object" && typeof href === "string" && typeof protocol === "string";
}

function pathOfUrl(url: string, what: string): string {
  const scheme = (SCHEME.exec(url)?.[0] ?? "").toLowerCase();
  if (scheme !== "file:") {
    const why = `the scheme ${JSON.stringify(scheme)} names no file. Give a path or a "file:" URL`;
    throw wrongUrl(what, url, new LibsqlError(why, "URL_SCHEME_NOT_SUPPORTED"), why);
  }
  try {
    return pathOfFileUrl(url);
  } catch (error) {
    // A fragment or a query is where a `?` or `#` of the path was not encoded.
    const { code, message } = error as LibsqlError;
    const why = `${message.replace(`${code}: `, "")}. In a URL write % as %25, ? as %3F and # as %23; or give the path itself`;
    throw wrongUrl(what, url, error as LibsqlError, why);
  }
}

function decode(bytes: Uint8Array, what: string): string {
  try {
    return DECODER.decode(bytes);
  } catch {
    throw pathNotUtf8(what, Buffer.from(bytes).toString("utf8"));
  }
}
