/** Checks the configuration of a client and fills in the defaults. */
import { LibsqlError, type IntMode } from "@libsql/core/api";
import { expandConfig, type ExpandedConfig } from "@libsql/core/config";
import type { Checkpoints, Config, Execution, LatchConfig, RowMode } from "../../index.js";
import { describe } from "./describe";
import { parseFlag } from "./flags";
import { parseLocalOptions, type LocalOptions } from "./local-options";
import { LONGEST_MS } from "./timers";

/** The default of `concurrency`. */
const CONNECTIONS = 20;
/** The most connections: as good as no limit. */
const MOST_CONNECTIONS = 2 ** 31 - 1;

const TEXTS = ["encryptionKey", "remoteEncryptionKey", "syncUrl"] as const;

/** A configuration whose URL is parsed. Its `timeout` is still as the caller gave it. */
export interface LocalConfig extends ExpandedConfig, Partial<LocalOptions> {
  rowMode?: RowMode | undefined;
  execution?: Execution | undefined;
  readers?: number | undefined;
  groupCommit?: boolean | undefined;
  checkpoints?: Checkpoints | undefined;
  acquireTimeout?: number | undefined;
  maxQueue?: number | undefined;
  adoptVectorIndexes?: boolean | undefined;
  queryTimeout?: number | undefined;
}

/** The same for a client of any backend. */
export interface ParsedConfig extends Omit<LocalConfig, "authToken"> {
  authToken: LatchConfig["authToken"];
}

/**
 * Parses the configuration that `createClient()` gets.
 * @param preferHttp whether `libsql:` stands for HTTP, and not for WebSockets
 * @throws LibsqlError URL_*; TypeError, RangeError for an invalid option
 */
export function parseConfig(config: LatchConfig, preferHttp = true): ParsedConfig {
  if (config === null || typeof config !== "object") {
    throw new TypeError(`Expected client configuration as object, got ${describe(config)}`);
  }
  const { acquireTimeout, adoptVectorIndexes, authToken, checkpoints, concurrency } = config;
  const { execution, groupCommit, intMode, maxQueue, queryTimeout, readers, rowMode } = config;
  const { timeout } = config;
  for (const name of TEXTS) checkText(name, config[name]);
  // A function gives a token for each request.
  if (typeof authToken !== "function") checkText("authToken", authToken);
  parseTimeout(timeout);
  // @libsql/core cannot put it into its message.
  if (typeof intMode === "bigint") throw invalid("intMode", intMode);
  const parsed = {
    concurrency: parseConcurrency(concurrency),
    rowMode: parseRowMode(rowMode),
    execution: parseExecution(execution),
    readers: parseReaders(readers),
    groupCommit: parseGroupCommit(groupCommit),
    checkpoints: parseCheckpoints(checkpoints),
    acquireTimeout: parseTimeout(acquireTimeout, "acquireTimeout"),
    maxQueue: parseMaxQueue(maxQueue),
    adoptVectorIndexes: parseAdoptVectorIndexes(adoptVectorIndexes),
    queryTimeout: parseTimeout(queryTimeout, "queryTimeout"),
    ...parseLocalOptions(config),
  };
  return Object.assign(expand(config, preferHttp), parsed);
}

/** Expands the URL. An error about it must not show the token that may be in it. */
function expand(config: LatchConfig, preferHttp: boolean): ExpandedConfig {
  try {
    return expandConfig(config as Config, preferHttp);
  } catch (error) {
    if (error instanceof LibsqlError) {
      error.message = withoutToken(error.message);
      if (error.stack !== undefined) error.stack = withoutToken(error.stack);
    }
    throw error;
  }
}

