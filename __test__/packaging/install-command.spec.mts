/** `npx latchdb-install`, where no platform package was installed. */
import { spawnSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { main, root, triple } from "./support/packages.mjs";
import { bun, newProject, node } from "./support/project.mjs";
import {
  archive,
  asset,
  binaryName,
  broken,
  half,
  notFound,
  startRelease,
  whole,
} from "./support/release.mjs";
import { assertLeft, install, projectWithoutBinary } from "./support/without-binary.mjs";

const { version } = main.manifest;

test("an installation without a binary says what was tried, and names the command", async (t) => {
  const project = await projectWithoutBinary(t, []);
  const { code, stderr } = await project.run(node, ["hello.mjs"]);
  t.is(code, 1);
  const path = join(project.directory, "node_modules/latchdb", binaryName);
  t.true(stderr.includes(`latchdb ${version} could load no binary for ${triple}`), stderr);
  t.true(stderr.includes(`- ${path}: not there`), stderr);
  t.true(stderr.includes(`- @latchdb/binding-${triple}: not there`), stderr);
  t.true(stderr.includes("npx latchdb-install\n"), stderr);
});

test("npx latchdb-install fetches the release's binary, and is done the second time", async (t) => {
  // Without prebuild-install: npm fetches it for this once.
  const project = await projectWithoutBinary(t, []);
  const release = await startRelease(t, whole(archive(project.directory)));
  const { stdout } = await project.npx("latchdb-install", "--host", release.host);
  t.true(stdout.includes(`ready: ${join(project.directory, "node_modules/latchdb", binaryName)}`));
  t.deepEqual(release.asked, [`/v${version}/${asset}`]);
  assertLeft(t, project, [binaryName]);
  t.false(existsSync(join(project.directory, "node_modules/prebuild-install")));
  t.is((await project.succeed(node, ["hello.mjs"])).stdout.trim(), "hello");

  const again = await install(project, ["--host", release.host]);
  t.is(again.code, 0);
  t.regex(again.stdout, /nothing to do/);
  t.is(release.asked.length, 1);
});

if (bun === undefined) {
  test.skip("bunx latchdb-install: Bun does not run on this platform", () => undefined);
} else {
  const bunx = bun;
  test("bunx latchdb-install, with no Node", async (t) => {
    const project = await newProject(t);
    await project.bun("add", "latchdb", "--omit=optional");
    await project.copyProgram("hello.mjs");
    rmSync(join(project.directory, "node_modules/@latchdb"), { recursive: true, force: true });
    const release = await startRelease(t, whole(archive(project.directory)));
    await project.succeed(bunx, ["x", "--bun", "latchdb-install", "--host", release.host], {
      PATH: "/usr/bin-without-node",
    });
    t.is((await project.succeed(bunx, ["hello.mjs"])).stdout.trim(), "hello");
  });
}

test("what cannot be fetched is an error, leaves nothing, and can be tried again", async (t) => {
  const project = await projectWithoutBinary(t);
  const data = archive(project.directory);
  const release = await startRelease(t, notFound);
  const fails = async (reason: RegExp): Promise<void> => {
    const { code, stderr } = await install(project, ["--host", release.host]);
    t.is(code, 1);
    t.regex(stderr, reason);
    t.regex(stderr, /--build-from-source|thrown away/);
    assertLeft(t, project, []);
  };
  await fails(/No prebuilt binaries found/);
  release.answerWith(half(data));
  await fails(/unexpected end of file/);
  release.answerWith(broken(data));
  await fails(/aborted|premature close/i);
  release.answerWith(whole(archive(project.directory, "no library")));
  await fails(/does not work here.*\n.*|file too short|invalid ELF header/);

  release.answerWith(whole(data));
  const { code, stderr } = await install(project, ["--host", release.host]);
  t.is(code, 0, stderr);
  assertLeft(t, project, [binaryName]);
});

test("without a host it asks for the asset of the release, in the repository of the release", async (t) => {
  const project = await projectWithoutBinary(t);
  const url = "git+https://github.com/owner/repository.git";
  await project.edit("node_modules/latchdb/package.json", { repository: { type: "git", url } });
  // A proxy that lets nobody through: nothing is asked of anyone outside.
  const { host: proxy } = await startRelease(t, notFound);
  const { code, stderr } = await install(project, [], { https_proxy: proxy, HTTPS_PROXY: proxy });
  t.is(code, 1);
  const releases = "https://github.com/owner/repository/releases/download";
  t.true(stderr.includes(`GET ${releases}/v${version}/${asset}\n`), stderr);
});

test("a copy that is of no release says that it needs to be told a host", async (t) => {
  const project = await projectWithoutBinary(t);
  await project.edit("node_modules/latchdb/package.json", { repository: undefined });
  const { code, stderr } = await install(project, []);
  t.is(code, 1);
  t.regex(stderr, /npx latchdb-install --host <url>/);
});

test("what is not understood is answered with the usage", async (t) => {
  const project = await projectWithoutBinary(t, []);
  const wrong = await install(project, ["--from-sauce"]);
  t.is(wrong.code, 2);
  t.regex(wrong.stderr, /'--from-sauce'[^]*Usage: latchdb-install/);
  const help = await install(project, ["--help"]);
  t.is(help.code, 0);
  t.regex(help.stdout, /^Usage: latchdb-install/);
});

test("--build-from-source without cargo says what is needed", async (t) => {
  const project = await projectWithoutBinary(t, []);
  const { code, stderr } = await install(project, ["--build-from-source"], { PATH: "/nowhere" });
  t.is(code, 1);
  t.regex(stderr, /cargo could not be started.*https:\/\/rustup\.rs/);
  assertLeft(t, project, []);
});

test("the package has all that a build from source needs", async (t) => {
  if (spawnSync("cargo", ["--version"]).status !== 0) {
    t.log("Skipped: Rust is not installed");
    return t.pass();
  }
  const project = await projectWithoutBinary(t, []);
  const manifest = join(project.directory, "node_modules/latchdb/Cargo.toml");
  const args = ["check", "--locked", "--manifest-path", manifest];
  // Where clippy has checked the dependencies. The build itself takes a minute: npm run test:packages has it.
  const { code, stderr } = await project.run("cargo", args, {
    CARGO_TARGET_DIR: join(root, "target"),
  });
  t.is(code, 0, stderr);
});
