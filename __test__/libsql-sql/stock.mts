import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The stock client's answers to these statements, in a process of its own on this file. `null` opens it anew. */
export async function stockAnswers(
  statements: readonly (string | null)[],
  file = ":memory:",
): Promise<string[]> {
  const program = fileURLToPath(new URL("./stock-answers.mjs", import.meta.url));
  const child = spawn(process.execPath, [program, file], { stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.end(statements.map((sql) => `${JSON.stringify(sql)}\n`).join(""));
  const pieces: Buffer[] = [];
  for await (const piece of child.stdout) pieces.push(piece as Buffer);
  const lines = Buffer.concat(pieces).toString().trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line) as string);
}
