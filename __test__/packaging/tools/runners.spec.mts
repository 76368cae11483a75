/** Vitest and Jest, under the name `@libsql/client`: the same test files pass with that package. */
import test, { type ExecutionContext } from "ava";
import { newProject, node, type Project } from "../support/project.mjs";

const STOCK = "0.18.0";
const pools = ["threads", "vmThreads", "forks", "vmForks"];
const inlined = ["nothing", "client", "everything"];

/** With stock, pools differ little, and one says that the test files are right. */
const packages = [
  { client: "npm:latchdb", isOurs: true, combinations: combine(pools, inlined) },
  { client: STOCK, isOurs: false, combinations: combine(["threads"], inlined) },
];

for (const { client, isOurs, combinations } of packages) {
  test.serial(`Vitest, ${client}`, async (t) => {
    const project = await projectWith(t, client, { vite: "7", vitest: "4" });
    for (const [pool, inline] of combinations) {
      const env = { POOL: pool, INLINE: inline, IS_OURS: isOurs ? "1" : "0" };
      const vitest = "node_modules/vitest/vitest.mjs";
      const { code, stdout, stderr } = await project.run(node, [vitest, "run"], env);
      t.is(code, 0, `${pool}, inlined: ${inline}\n${stdout}${stderr}`);
    }
  });

  test.serial(`Jest, ${client}`, async (t) => {
    const project = await projectWith(t, client, { jest: "30" });
    // All in this process, one after the other; then several in each of two workers.
    for (const workers of ["--runInBand", "--maxWorkers=2"]) {
      const args = ["node_modules/jest/bin/jest.js", workers, "--testMatch=**/*.jest.cjs"];
      const { code, stderr } = await project.run(node, args);
      t.is(code, 0, `${workers}\n${stderr}`);
      t.regex(stderr, /Tests: +9 passed, 9 total/);
    }
  });
}

function combine(some: string[], others: string[]): [string, string][] {
  return some.flatMap((one) => others.map((other): [string, string] => [one, other]));
}

async function projectWith(
  t: ExecutionContext,
  client: string,
  devDependencies: object,
): Promise<Project> {
  const project = await newProject(t, { devDependencies });
  await project.npm("install", `@libsql/client@${client}`);
  await project.copyContents("runners");
  return project;
}
