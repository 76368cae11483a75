/** How a command says what went wrong. */
import { SwapError } from "../local/swap/errors";

/** For a person on stderr; for a program, as JSON on stdout. */
export function printError(command: string, error: unknown, json: boolean): void {
  const { message } = error as Error;
  if (!json) return console.error(`latchdb ${command}: ${message}`);
  const details = error instanceof SwapError ? { ...error } : {};
  console.log(JSON.stringify({ error: { ...details, message } }));
}
