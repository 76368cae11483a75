/** Empty projects, three package managers: what is installed, and that it runs. */
import test, { type ExecutionContext } from "ava";
import { join } from "node:path";
import { binding, bindings, main } from "./support/packages.mjs";
import { bun, newProject, node, type Project, unpackedSize } from "./support/project.mjs";

const MEGABYTE = 1_000_000;
/** The limit of scripts/binaries/check.mjs. */
const MAX_MEGABYTES = 4.5;

/** Programs with `import` and with `require`, on Node and on Bun. */
async function assertRuns(t: ExecutionContext, project: Project): Promise<void> {
  for (const program of ["hello.mjs", "hello.cjs"]) {
    await project.copyProgram(program);
    for (const runtime of bun === undefined ? [node] : [node, bun]) {
      const { stdout } = await project.succeed(runtime, [program]);
      t.is(stdout.trim(), "hello", `${program} on ${runtime}`);
    }
  }
}

/** One package of eight lands here, and it is small. */
function assertOneBinding(t: ExecutionContext, project: Project): void {
  t.deepEqual(project.installedIn("@latchdb"), [binding.manifest.name]);
}

test("the published package.json asks for the binding of each platform, in its own version", (t) => {
  t.is(bindings.length, 8);
  t.deepEqual(
    main.manifest.optionalDependencies,
    Object.fromEntries(bindings.map(({ manifest }) => [manifest.name, main.manifest.version])),
  );
  t.is(main.manifest.private, undefined, "it can be published");
});

test("npm", async (t) => {
  const project = await newProject(t);
  await project.npm("install", "latchdb");
  assertOneBinding(t, project);
  const size = unpackedSize(await project.packageFolder(binding.manifest.name));
  t.log(`${binding.manifest.name}: ${(size / MEGABYTE).toFixed(2)} MB unpacked`);
  t.true(size <= MAX_MEGABYTES * MEGABYTE);
  await assertRuns(t, project);
});

test("pnpm, its store and its folder of links", async (t) => {
  const project = await newProject(t);
  await project.pnpm("add", "latchdb");
  assertOneBinding(t, project);
  const folder = await project.packageFolder("latchdb");
  t.true(folder.includes(join("node_modules", ".pnpm")), folder);
  await assertRuns(t, project);
});

if (bun === undefined) {
  test.skip("Bun: it does not run on this platform", () => undefined);
} else {
  test("Bun", async (t) => {
    const project = await newProject(t);
    await project.bun("add", "latchdb");
    assertOneBinding(t, project);
    await assertRuns(t, project);
  });
}

test("every platform gets its own binding, and no other", async (t) => {
  const project = await newProject(t);
  for (const { manifest } of bindings) {
    const platform = Object.entries({ os: manifest.os, cpu: manifest.cpu, libc: manifest.libc });
    const options = platform.flatMap(([name, value]) => (value ? [`--${name}=${value[0]}`] : []));
    await project.clear();
    await project.npm("install", "latchdb", ...options);
    t.deepEqual(project.installedIn("@latchdb"), [manifest.name]);
  }
});

test("tarballs, without a registry that has the packages", async (t) => {
  const project = await newProject(t);
  await project.addTarballs();
  assertOneBinding(t, project);
  await assertRuns(t, project);
});
