/** `latchdb recover FILE`: clears what a swap that was killed has left. */
import { Command } from "commander";
import type { RecoveryReport } from "../../swap.js";
import { recover } from "../local/swap/database/reports";
import { printError } from "./print-error";

const WHATS: Record<RecoveryReport["found"][number]["what"], string> = {
  staging: "a file that no swap needs any more",
  aside: "a file that was moved aside",
  backup: "a backup whose swap did not end",
  "journal-mode": "the journal mode of a database that was about to be replaced",
  "lock-file": "a lock that nobody holds",
};

/** The command, ready to be added to a program. */
export function recoverCommand(): Command {
  return new Command("recover")
    .showHelpAfterError()
    .description(
      "Clears what a swap that was killed has left beside FILE: afterwards it is the old or the new " +
        "database, complete. Opening the database with latchdb does the same.",
    )
    .argument("<file>", "the database")
    .option("--json", "print the report, or the error, as JSON")
    .action(run);
}

async function run(file: string, flags: { json?: true }): Promise<void> {
  try {
    const report = await recover(file);
    console.log(flags.json ? JSON.stringify(report) : describe(report));
    if (report.found.some(({ done }) => done === "failed")) process.exitCode = 1;
  } catch (error) {
    process.exitCode = 1;
    printError("recover", error, flags.json === true);
  }
}

function describe({ target, underWay, found }: RecoveryReport): string {
  if (underWay) return `A swap of ${target} is under way: there is nothing to recover`;
  if (found.length === 0) return `${target}: nothing was left by any swap`;
  const lines = found.map(
    ({ what, path, done, detail }) =>
      `${done.padEnd(9)} ${path}: ${WHATS[what]}${detail === "" ? "" : ` (${detail})`}`,
  );
  return lines.join("\n");
}
