/** `latchdb adopt FILE`: takes over the vector indexes that libSQL has made. */
import { adopt as adoptIndexes, type AdoptionReport } from "../local/swap/database/reports";
import { defineReport } from "./command";

const USAGE = `Usage: latchdb adopt [options] <file>

Takes over the vector indexes that libSQL has made in a database, so that
latchdb can read and write their tables. First copies the database beside it,
as <file>.before-adopt-<time>. Then fills the indexes and removes libSQL's own
tables of them, in one transaction. libSQL can read the file afterwards; before
it writes to such a table again, DROP INDEX and CREATE INDEX are needed there.

Arguments:
  file        the database: a path or a file: URL

Options:
  --json      print the report, or the error, as JSON
  -h, --help  print this
`;

export const adopt = defineReport("adopt", USAGE, adoptIndexes, describe, () => false);

function describe({ target, backup, adopted }: AdoptionReport): string {
  if (backup === null) return `${target}: no vector index of libSQL is left to take over`;
  const lines = adopted.map(({ index, table }) => `taken over  ${index}, of the table ${table}`);
  return [...lines, `backup      ${backup}`].join("\n");
}
