/** `latchdb doctor FILE`: what there is to know of a database, without changing anything of it. */
import { Command } from "commander";
import { examine, type DoctorReport } from "../local/swap/database/reports";
import { printError } from "./print-error";

/** The command, ready to be added to a program. */
export function doctorCommand(): Command {
  return new Command("doctor")
    .showHelpAfterError()
    .description(
      "Examines FILE and changes nothing of it: who has it open, what is beside it, whether it is whole. " +
        "Exits with 1 where something is wrong. Where the last user of a WAL database died, SQLite may " +
        "write the -shm beside it anew, which holds no data.",
    )
    .argument("<file>", "the database")
    .option("--json", "print the report, or the error, as JSON")
    .action(run);
}

async function run(file: string, flags: { json?: true }): Promise<void> {
  try {
    const report = await examine(file);
    console.log(flags.json ? JSON.stringify(report) : describe(report));
    if (complaints(report).length > 0) process.exitCode = 1;
  } catch (error) {
    process.exitCode = 1;
    printError("doctor", error, flags.json === true);
  }
}

/** What should not be so. */
function complaints({ problem, lockFile, leftovers, database }: DoctorReport): string[] {
  const found: string[] = [];
  // That there is no such file, too.
  if (problem !== null) found.push(problem);
  found.push(...(database?.integrity ?? []), ...(database?.foreignKeys ?? []));
  // While a swap is under way, what is beside the file belongs to it.
  if (lockFile !== "held" && (leftovers.length > 0 || lockFile === "left")) {
    found.push("a swap that was killed has left something: npx latchdb recover clears it");
  }
  if (lockFile === "untrusted") {
    found.push(
      "what has the name of its lock file is none, and keeps swaps from running: remove it",
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
      ["integrity", database.integrity.length === 0 ? "ok" : "damaged"],
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
