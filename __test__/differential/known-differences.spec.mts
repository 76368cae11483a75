import { readFile } from "node:fs/promises";
import test from "ava";
import { knownDifferences } from "./known-differences.mjs";

const compat = await readFile(new URL("../../../COMPAT.md", import.meta.url), "utf8");
const firstCells = compat
  .split("\n")
  .filter((line) => line.startsWith("| "))
  .map((line) => line.split(/(?<!\\)\|/)[1]?.trim());

for (const { name, row } of knownDifferences) {
  test(`COMPAT.md has the row that explains: ${name}`, (t) => {
    t.true(firstCells.includes(row), `There is no row that begins with | ${row} |`);
  });
}

test("the names of the rules differ", (t) => {
  t.is(new Set(knownDifferences.map(({ name }) => name)).size, knownDifferences.length);
});
