/**
 * Frameworks that bring `@libsql/client` with them, with ours in its place and with the stock one. They
 * have several clients on one file, without a `timeout`. The stock client fails where an interactive
 * transaction of one is open while another writes, so it is given steps that it can do: ours must
 * print the same, for these and for those in which clients meet. Only `npm run test:packages` runs
 * this: it installs hundreds of packages.
 */
import test, { type ExecutionContext } from "ava";
import { main } from "./support/packages.mjs";
import { newProject, node, type Project } from "./support/project.mjs";
import { comparableOf, expectedOf, stepsOf } from "./support/steps.mjs";

const STOCK = "0.18.0";

interface Run {
  /** The program and its arguments behind the file. */
  ours: [string, ...string[]];
  /** The same for stock, if it cannot do that. */
  stock?: [string, ...string[]];
}

interface Framework {
  versions: Record<string, string>;
  runs: Run[];
  /** Steps in which ours print something else, and what. */
  different?: Record<string, RegExp>;
  /** Without the packages that its package.json wants beside it, hundreds of megabytes. */
  withoutPeers?: true;
  prepare?: (project: Project) => Promise<unknown>;
}

const frameworks: Record<string, Framework> = {
  "better-auth": {
    versions: {
      "better-auth": "1.7.25",
      "@libsql/kysely-libsql": "0.4.1",
      "drizzle-orm": "0.45.4",
      kysely: "0.28.18",
    },
    runs: [
      { ours: ["program", "kysely"] },
      { ours: ["program", "drizzle"] },
      { ours: ["program", "kysely", "transaction"], stock: ["program", "kysely"] },
      { ours: ["program", "drizzle", "transaction"], stock: ["program", "drizzle"] },
    ],
  },
  prisma: {
    versions: {
      "@prisma/adapter-libsql": "7.10.0",
      "@prisma/client": "7.10.0",
      prisma: "7.10.0",
    },
    runs: [{ ours: ["program", "one"] }, { ours: ["program", "two"], stock: ["program", "one"] }],
    // It uses no engine, but would download one.
    prepare: (project) =>
      project.succeed(
        node,
        ["node_modules/prisma/build/index.js", "generate", "--config=prisma/prisma.config.mjs"],
        { PRISMA_SCHEMA_ENGINE_BINARY: node },
      ),
  },
  payload: {
    versions: { payload: "3.90.2", "@payloadcms/db-sqlite": "3.90.2" },
    runs: [{ ours: ["program"] }, { ours: ["program", "transactions"], stock: ["program"] }],
  },
  mastra: {
    versions: { "@mastra/core": "1.71.0", "@mastra/libsql": "1.23.1" },
    runs: [
      { ours: ["program", "alone"] },
      { ours: ["program", "together"], stock: ["program", "alone"] },
      // libSQL's index misses rows, and its DELETE of all rows breaks later inserts.
      { ours: ["vectors"], stock: ["vectors", "exact"] },
    ],
  },
  langchain: {
    versions: { "@langchain/community": "1.1.29", "@langchain/core": "1.4.0" },
    withoutPeers: true,
    runs: [{ ours: ["program"] }],
    // Behind a DELETE of all rows, libSQL's index misses most of the rows that come.
    different: { "found after that": /"n":19\b/ },
  },
  "drizzle-kit": {
    versions: { "drizzle-kit": "0.31.10", "drizzle-orm": "0.45.4" },
    runs: [{ ours: ["program", "push"] }, { ours: ["program", "migrate"] }],
  },
  voltagent: {
    versions: { "@voltagent/core": "2.10.0", "@voltagent/libsql": "2.1.2" },
    runs: [{ ours: ["program", "alone"] }, { ours: ["program", "together"] }],
  },
  drivers: {
    versions: {
      "@astrojs/db": "0.21.3",
      "@cadence-mq/core": "0.2.3",
      "@cadence-mq/driver-libsql": "0.2.4",
      "@effect/experimental": "0.61.1",
      "@effect/platform": "0.97.2",
      "@effect/sql": "0.52.1",
      "@effect/sql-libsql": "0.42.0",
      db0: "0.4.2",
      "drizzle-kit": "0.31.10",
      "drizzle-orm": "0.45.4",
      effect: "3.22.4",
    },
    runs: [
      { ours: ["astro"] },
      { ours: ["cadence"] },
      { ours: ["db0"] },
      { ours: ["effect", "one"] },
      { ours: ["effect", "two"], stock: ["effect", "one"] },
    ],
  },
};

for (const [name, framework] of Object.entries(frameworks)) {
  test.serial(name, async (t) => {
    const stock = await projectWith(t, name, STOCK).catch((error: unknown) => {
      const missing = /npm error (?:code )?(E404|ETARGET|E403)\b.*/.exec(String(error))?.[0];
      if (missing === undefined) throw error;
      t.log(`Skipped: the registry does not have what ${name} needs (${missing})`);
    });
    if (stock === undefined) return t.pass();
    const ours = await projectWith(t, name, `npm:latchdb@${main.manifest.version}`);
    for (const [i, run] of framework.runs.entries()) {
      const what = run.ours.join(" ");
      const file = `${name}-${i}.db`;
      const expected = expectedOf(stepsOf(await output(stock, name, run.stock ?? run.ours, file)));
      const actual = comparableOf(stepsOf(await output(ours, name, run.ours, file)));
      t.true(expected.size > 4, `${what}: ${[...expected.keys()].join(", ")}`);
      for (const [step, pattern] of Object.entries(framework.different ?? {})) {
        t.true(expected.delete(step), step);
        t.regex(actual.get(step) ?? "", pattern, `${what}: ${step}`);
        actual.delete(step);
      }
      t.deepEqual(actual, expected, what);
    }
  });
}

/** A project with a framework, in which everybody's `@libsql/client` is this. */
async function projectWith(t: ExecutionContext, name: string, client: string): Promise<Project> {
  const { versions, withoutPeers, prepare } = frameworks[name] ?? {};
  const project = await newProject(t, {
    dependencies: { ...versions, "@libsql/client": client },
    overrides: { "@libsql/client": "$@libsql/client" },
  });
  if (withoutPeers === true) await project.write(".npmrc", "legacy-peer-deps=true\n");
  await project.npm("install");
  await project.copyProgram("frameworks");
  await project.copyProgram(name);
  await prepare?.(project);
  return project;
}

async function output(
  project: Project,
  name: string,
  [program, ...args]: [string, ...string[]],
  file: string,
): Promise<string> {
  const { stdout } = await project.succeed(node, [`${name}/${program}.mjs`, file, ...args]);
  return stdout;
}
