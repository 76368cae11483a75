/** `latchdb recover FILE`: clears what a killed swap left behind. */
import type { RecoveryReport } from "../../types/swap.js";
import { recover as recoverFile } from "../local/swap/database/reports";
import { defineReport } from "./command";

const USAGE = `Usage: latchdb recover [options] <file>

Clears what a killed swap left beside a database: afterwards it is the old or
the new database, complete. Opening the database with latchdb does the same.

Arguments:
  file        the database: a path or a file: URL

Options:
  --json      print the report, or the error, as JSON
  -h, --help  print this
`;

const WHATS: Record<RecoveryReport["found"][number]["what"], string> = {
  staging: "a file that no swap needs any more",
  aside: "a file that was moved aside",
  backup: "a backup whose swap did not end",
  "journal-mode": "the journal mode of a database that was about to be replaced",
  "lock-file": "a lock that nobody holds",
};

export const recover = defineReport("recover", USAGE, recoverFile, describe, ({ found }) =>
  found.some(({ done }) => done === "failed"),
);

function describe({ target, underWay, found }: RecoveryReport): string {
  if (underWay) return `A swap of ${target} is under way: there is nothing to recover`;
  if (found.length === 0) return `${target}: nothing was left by any swap`;
  const lines = found.map(
    ({ what, path, done, detail }) =>
      `${done.padEnd(9)} ${path}: ${WHATS[what]}${detail === "" ? "" : ` (${detail})`}`,
  );
  return lines.join("\n");
}
