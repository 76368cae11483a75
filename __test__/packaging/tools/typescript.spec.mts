/** The declarations, in TypeScript from 4.7 on, with every resolution that a version has. */
import test from "ava";
import { newProject, node } from "../support/project.mjs";

const program = `
import { createClient, LibsqlError, type Client, type Config, type InStatement } from "@libsql/client";
import type { ResultSet, Row, Transaction } from "@libsql/client";
import { createClient as fromNode } from "@libsql/client/node";
import { Sqlite3Client, type ResultSet as SameResultSet } from "@libsql/client/sqlite3";
import { swapFile, type SwapResult } from "@libsql/client/swap";

const config: Config = { url: ":memory:" };
export const client: Client = createClient(config);

export async function main(): Promise<string | undefined> {
  const statement: InStatement = { sql: "SELECT ?", args: [1] };
  const result: ResultSet = await client.execute(statement);
  const same: SameResultSet = result;
  const row: Row | undefined = same.rows[0];
  const transaction: Transaction = await client.transaction("write");
  await transaction.commit();
  const local = fromNode(config);
  await local[Symbol.asyncDispose]();
  const swapped: SwapResult = await swapFile("a", { data: "b" });
  const error = new LibsqlError(String(swapped.bytes), "CODE");
  // @ts-expect-error: a client has a URL
  createClient({});
  return client instanceof Sqlite3Client ? String(row) : error.code;
}
`;

const node16 = { module: "node16", moduleResolution: "node16" };
const node10 = { module: "commonjs", moduleResolution: "node" };
const bundler = { module: "esnext", moduleResolution: "bundler" };
const bothFormats = ["module.mts", "script.cts"];

/** By version; without `skipLibCheck`, which would hide faults, and without any types but ours. */
const versions = {
  "4.7": [
    { ...node16, files: bothFormats },
    { ...node10, files: ["plain.ts"] },
  ],
  "5.0": [
    { ...node16, files: bothFormats },
    { ...bundler, files: ["plain.ts"] },
  ],
  "5.4": [
    { ...node16, files: bothFormats },
    { ...bundler, files: ["plain.ts"], lib: ["es2022", "esnext.disposable", "dom"] },
    { ...node10, files: ["plain.ts"], types: ["node"] },
  ],
  latest: [
    { ...node16, files: bothFormats, types: ["node"], lib: ["es2022", "esnext.disposable"] },
    { ...bundler, files: ["plain.ts"] },
    { ...bundler, files: ["plain.ts"], lib: ["es2022", "dom"] },
  ],
};

test("TypeScript, from 4.7 to the newest", async (t) => {
  const aliases = Object.keys(versions).map((version): [string, string] => [
    `typescript-${version}`,
    `npm:typescript@${version}`,
  ]);
  const project = await newProject(t, { devDependencies: Object.fromEntries(aliases) });
  await project.npm("install", "@libsql/client@npm:latchdb", "@types/node@20");
  for (const file of [...bothFormats, "plain.ts"]) await project.write(file, program);
  for (const [version, variants] of Object.entries(versions)) {
    for (const { files, ...options } of variants) {
      const compilerOptions = {
        strict: true,
        noEmit: true,
        target: "es2021",
        lib: ["es2022"],
        types: [],
        ...options,
      };
      await project.write("tsconfig.json", { compilerOptions, files });
      const tsc = `node_modules/typescript-${version}/bin/tsc`;
      const { code, stdout } = await project.run(node, [tsc, "-p", "."]);
      t.is(code, 0, `${version}, ${JSON.stringify(options)}\n${stdout}`);
    }
  }
});
