// drizzle-kit with dialect turso, each command twice, on a file with rows in it: `program.mjs FILE push`
// or `program.mjs FILE migrate`. Prints what it asks of the client, and what becomes of the file.
import { createClient } from "@libsql/client";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { print } from "../frameworks/print.mjs";

const [file, way] = process.argv.slice(2);
const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const kit = join(dirname(createRequire(import.meta.url).resolve("drizzle-kit")), "bin.cjs");
const out = `${way}-migrations`;
const recorded = `${way}-calls.txt`;

for (const version of [1, 2, 3]) {
  for (const time of ["first", "again"]) {
    const step = `${way} ${version} ${time}`;
    if (way === "push") drizzleKit(step, version, "push", "--force");
    else {
      drizzleKit(`generate ${version} ${time}`, version, "generate", `--name=v${version}`);
      drizzleKit(step, version, "migrate");
      print(`${step} files`, sqlFiles());
    }
    await look(step);
  }
  await write(version);
}

/** Runs a command, and prints how it ended and what it asked of the client. */
function drizzleKit(step, version, ...args) {
  rmSync(recorded, { force: true });
  const options = ["--import", new URL("recorder.mjs", import.meta.url).href];
  try {
    execFileSync(
      process.execPath,
      [...options, kit, ...args, `--config=${here("drizzle.config.cjs")}`],
      {
        env: { ...process.env, VERSION: `${version}`, FILE: file, OUT: out, RECORD: recorded },
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    print(`${step} ended`, 0);
  } catch (error) {
    console.error(`${step}: ${error.stdout}${error.stderr}`);
    print(`${step} ended`, error.status);
  }
  print(`${step} calls`, calls());
}

function calls() {
  try {
    const lines = readFileSync(recorded, "utf8").trimEnd().split("\n");
    return lines.map((line) => JSON.parse(line));
  } catch {
    return [];
  }
}

function sqlFiles() {
  mkdirSync(out, { recursive: true });
  const names = readdirSync(out).filter((name) => name.endsWith(".sql"));
  return names.sort().map((name) => [name, readFileSync(join(out, name), "utf8")]);
}

/** What is in the file. */
async function look(step) {
  const client = createClient({ url: `file:${file}` });
  for (const [what, sql] of Object.entries({
    schema: "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name",
    users: "SELECT *, typeof(age), typeof(score) FROM users ORDER BY id",
    posts: "SELECT * FROM posts ORDER BY id",
    integrity: "PRAGMA integrity_check",
    "foreign keys": "PRAGMA foreign_key_check",
  })) {
    print(`${step} ${what}`, await rows(client, sql));
  }
  client.close();
}

/** Writes that the version allows, and some that only another one allows. */
async function write(version) {
  const client = createClient({ url: `file:${file}` });
  const id = version * 10;
  for (const [i, sql] of [
    `INSERT INTO users (id, email, name, age) VALUES (${id}, 'a${id}', 'n', '0${id}')`,
    `INSERT INTO users (id, email, name, score) VALUES (${id + 1}, 'b${id}', 'n', '7')`,
    `INSERT INTO users (id, email, score) VALUES (${id + 2}, 'c${id}', 3)`,
    `INSERT INTO users (email, name, score) VALUES ('a${id}', 'twice', 3)`,
    `INSERT INTO posts (id, title, author, editor) VALUES (${id}, 't', ${id + 1}, ${id + 1})`,
    `INSERT INTO posts (id, title, author) VALUES (${id + 1}, 't', 999)`,
    `DELETE FROM users WHERE id = ${id + 1}`,
  ].entries()) {
    print(`write ${version} ${i}`, await rows(client, sql));
  }
  client.close();
}

async function rows(client, sql) {
  try {
    const result = await client.execute(sql);
    return [result.rowsAffected, result.rows.map((row) => Object.values(row))];
  } catch (error) {
    return [error.code, error.message];
  }
}
