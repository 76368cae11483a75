/** The arguments of statements on the command line. */
import type { InArgs, InValue } from "../../../types/core.js";
import { UsageError } from "../command";

const INTEGER = /^[+-]?\d+$/;
const REAL = /^[+-]?(?:\d+\.\d*|\.\d+|\d+(?=e))(?:e[+-]?\d+)?$/i;
const NAMED = /^([:@$][A-Za-z_]\w*)=([^]*)$/;
const LARGEST = 2n ** 63n;

/**
 * Reads arguments: all by position, or all by name (`:id=5`).
 * @throws UsageError
 */
export function parseArguments(texts: string[]): InArgs {
  const named = texts.map((text) => NAMED.exec(text));
  if (named.every((match) => match === null)) return texts.map(parseValue);
  if (named.some((match) => match === null)) {
    throw new UsageError("some of the --arg have a name (:name=value) and some have none");
  }
  return Object.fromEntries(named.map((match) => [match?.[1], parseValue(match?.[2] ?? "")]));
}

/**
 * A value: what SQL writes for a number, NULL, a blob (x'00ff') or a text in quotes; any other text is
 * itself.
 */
function parseValue(text: string): InValue {
  if (/^null$/i.test(text)) return null;
  if (INTEGER.test(text)) {
    const value = BigInt(text.replace("+", ""));
    // As in SQL, an integer of more than 64 bits is a REAL.
    return value >= -LARGEST && value < LARGEST ? value : Number(text);
  }
  if (REAL.test(text)) return Number(text);
  if (/^x'(?:[0-9a-f]{2})*'$/i.test(text)) return Buffer.from(text.slice(2, -1), "hex");
  if (/^'(?:[^']|'')*'$/.test(text)) return text.slice(1, -1).replaceAll("''", "'");
  return text;
}
