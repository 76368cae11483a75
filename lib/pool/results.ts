/** What the promises of calls resolve with. */
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
