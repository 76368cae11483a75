/** The examples of docs/api.md run, and print what their comments say. */
import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { inspect } from "node:util";
import test from "ava";
import { temporaryDirectory } from "../support/database.mjs";

const require = createRequire(import.meta.url);
const guide = await readFile(require.resolve("../../../docs/api.md"), "utf8");
const [beginning = "", ...chapters] = guide.split(/^## /m);

/** The code of all examples in a text. */
function examplesIn(text: string): string {
  return [...text.matchAll(/^```js\n([^]*?)^```$/gm)].map(([, code]) => code).join("\n");
}

for (const chapter of chapters.filter((text) => text.includes("```js"))) {
  const title = chapter.slice(0, chapter.indexOf("\n"));

  test.serial(title, async (t) => {
    const directory = await temporaryDirectory(t);
    const latchdb = pathToFileURL(require.resolve("../../../dist/index.mjs")).href;
    const code = `${examplesIn(beginning)}\n${examplesIn(chapter)}`
      .replace('"latchdb"', JSON.stringify(latchdb))
      .replace("file:people.db", `file:${join(directory, "people.db")}`);
    const expected = [...code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, said]) => said);
    t.true(expected.length > 0);
    const printed: string[] = [];
    const print = (value: unknown): void =>
      void printed.push(typeof value === "string" ? value : inspect(value));
    Object.assign(globalThis, { print });
    t.teardown(() => Reflect.deleteProperty(globalThis, "print"));
    const file = join(directory, "example.mjs");
    const program = code.replaceAll("console.log(", "globalThis.print(");
    await writeFile(file, `${program}\nexport { client };\n`);
    const { client } = (await import(pathToFileURL(file).href)) as { client: { close(): void } };
    client.close();
    t.deepEqual(printed, expected);
  });
}
