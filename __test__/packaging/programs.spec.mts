/**
 * Programs for Drizzle and Kysely, with ours in the place of `@libsql/client` and with the stock one:
 * on Node and on Bun they print the same.
 */
import test, { type ExecutionContext } from "ava";
import { protocols, sqld, TestServer } from "../support/sqld.mjs";
import { main } from "./support/packages.mjs";
import { bun, newProject, node, type Project, unpackedSize } from "./support/project.mjs";

const STOCK = "0.18.0";
const versions = { "drizzle-orm": "0.45.4", "@libsql/kysely-libsql": "0.4.1", kysely: "0.28.18" };

/** A project in which everybody's `@libsql/client` is this. */
async function projectWith(t: ExecutionContext, client: string): Promise<Project> {
  const project = await newProject(t, {
    dependencies: { ...versions, "@libsql/client": client },
    overrides: { "@libsql/client": "$@libsql/client" },
  });
  await project.npm("install");
  await project.copyProgram("drizzle");
  await project.copyProgram("kysely");
  return project;
}

test("Drizzle and Kysely", async (t) => {
  const ours = await projectWith(t, `npm:latchdb@${main.manifest.version}`);
  const stock = await projectWith(t, STOCK);
  for (const program of ["drizzle", "kysely"]) {
    const output = async (project: Project, runtime: string, url: string): Promise<string[]> => {
      const { stdout } = await project.succeed(runtime, [`${program}/program.mjs`, url]);
      return stdout.trim().split("\n");
    };
    const expected = await output(stock, node, `file:${program}.db`);
    t.true(expected.length > 10, expected.join("\n"));
    t.deepEqual(await output(ours, node, `file:${program}.db`), expected, `${program} on Node`);
    for (const protocol of sqld === undefined ? [] : protocols) {
      const onServer = async (project: Project, runtime: string): Promise<string[]> => {
        const server = await TestServer.start();
        try {
          return await output(project, runtime, server.url(protocol));
        } finally {
          await server.remove();
        }
      };
      const lines = await onServer(stock, node);
      t.true(lines.length > 10, lines.join("\n"));
      for (const runtime of bun === undefined ? [node] : [node, bun]) {
        t.deepEqual(
          await onServer(ours, runtime),
          lines,
          `${program} over ${protocol}, ${runtime}`,
        );
      }
    }
    if (bun === undefined) continue;
    t.deepEqual(
      await output(stock, bun, `file:${program}-bun.db`),
      expected,
      `${program}, stock, Bun`,
    );
    t.deepEqual(await output(ours, bun, `file:${program}-bun.db`), expected, `${program} on Bun`);
  }
  if (sqld === undefined) t.log("Skipped: the programs on a server: there is no sqld here");
  t.log(`stock: ${megabytes(await binariesOf(stock, "@libsql"))} of binaries`);
  t.log(`ours: ${megabytes(await binariesOf(ours, "@latchdb"))}`);
});

/** The bytes of the packages with binaries. */
async function binariesOf(project: Project, scope: string): Promise<number> {
  const isBinary = /\/(binding-)?(linux|darwin|win32)-/;
  const names = project.installedIn(scope).filter((name) => isBinary.test(name));
  const folders = await Promise.all(names.map((name) => project.packageFolder(name)));
  return folders.reduce((sum, folder) => sum + unpackedSize(folder), 0);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
