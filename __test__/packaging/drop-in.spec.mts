/** In the place of `@libsql/client`: through an alias, and for those who depend on it. */
import test, { type ExecutionContext } from "ava";
import { main } from "./support/packages.mjs";
import { bun, newProject, node, type Project } from "./support/project.mjs";

/** A package that depends on `@libsql/client` itself, in a version range that ours is not in. */
const dependent = { "@libsql/kysely-libsql": "0.4.1", kysely: "0.28.18" };

const replaced = `npm:latchdb@${main.manifest.version}`;

async function assertIsLatchdb(
  t: ExecutionContext,
  project: Project,
  ...seenFrom: string[]
): Promise<void> {
  await project.copyProgram("who-is-libsql-client.cjs");
  for (const runtime of bun === undefined ? [node] : [node, bun]) {
    const { stdout } = await project.succeed(runtime, ["who-is-libsql-client.cjs", ...seenFrom]);
    t.deepEqual(JSON.parse(stdout), {
      name: "latchdb",
      isOfOnePiece: true,
      isItsError: true,
      isCoresError: true,
      shutsDown: true,
    });
  }
  const others = project.installedIn("@libsql").filter((name) => /linux|darwin|win32/.test(name));
  t.deepEqual(others, [], "binaries of the stock client are installed");
}

test("npm: an alias", async (t) => {
  const project = await newProject(t);
  await project.npm("install", "@libsql/client@npm:latchdb");
  await assertIsLatchdb(t, project);
});

test("npm: overrides", async (t) => {
  const project = await newProject(t, {
    dependencies: dependent,
    overrides: { "@libsql/client": replaced },
  });
  await project.npm("install");
  await assertIsLatchdb(t, project, "@libsql/kysely-libsql");
});

test("pnpm: an alias", async (t) => {
  const project = await newProject(t);
  await project.pnpm("add", "@libsql/client@npm:latchdb");
  await assertIsLatchdb(t, project);
});

test("pnpm: overrides", async (t) => {
  const project = await newProject(t, { dependencies: dependent });
  await project.write("pnpm-workspace.yaml", `overrides:\n  "@libsql/client": ${replaced}\n`);
  await project.pnpm("install");
  await assertIsLatchdb(t, project, "@libsql/kysely-libsql");
});

if (bun === undefined) {
  test.skip("Bun: it does not run on this platform", () => undefined);
} else {
  test("Bun: an alias", async (t) => {
    const project = await newProject(t);
    await project.bun("add", "@libsql/client@npm:latchdb");
    await assertIsLatchdb(t, project);
  });

  test("Bun: overrides", async (t) => {
    const project = await newProject(t, {
      dependencies: dependent,
      overrides: { "@libsql/client": replaced },
    });
    await project.bun("install");
    await assertIsLatchdb(t, project, "@libsql/kysely-libsql");
  });
}
