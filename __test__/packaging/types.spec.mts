/** TypeScript finds the types of every subpath, for `import` and `require`. */
import { join } from "node:path";
import test from "ava";
import { root } from "./support/packages.mjs";
import { newProject, node } from "./support/project.mjs";

const program = `
import { createClient, LibsqlError, type Row } from "latchdb";
import { createClient as fromNode, type LatchClient } from "latchdb/node";
import { Sqlite3Client } from "latchdb/sqlite3";

export async function main(): Promise<string | undefined> {
  const client: LatchClient = createClient({ url: ":memory:" });
  const other: LatchClient = fromNode({ url: ":memory:" });
  const { rows } = await client.execute<Row & { greeting: string }>("SELECT 'hello' AS greeting");
  const error = new LibsqlError("text", "CODE");
  await Promise.all([client.shutdown({ drain: true }), other.shutdown()]);
  // @ts-expect-error: a client has a URL
  createClient({});
  return client instanceof Sqlite3Client ? rows[0]?.greeting : error.code;
}
`;

const compilerOptions = {
  strict: true,
  noEmit: true,
  target: "es2022",
  lib: ["es2022", "esnext.disposable"],
  types: ["node"],
};

const resolutions = {
  nodenext: { module: "nodenext", moduleResolution: "nodenext" },
  bundler: { module: "esnext", moduleResolution: "bundler" },
};

test("nodenext and bundler", async (t) => {
  const project = await newProject(t);
  await project.npm("install", "latchdb", "@types/node@20");
  await project.write("module.mts", program);
  await project.write("script.cts", program);
  await project.write("plain.ts", program);
  for (const [name, options] of Object.entries(resolutions)) {
    const files = name === "nodenext" ? ["module.mts", "script.cts", "plain.ts"] : ["plain.ts"];
    await project.write("tsconfig.json", {
      compilerOptions: { ...compilerOptions, ...options },
      files,
    });
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    const { code, stdout } = await project.run(node, [tsc, "-p", "."]);
    t.is(code, 0, `${name}: ${stdout}`);
  }
});
