/** Options of clients for local databases, of which most have a default that needs no work. */
import type { Limits } from "../../index.js";
import { describe } from "./describe";
import { isAnyArrayBuffer } from "./kinds-of-objects";
import { parseFlag } from "./flags";
import { Converters } from "./converters";

export interface LocalOptions {
  /** Whether the connections can only read. The file must exist then. */
  readOnly: boolean;
  /** Whether a missing file is an error, and not created. */
  fileMustExist: boolean;
  /** Whether the arguments of a statement have to be those of its parameters. */
  strict: boolean;
  /** What values of declared types become. */
  converters: Converters | undefined;
  /** SQLite's limits of each connection. */
  limits: Limits | undefined;
  /** The content of a database in memory. */
  data: Uint8Array | undefined;
}

/**
 * Parses the options, also those that it has parsed before.
 * @throws TypeError, RangeError for an invalid option
 */
export function parseLocalOptions(options: object): LocalOptions {
  const given = options as Record<string, unknown>;
  return {
    readOnly: parseFlag("readOnly", given["readOnly"]) ?? false,
    fileMustExist: parseFlag("fileMustExist", given["fileMustExist"]) ?? false,
    strict: parseFlag("strict", given["strict"]) ?? false,
    converters: Converters.parse(given["converters"]),
    limits: parseLimits(given["limits"]),
    data: parseData(given["data"]),
  };
}

/** The names of node:sqlite, in the order of SQLite's numbers (https://sqlite.org/c3ref/c_limit_attached.html). */
const LIMITS: readonly (keyof Limits)[] = [
  "length",
  "sqlLength",
  "column",
  "exprDepth",
  "compoundSelect",
  "vdbeOp",
  "functionArg",
  "attach",
  "likePatternLength",
  "variableNumber",
  "triggerDepth",
];

/** The largest limit. SQLite makes of it the largest that it was built with. */
const NO_LIMIT = 2 ** 31 - 1;

/** The limits as the addon takes them: SQLite's number of one, and its value, again and again. */
export function flatLimits(limits: Limits | undefined): number[] {
  if (limits === undefined) return [];
  return LIMITS.flatMap((name, number) => {
    const value = limits[name];
    return value === undefined ? [] : [number, Math.min(value, NO_LIMIT)];
  });
}

function parseLimits(limits: unknown): Limits | undefined {
  if (limits === undefined || limits === null) return undefined;
  if (typeof limits !== "object") {
    throw new TypeError(`limits must be an object of names and numbers, got ${describe(limits)}`);
  }
  const parsed: Limits = {};
  for (const [key, value] of Object.entries(limits) as [string, unknown][]) {
    const name = LIMITS.find((known) => known === key);
    if (name === undefined) {
      throw new TypeError(`limits has no ${JSON.stringify(key)}: it has ${LIMITS.join(", ")}`);
    }
    if (value === undefined) continue;
    if (typeof value !== "number") {
      throw new TypeError(`limits.${name} must be a number, got ${describe(value)}`);
    }
    if (value !== Infinity && (!Number.isInteger(value) || value < 0)) {
      throw new RangeError(
        `limits.${name} must be a whole number from 0 on, or Infinity, got ${value}`,
      );
    }
    parsed[name] = value;
  }
  return parsed;
}

function parseData(data: unknown): Uint8Array | undefined {
  if (data === undefined || data === null) return undefined;
  if (ArrayBuffer.isView(data)) {
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
  if (isAnyArrayBuffer(data)) return new Uint8Array(data);
  throw new TypeError(`data must be an ArrayBuffer or a view of one, got ${describe(data)}`);
}
