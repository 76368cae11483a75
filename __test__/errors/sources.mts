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
  return [
    ...files("src", ".rs").flatMap(rustTexts),
    ...files("lib", ".ts").flatMap(typescriptTexts),
  ];
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
    .map((path) => ({
      file: relative(root, path),
      text: withoutTests(readFileSync(path, "utf8")),
    }));
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
  const isText = (piece: string): boolean =>
    piece.length >= SHORTEST_PIECE && !/^[A-Z_]+$/.test(piece);
  return pieces.map((piece) => piece.trim()).filter(isText);
}

/** The source from here to the parenthesis that ends the call. */
function argumentsAt(text: string, start: number): string {
  let depth = 1;
  let at = start;
  while (at < text.length && depth > 0) {
    const character = text[at] ?? "";
    if (isQuote(character)) at = endOfLiteral(text, at).end;
    else at++;
    if (character === "(") depth++;
    else if (character === ")") depth--;
  }
  return text.slice(start, at - 1);
}

/** The texts in quotes, without what templates put in. */
function literals(source: string): string[] {
  const found: string[] = [];
  for (let at = 0; at < source.length;) {
    if (!isQuote(source[at] ?? "")) {
      at++;
      continue;
    }
    const { pieces, end } = endOfLiteral(source, at);
    found.push(...pieces);
    at = end;
  }
  return found;
}

function isQuote(character: string): boolean {
  return character === '"' || character === "'" || character === "`";
}

/** The pieces of the literal that begins here, those of texts within a template included. */
function endOfLiteral(source: string, start: number): { pieces: string[]; end: number } {
  const quote = source[start] ?? "";
  const inner: string[] = [];
  let plain = "";
  let at = start + 1;
  while (at < source.length && source[at] !== quote) {
    if (source[at] === "\\") {
      plain += source[at + 1] === "n" ? "\n" : (source[at + 1] ?? "");
      at += 2;
    } else if (quote === "`" && source.startsWith("${", at)) {
      at += 2;
      for (let depth = 1; depth > 0 && at < source.length;) {
        const character = source[at] ?? "";
        if (isQuote(character)) {
          const { pieces, end } = endOfLiteral(source, at);
          inner.push(...pieces);
          at = end;
          continue;
        }
        if (character === "{") depth++;
        else if (character === "}") depth--;
        at++;
      }
      inner.push(plain);
      plain = "";
    } else {
      plain += source[at++] ?? "";
    }
  }
  return { pieces: [...inner, plain], end: at + 1 };
}
