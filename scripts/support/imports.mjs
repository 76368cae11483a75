/** Reads which files of ours each file imports. */
import { readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";

const { dirname, join } = posix;

/** @returns {Map<string, Set<string>>} the files that each file of a folder imports */
export function typescriptImports(folder) {
  const files = list(folder, ".ts").filter((file) => !file.endsWith(".d.ts"));
  return imports(files, (file) => {
    const specifiers = [
      ...readFileSync(file, "utf8").matchAll(/(?:\bfrom|\bimport)[\s(]*"(\.[^"]+)"/g),
    ];
    return specifiers.map(([, to]) => `${join(dirname(file), to.replace(/\.js$/, ""))}.ts`);
  });
}

/** The same for Rust, without tests: an item that a module re-exports is its own module's. */
export function rustImports(folder) {
  const files = list(folder, ".rs").filter((file) => !isTest(file));
  const modules = new Map(files.map((file) => [file.replace(/(\/(mod|lib))?\.rs$/, ""), file]));
  const texts = new Map(files.map((file) => [file, withoutTests(readFileSync(file, "utf8"))]));
  return imports(files, (file) => {
    const own = file.replace(/(\/(mod|lib))?\.rs$/, "");
    return pathsOf(texts.get(file)).flatMap((path) => {
      const found = resolve(absolute(path, own, folder), modules, texts);
      return found === undefined ? [] : [found];
    });
  });
}

/** A problem for each file of Rust outside of some folders that names a library, without tests. */
export function naming(folder, library, allowed) {
  const files = list(folder, ".rs").filter(
    (file) => !isTest(file) && !allowed.some((other) => file.startsWith(`${other}/`)),
  );
  return files
    .filter((file) => withoutTests(readFileSync(file, "utf8")).includes(library))
    .map((file) => `${file} must not use ${library}`);
}

function isTest(file) {
  return /(\/tests|\/process|\/models)\b/.test(file);
}

function imports(files, read) {
  const known = new Set(files);
  return new Map(
    files.map((file) => [file, new Set(read(file).filter((to) => to !== file && known.has(to)))]),
  );
}

function list(folder, extension) {
  const names = readdirSync(folder, { recursive: true }).map((name) => name.replaceAll("\\", "/"));
  return names.filter((name) => name.endsWith(extension)).map((name) => `${folder}/${name}`);
}

/** Modules of tests stand last in their files. Comments import nothing. */
function withoutTests(text) {
  return text
    .split(/#\[cfg\(test\)\]\n(?:#\[[^\n]*\n)*(?:pub )?mod tests \{/)[0]
    .replace(/\/\/.*/g, "");
}

/** The paths of `use` and of expressions, those in braces one by one. */
function pathsOf(text) {
  const uses = [...text.matchAll(/\buse ((?:crate|super)::[^;]+);/g)].flatMap(([, tree]) =>
    expand(tree.replace(/\s+/g, "")),
  );
  return [...uses, ...[...text.matchAll(/\b(?:crate|super)(?:::\w+)+/g)].map(([path]) => path)];
}

function expand(tree) {
  const open = tree.indexOf("{");
  if (open < 0) return [tree];
  const prefix = tree.slice(0, open);
  const parts = [];
  let depth = 0;
  let part = "";
  for (const character of tree.slice(open + 1, -1)) {
    if (character === "," && depth === 0) {
      parts.push(part);
      part = "";
      continue;
    }
    if (character === "{") depth++;
    if (character === "}") depth--;
    part += character;
  }
  return [...parts, part].filter(Boolean).flatMap((each) => expand(prefix + each));
}

/** The path from the root of the crate, as the names of modules. */
function absolute(path, own, folder) {
  const names = path.split("::").filter((name) => name !== "self");
  let base = names[0] === "crate" ? folder : own;
  while (names[0] === "crate" || names[0] === "super") {
    if (names.shift() === "super") base = dirname(base);
  }
  return { base, names };
}

/** The file of the innermost module on a path, through re-exports. */
function resolve({ base, names }, modules, texts) {
  let at = base;
  const rest = [...names];
  while (rest.length > 0 && modules.has(`${at}/${rest[0]}`)) at += `/${rest.shift()}`;
  const file = modules.get(at);
  const item = rest[0];
  if (file === undefined || item === undefined) return file;
  const exported = [...texts.get(file).matchAll(/\bpub use ([^;]+);/g)]
    .flatMap(([, tree]) => expand(tree.replace(/\s+/g, "")))
    .map((path) => path.split("::").filter((name) => name !== "self"))
    .find((path) => path.at(-1) === item && modules.has(`${at}/${path[0]}`));
  return exported === undefined ? file : resolve({ base: at, names: exported }, modules, texts);
}
