/** `latchdb doctor FILE`: examines a database without changing it. */
import { examine, type DoctorReport } from "../local/swap/database/reports";
import { defineReport } from "./command";

const USAGE = `Usage: latchdb doctor [options] <file>

Examines a database without changing it: which processes have it open, which
files are beside it, whether it is whole. Exits with 1 if something is wrong.
If the last process that used a WAL database died, SQLite may rewrite the -shm
beside it, which holds no data.

Arguments:
  file        the database: a path or a file: URL

Options:
  --json      print the report, or the error, as JSON
  -h, --help  print this
`;

export const doctor = defineReport(
  "doctor",
  USAGE,
  examine,
  describe,
  (report) => complaints(report).length > 0,
);

/** Everything that is wrong. */
function complaints({ problem, lockFile, leftovers, database }: DoctorReport): string[] {
  const found: string[] = [];
  // Also that the file does not exist.
  if (problem !== null) found.push(problem);
  found.push(...(database?.integrity ?? []), ...(database?.foreignKeys ?? []));
  for (const { index, table } of database?.vectorIndexes ?? []) {
    found.push(
      `libSQL has made the vector index ${index} of ${table}, which SQLite finds empty: ` +
        "npx latchdb adopt takes it over",
    );
  }
  // During a swap, the files beside the database belong to the swap.
  if (lockFile !== "held" && (leftovers.length > 0 || lockFile === "left")) {
    found.push("a killed swap left files behind: npx latchdb recover clears them");
  }
  if (lockFile === "untrusted") {
    found.push(
      "a file with the name of its lock file is not a lock file, and keeps swaps from running: remove it",
    );
  }
  return found;
}

function describe(report: DoctorReport): string {
  const { path, target, isSymlink, exists, bytes, links, database } = report;
  const rows: Array<[string, string]> = [
    ["file", isSymlink ? `${path} -> ${target}` : target],
    ["size", exists ? `${bytes} bytes${links > 1 ? `, ${links} hard links` : ""}` : "–"],
  ];
  if (database !== null) {
    const { journalMode, walFrames, pageSize, pageCount, freelistCount } = database;
    rows.push(
      ["journal", journalMode === "wal" ? `wal, ${walFrames} frames` : journalMode],
      ["pages", `${pageCount} of ${pageSize} bytes, ${freelistCount} free`],
      ["text", `${database.encoding}, auto_vacuum ${database.autoVacuum}`],
      ["versions", versions(database)],
      ["integrity", integrityOf(database)],
      ["foreign keys", database.foreignKeys.length === 0 ? "ok" : "violated"],
    );
  }
  rows.push(
    ["open in", processes(report)],
    ["beside it", beside(report)],
    ["swap lock", report.lockFile],
  );
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, text]) => `${name.padEnd(width)}  ${text}`);
  const wrong = complaints(report);
  return [...lines, "", ...(wrong.length === 0 ? ["All is well"] : wrong)].join("\n");
}

function integrityOf({ integrity, vectorIndexes }: NonNullable<DoctorReport["database"]>): string {
  if (vectorIndexes.length > 0) return "not checked";
  return integrity.length === 0 ? "ok" : "damaged";
}

function versions(database: NonNullable<DoctorReport["database"]>): string {
  const { schemaVersion, userVersion, applicationId } = database;
  return `schema ${schemaVersion}, user ${userVersion}, application ${applicationId}`;
}

function processes({ openers, openersComplete }: DoctorReport): string {
  const names = openers
    .filter(({ isSelf }) => !isSelf)
    .map(({ pid, name }) => (name === undefined ? `process ${pid}` : `${name} (process ${pid})`));
  const who = names.length === 0 ? "no other process" : names.join(", ");
  return openersComplete ? who : `${who}; not every process could be looked at`;
}

function beside({ sidecars, leftovers }: DoctorReport): string {
  const files = [...sidecars, ...leftovers].map(({ path, bytes }) => `${path} (${bytes} bytes)`);
  return files.length === 0 ? "nothing" : files.join(", ");
}
