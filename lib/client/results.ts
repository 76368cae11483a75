/** Make the value that a call's promise resolves with from the results of its statements. */
import type { ResultSet } from "@libsql/core/api";

export function onlyResult(results: ResultSet[]): ResultSet {
  const [result] = results;
  if (result === undefined) throw new TypeError("a statement without a result");
  return result;
}

export function allResults(results: ResultSet[]): ResultSet[] {
  return results;
}

export function noResult(): void {}
