/** Why a statement cannot be sent: its SQL is no text, or an argument has no SQLite type. */
import { LibsqlError } from "@libsql/core/api";
import { describe } from "./describe";
import { Failure } from "./failure";

const MIN_INTEGER = -(2n ** 63n);
const MAX_INTEGER = 2n ** 63n - 1n;

/** @throws Failure with a TypeError for SQL that is not a string */
export function checkSql(sql: unknown): asserts sql is string {
  if (typeof sql !== "string") throw wrongType(`Expected SQL as a string, got ${describe(sql)}`);
}

/** @throws Failure with a RangeError for NaN and for infinite numbers */
export function checkNumber(value: number): void {
  if (Number.isFinite(value)) return;
  throw outOfRange("Only finite numbers (not Infinity or NaN) can be passed as arguments");
}

/** @throws Failure with a RangeError for an integer of more than 64 bits */
export function checkInteger(value: bigint): void {
  if (value >= MIN_INTEGER && value <= MAX_INTEGER) return;
  throw outOfRange(
    "bigint is too large to be represented as a 64-bit integer and passed as argument",
  );
}

/** For an argument that is undefined, which is nearly always a mistake. */
export function undefinedArgument(): Failure {
  return wrongType("undefined cannot be passed as argument to the database");
}

/** For an argument of a type that SQLite does not have. */
export function unsupportedArgument(value: unknown): Failure {
  const what = typeof value === "object" ? describe(value) : typeof value;
  return new Failure(
    () =>
      new LibsqlError(
        `An argument of type ${what} has no SQLite type: pass a number, string, bigint, boolean, ` +
          "Date, ArrayBuffer, typed array or null",
        "ARGUMENT_NOT_SUPPORTED",
      ),
  );
}

function wrongType(text: string): Failure {
  return new Failure(() => new TypeError(text));
}

function outOfRange(text: string): Failure {
  return new Failure(() => new RangeError(text));
}
