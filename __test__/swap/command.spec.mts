// `npx latchdb swap`.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { stat, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import test from "ava";
import { assertUntouched, folderWithTarget } from "./folder.mjs";

const manifest = createRequire(import.meta.url).resolve("latchdb/package.json");
const { bin } = createRequire(import.meta.url)(manifest) as { bin: { latchdb: string } };
const program = join(dirname(manifest), bin.latchdb);

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

function latchdb(...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

test("it swaps, and says so", async (t) => {
  const { target, content, names, elsewhere } = await folderWithTarget(t);
  await writeFile(elsewhere("source"), "new");
  const { code, stdout, stderr } = await latchdb("swap", elsewhere("source"), target);
  t.deepEqual([code, stderr], [0, ""]);
  t.regex(stdout, /is replaced: 3 bytes in \d+ ms, on the disk\n$/);
  t.is(await content(), "new");
  t.deepEqual(await names(), ["target.node"]);
});

test("the command of --prepare gets the path, whatever is in it; what it prints is no result", async (t) => {
  const { elsewhere } = await folderWithTarget(t);
  await writeFile(elsewhere("source"), "new");
  const target = elsewhere('it\'s $HOME "quoted"; touch $(echo x) `y` \\ *');
  const prepare = "printf ', signed' >> {} && echo done with {}";
  const args = [
    "swap",
    elsewhere("source"),
    target,
    "--prepare",
    prepare,
    "--mode",
    "750",
    "--json",
  ];
  const { code, stdout, stderr } = await latchdb(...args);
  t.is(code, 0, stderr);
  t.like(JSON.parse(stdout), { committed: true, durable: true, skipped: false, bytes: 11 });
  t.regex(stderr, /^done with .*\.staging-/);
  t.is((await stat(target)).mode & 0o777, 0o750);
});

test("--skip-if-same and --durability", async (t) => {
  const { target, elsewhere } = await folderWithTarget(t);
  await writeFile(elsewhere("source"), "new");
  const swap = (): Promise<Ended> =>
    latchdb("swap", elsewhere("source"), target, "--skip-if-same", "--durability", "none");
  t.regex((await swap()).stdout, /a power cut may still undo it/);
  t.regex((await swap()).stdout, /left as it is/);
});

test("an error: exit code 1, for a person or as JSON", async (t) => {
  const folder = await folderWithTarget(t);
  const { target, elsewhere } = folder;
  const plain = await latchdb("swap", elsewhere("missing"), target);
  t.deepEqual([plain.code, plain.stdout], [1, ""]);
  t.true(plain.stderr.startsWith("latchdb swap: SOURCE_MISSING: "), plain.stderr);
  const json = await latchdb("swap", elsewhere("missing"), target, "--json");
  t.is(json.code, 1);
  const { error } = JSON.parse(json.stdout) as { error: object };
  t.like(error, { code: "SOURCE_MISSING", step: "resolve", path: elsewhere("missing") });
  await writeFile(elsewhere("source"), "new");
  const failed = await latchdb("swap", elsewhere("source"), target, "--prepare", "exit 3 # {}");
  t.is(failed.code, 1);
  t.regex(failed.stderr, /PREPARE_FAILED: .*the command ended with exit code 3/);
  await assertUntouched(t, folder);
});

test("arguments that are wrong: exit code 1, and the usage", async (t) => {
  const { target } = await folderWithTarget(t);
  const wrong = [
    ["swap", target],
    ["swap", target, target, "--mode", "rwx"],
    ["swap", target, target, "--durability", "much"],
    ["swap", target, target, "--prepare", "true"],
    ["swap", target, target, "--retry", "soon"],
    ["swap", target, target, "--retry", ""],
    ["swap", target, target, "--retry", " "],
    ["unknown"],
  ];
  for (const args of wrong) {
    const { code, stderr } = await latchdb(...args);
    t.is(code, 1, args.join(" "));
    t.regex(stderr, /error: [^]*Usage: latchdb/);
  }
});

test("a word that is mistyped: what it is near is named", async (t) => {
  t.regex((await latchdb("dokter")).stderr, /unknown command 'dokter'\n\(Did you mean doctor\?\)/);
  const { stderr } = await latchdb("swap", "a", "b", "--jsn");
  t.regex(stderr, /unknown option '--jsn'\n\(Did you mean --json\?\)/);
  t.notRegex((await latchdb("elephant")).stderr, /Did you mean/);
});

test("help, of the program and of each command, and the version", async (t) => {
  for (const args of [["--help"], ["help"], ["-h"]]) {
    const { code, stdout } = await latchdb(...args);
    t.is(code, 0);
    t.regex(stdout, /^Usage: latchdb <command>[^]*swap[^]*recover[^]*doctor/);
  }
  for (const name of ["shell", "query", "copy", "swap", "recover", "doctor"]) {
    for (const args of [
      [name, "--help"],
      [name, "-h"],
      ["help", name],
    ]) {
      const { code, stdout, stderr } = await latchdb(...args);
      t.deepEqual([code, stderr], [0, ""]);
      t.true(stdout.startsWith(`Usage: latchdb ${name} [options]`), stdout);
    }
  }
  const { version } = createRequire(import.meta.url)(manifest) as { version: string };
  for (const option of ["--version", "-V"]) t.is((await latchdb(option)).stdout, `${version}\n`);
  const nothing = await latchdb();
  t.is(nothing.code, 1);
  t.regex(nothing.stderr, /^Usage: latchdb <command>/);
});

test("a {} that is quoted by hand is refused, before anything runs", async (t) => {
  const folder = await folderWithTarget(t);
  const { elsewhere, target } = folder;
  await writeFile(elsewhere("source"), "new");
  const quoted = ["cat '{}'", 'cat "{}"', 'sh -c "codesign {}"', "echo it\\'s '{}'", "cat \\{}"];
  for (const prepare of quoted) {
    const args = ["swap", elsewhere("source"), target, "--prepare", prepare];
    const { code, stderr } = await latchdb(...args);
    t.is(code, 1, prepare);
    t.regex(stderr, /Take the quotes away from around \{\}/, prepare);
    await assertUntouched(t, folder);
  }
  const unquoted = "printf '%s' 'a' \"b'\" it\\'s {} > /dev/null && cat {} > /dev/null";
  const args = ["swap", elsewhere("source"), target, "--prepare", unquoted];
  t.is((await latchdb(...args)).stderr, "");
});

test("SIGTERM ends it in order: no staging file is left, exit code 143", async (t) => {
  const folder = await folderWithTarget(t);
  const { target, elsewhere } = folder;
  await writeFile(elsewhere("source"), "new");
  const started = elsewhere("started");
  // `exec`: the shell itself is ended, and leaves nothing running.
  const prepare = `: {}; touch '${started}'; exec sleep 60`;
  const args = [program, "swap", elsewhere("source"), target, "--prepare", prepare];
  const child = spawn(process.execPath, args, { stdio: "ignore" });
  t.teardown(() => child.kill("SIGKILL"));
  while (!existsSync(started)) await new Promise((resolve) => setTimeout(resolve, 5));
  child.kill("SIGTERM");
  const [code] = (await once(child, "exit")) as [number];
  t.is(code, 143);
  await assertUntouched(t, folder);
});
