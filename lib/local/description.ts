/** Descriptions of statements, as the addon gives them. */
import type { ResultSet } from "@libsql/core/api";
import type { StatementDescription } from "../../index.js";

/** The description in the answer to a `Describe` request. */
export function descriptionOf({ rows }: ResultSet): StatementDescription {
  const [row] = rows;
  // With `rowMode: "object"`, a row has no index.
  const json = row?.["description"];
  return JSON.parse(String(json)) as StatementDescription;
}
