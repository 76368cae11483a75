/** Which codes and texts of errors the sources have. */
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";

const root = dirname(createRequire(import.meta.url).resolve("latchdb/package.json"));

/** A text of an error, in pieces: what is between its variable parts. */
export interface Text {
  file: string;
  pieces: string[];
}

/** Shorter pieces would be found anywhere. */
const SHORTEST_PIECE = 14;

/** The texts that `thiserror` makes, and those that TypeScript passes to constructors of errors. */
export function texts(): Text[] {
  return [...files("src", ".rs").flatMap(rustTexts), ...files("lib", ".ts").flatMap(typescriptTexts)];
}

/** The codes: words in capitals with an underscore, in the files that make errors. */
export function codes(): Array<{ file: string; code: string }> {
  return [...files("src", ".rs"), ...files("lib", ".ts")].flatMap(({ file, text }) =>
    [...text.matchAll(/"([A-Z]+(?:_[A-Z0-9]+)+)"/g)].map(([, code = ""]) => ({ file, code })),
  );
}

interface Source {
  file: string;
  text: string;
}

function files(folder: string, ending: string): Source[] {
  const entries = readdirSync(join(root, folder), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending) && !isTest(entry.name))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .filter((path) => !path.includes(join("database", "tests")))
    .map((path) => ({ file: relative(root, path), text: withoutTests(readFileSync(path, "utf8")) }));
}

function isTest(name: string): boolean {
  return ["tests.rs", "models.rs", "failpoints.rs", "codes.rs", "binding.d.ts"].includes(name);
}

function withoutTests(text: string): string {
  return text.split("#[cfg(test)]\nmod tests", 1)[0] ?? "";
}

function rustTexts({ file, text }: Source): Text[] {
  const attributes = text.matchAll(/#\[error\(\s*"((?:[^"\\]|\\[^])*)"/g);
  return [...attributes].map(([, literal = ""]) => {
    const plain = literal.replaceAll(/\\\n\s*/g, "").replaceAll(/\\(.)/g, "$1");
    return { file, pieces: longEnough(plain.split(/\{[^}]*\}/)) };
  });
}

function typescriptTexts({ file, text }: Source): Text[] {
  return [...text.matchAll(/new (\w*Error)\(/g)].map(({ index, 0: { length } }) => ({
    file,
    pieces: longEnough(literals(argumentsAt(text, index + length))),
  }));
}

function longEnough(pieces: string[]): string[] {
  return pieces.map((piece) => piece.trim()).filter((piece) => piece.length >= SHORTEST_PIECE);
}

/** The source from here to the parenthesis that ends the call. */
function argumentsAt(text: string, start: number): string {
  let depth = 1;
  let quote = "";
  let at = start;
  for (; at < text.length && depth > 0; at++) {
    const character = text[at] ?? "";
    if (character === "\\") at++;
    else if (quote !== "") quote = character === quote ? "" : quote;
    else if ("\"'`".includes(character)) quote = character;
    else if (character === "(") depth++;
    else if (character === ")") depth--;
  }
  return text.slice(start, at - 1);
}

/** The texts in quotes, without what templates put in. */
function literals(source: string): string[] {
  const found = source.matchAll(/"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|`((?:[^`\\]|\\.)*)`/g);
  return [...found].flatMap(([, double, single, template]) => {
    const plain = double ?? single ?? template ?? "";
    return plain.replaceAll("\\n", "\n").replaceAll(/\\(.)/g, "$1").split(/\$\{[^}]*\}/);
  });
}
