/** Arguments of statements as hrana-client takes them. */
import type { InValue } from "@libsql/core/api";
import {
  checkInteger,
  checkNumber,
  undefinedArgument,
  unsupportedArgument,
} from "../client/argument-errors";
import { isAnyArrayBuffer, isDate } from "../client/kinds-of-objects";
import type { WireValue } from "./protocol";

/**
 * One argument. A blob is copied: its owner may change it before it is sent.
 * @throws Failure with a TypeError, a RangeError or a LibsqlError ARGUMENT_NOT_SUPPORTED
 */
export function toWireValue(value: InValue): WireValue {
  switch (typeof value) {
    case "string":
      return wellFormed(value);
    case "number":
      checkNumber(value);
      return value;
    case "bigint":
      checkInteger(value);
      return value;
    case "boolean":
      return value ? 1n : 0n;
    case "undefined":
      throw undefinedArgument();
    case "object":
      return value === null ? null : fromObject(value);
    default:
      throw unsupportedArgument(value);
  }
}

/** A text without halves of surrogate pairs, which UTF-8 does not have: they become U+FFFD, as in files. */
export function wellFormed(text: string): string {
  // In the TypeScript that this is for, strings have no `toWellFormed`.
  return LONE_SURROGATE.test(text) ? text.replace(LONE_SURROGATES, "\ufffd") : text;
}

const LONE_SURROGATE = /[\ud800-\udfff]/u;
const LONE_SURROGATES = /[\ud800-\udfff]/gu;

function fromObject(value: object): WireValue {
  if (ArrayBuffer.isView(value)) {
    // A view whose buffer was transferred away has no bytes.
    if (value.byteLength === 0) return new Uint8Array();
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength).slice();
  }
  if (isAnyArrayBuffer(value)) return new Uint8Array(value).slice();
  if (!isDate(value)) throw unsupportedArgument(value);
  const time = value.valueOf();
  // An invalid date is NULL, as it is for SQLite's own NaN.
  return Number.isNaN(time) ? null : time;
}