function withoutToken(text: string): string {
  return text.replace(/(authToken(?:=|%3d))[^&#'"\s]*/gi, "$1…");
}

/**
 * The `timeout` option, or another time, in ms: undefined where there is none. A time beyond the range of
 * timers becomes the longest time that timers support.
 * @throws TypeError for a value that is not a number, RangeError for NaN
 */
export function parseTimeout(
  timeout: unknown,
  name: "timeout" | "acquireTimeout" | "queryTimeout" = "timeout",
): number | undefined {
  if (timeout === undefined || timeout === null) return undefined;
  if (typeof timeout !== "number") throw invalid(name, timeout);
  if (Number.isNaN(timeout)) throw new RangeError(`${EXPECTED[name]}, got NaN`);
  return Math.min(Math.max(timeout, 0), LONGEST_MS);
}

/**
 * The `concurrency` option: a number of connections. As in `@libsql/client`, a falsy value is the
 * default, and a value that can be converted to a number counts as that.
 * @throws TypeError for any other value
 */
export function parseConcurrency(concurrency: unknown): number {
  if (!concurrency) return CONNECTIONS;
  const isConvertible = typeof concurrency !== "symbol" && typeof concurrency !== "bigint";
  const connections = isConvertible ? Number(concurrency) : NaN;
  if (Number.isNaN(connections)) throw invalid("concurrency", concurrency);
  return Math.min(Math.max(Math.ceil(connections), 1), MOST_CONNECTIONS);
}

/**
 * The `readers` option: a number of connections that only read; undefined for the default.
 * @throws TypeError for a value that is not a number, RangeError for one that is not a whole number from 0
 */
export function parseReaders(readers: unknown): number | undefined {
  return parseNumber("readers", readers, 0);
}

/**
 * The `maxQueue` option: a number of calls; undefined for no limit.
 * @throws TypeError for a value that is not a number, RangeError for one that is not a whole number from 1
 */
export function parseMaxQueue(maxQueue: unknown): number | undefined {
  return maxQueue === Infinity ? undefined : parseNumber("maxQueue", maxQueue, 1);
}

/**
 * The `groupCommit` option.
 * @throws TypeError for a value that is not a boolean
 */
export function parseGroupCommit(groupCommit: unknown): boolean {
  return parseFlag("groupCommit", groupCommit) ?? true;
}

/**
 * The `adoptVectorIndexes` option.
 * @throws TypeError for a value that is not a boolean
 */
export function parseAdoptVectorIndexes(adopt: unknown): boolean {
  return parseFlag("adoptVectorIndexes", adopt) ?? false;
}

function parseNumber(
  name: "readers" | "maxQueue",
  value: unknown,
  least: number,
): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "number") throw invalid(name, value);
  if (!Number.isInteger(value) || value < least) {
    throw new RangeError(`${EXPECTED[name]}, got ${value}`);
  }
  return value;
}

/**
 * The `rowMode` option.
 * @throws TypeError for an unknown mode
 */
export function parseRowMode(rowMode: unknown): RowMode {
  return parseChoice("rowMode", rowMode, ["row", "object", "array", "pluck", "expand"]);
}

/**
 * The `intMode` of a statement; undefined for that of its client.
 * @throws TypeError for an unknown mode
 */
export function parseIntMode(intMode: unknown): IntMode | undefined {
  if (intMode === undefined || intMode === null) return undefined;
  return parseChoice<IntMode>("intMode", intMode, ["number", "bigint", "string"]);
}

/**
 * The `execution` option.
 * @throws TypeError for an unknown value
 */
export function parseExecution(execution: unknown): Execution {
  return parseChoice("execution", execution, ["auto", "thread"]);
}

/**
 * The `checkpoints` option.
 * @throws TypeError for an unknown value
 */
export function parseCheckpoints(checkpoints: unknown): Checkpoints {
  return parseChoice("checkpoints", checkpoints, ["background", "commit"]);
}

/** One of some values, of which the first is the default. */
function parseChoice<T extends string>(
  name: keyof typeof EXPECTED,
  value: unknown,
  choices: readonly [T, ...T[]],
): T {
  if (value === undefined || value === null || value === choices[0]) return choices[0];
  const found = choices.find((choice) => choice === value);
  if (found === undefined) throw invalid(name, value);
  return found;
}

function checkText(name: (typeof TEXTS)[number] | "authToken", value: unknown): void {
  if (value === undefined || value === null || typeof value === "string") return;
  // @libsql/client takes any falsy syncUrl for none.
  if (name === "syncUrl" && !value) return;
  // Without the value, which may be a secret.
  throw new TypeError(`${name} must be a string, got a value of type ${typeof value}`);
}

const EXPECTED = {
  timeout: "timeout must be a number of milliseconds",
  queryTimeout: "queryTimeout must be a number of milliseconds",
  concurrency: "concurrency must be a number of connections",
  intMode: 'intMode must be "number", "bigint" or "string"',
  acquireTimeout: "acquireTimeout must be a number of milliseconds",
  maxQueue: "maxQueue must be a number of calls, 1 or more",
  checkpoints: 'checkpoints must be "background" or "commit"',
  readers: "readers must be a number of connections, 0 or more",
  rowMode: 'rowMode must be "row", "object", "array", "pluck" or "expand"',
  execution: 'execution must be "auto" or "thread"',
};

function invalid(name: keyof typeof EXPECTED, value: unknown): TypeError {
  return new TypeError(`${EXPECTED[name]}, got ${describe(value)}`);
}
