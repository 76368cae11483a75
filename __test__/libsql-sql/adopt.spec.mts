import { spawn } from "node:child_process";
import { once } from "node:events";
import { watch } from "node:fs";
import { copyFile, readdir, writeFile } from "node:fs/promises";
import test, { type ExecutionContext } from "ava";
import { createClient } from "latchdb";
import { selectColumn, selectValue, temporaryDatabase } from "../support/database.mjs";
import { program, runCommand } from "../support/command.mjs";
import { answer } from "./answers.mjs";
import { stockAnswers } from "./stock.mjs";

// Files with vector indexes that the stock client has made.

const made = [
  "create table t (id integer primary key, name text, e F32_BLOB(3))",
  "create table other (a)",
  "create index ti on t (libsql_vector_idx(e, 'metric=l2'))",
  "with recursive n (i) as (select 1 union all select i + 1 from n limit 51) " +
    "insert into t select i, 'n' || i, vector32('[1,2,' || i || ']') from n",
];
const top = "select id from vector_top_k('ti', '[1,2,40.4]', 3)";

async function fileOfStock(t: ExecutionContext): Promise<{ file: string; directory: string }> {
  const { file, directory } = await temporaryDatabase(t);
  const answers = await stockAnswers(made, file);
  t.deepEqual(answers, ["[]", "[]", "[]", "[]"]);
  return { file, directory };
}

for (const [way, first] of Object.entries({
  "a read": "select count(*) from t",
  "a search": top,
  "a write": "insert into t (name) values ('new')",
  vacuum: "vacuum",
  integrity_check: "pragma integrity_check",
})) {
  test(`adoptVectorIndexes: ${way} takes the indexes over, and runs`, async (t) => {
    const { file } = await fileOfStock(t);
    const client = createClient({ url: `file:${file}`, adoptVectorIndexes: true });
    t.teardown(() => client.close());
    await client.execute(first);
    const rows = first.startsWith("insert") ? 52 : 51;
    t.is(await selectValue(client, "select count(*) from t"), rows);
    t.deepEqual(await selectColumn(client, top), [40, 41, 39]);
    t.is(await selectValue(client, "pragma integrity_check"), "ok");
    t.deepEqual(await selectColumn(client, "select name from sqlite_schema"), ["t", "other", "ti"]);
    await t.throwsAsync(client.execute("insert into t (e) values (vector('[1]'))"), {
      message: /dimensions are different: 1 != 3/,
    });
  });
}

test("adoptVectorIndexes: an index that libSQL makes later is taken over, also in a transaction, a batch, a script", async (t) => {
  const { file } = await temporaryDatabase(t);
  const [table = "", other = "", index = "", insert = ""] = made;
  await stockAnswers([table, other, insert], file);
  const client = createClient({ url: `file:${file}`, adoptVectorIndexes: true });
  t.teardown(() => client.close());
  const count = "select count(*) from t";
  for (let i = 0; i < 5; i++) t.is(await selectValue(client, count), 51);
  const ways = [
    async () => await selectValue(client, count),
    async () => (await client.batch([count]))[0]?.rows[0]?.[0],
    async () => (await client.batch([count], "write"))[0]?.rows[0]?.[0],
    async () => {
      const transaction = await client.transaction("write");
      const rows = await selectValue(transaction, count);
      await transaction.commit();
      return rows;
    },
    async () => {
      await client.executeMultiple("update t set name = name; update other set a = 1");
      return await selectValue(client, count);
    },
  ];
  for (const way of ways) {
    t.is((await stockAnswers([index], file))[0], "[]");
    t.is(await way(), 51);
    t.deepEqual(await selectColumn(client, top), [40, 41, 39]);
    await client.execute("drop index ti");
  }
});

test("a connection that only reads does not take an index over", async (t) => {
  const { file } = await fileOfStock(t);
  const client = createClient({ url: `file:${file}`, adoptVectorIndexes: true });
  t.teardown(() => client.close());
  const transaction = await client.transaction("read");
  const refused = { code: "VECTOR_INDEX_NOT_SUPPORTED", message: /latchdb adopt/ };
  await t.throwsAsync(transaction.execute("select count(*) from t"), refused);
  await t.throwsAsync(client.batch(["select count(*) from t"], "read"), refused);
  transaction.close();
  t.is(await selectValue(client, "select count(*) from t"), 51);
});

test("the index of an attached file is not taken over, and refused", async (t) => {
  const { file } = await fileOfStock(t);
  const { file: main } = await fileOfStock(t);
  const client = createClient({ url: `file:${main}`, adoptVectorIndexes: true });
  t.teardown(() => client.close());
  await client.execute({ sql: "attach ? as other", args: [file] });
  const refused = { code: "VECTOR_INDEX_NOT_SUPPORTED" };
  for (let i = 0; i < 2; i++) {
    await t.throwsAsync(client.execute("select count(*) from other.t"), refused);
    await t.throwsAsync(client.executeMultiple("update other.t set name = 'x'"), refused);
    await t.throwsAsync(
      client.execute("select id from vector_top_k('other.ti', '[1,2,3]', 1)"),
      refused,
    );
    t.is(await selectValue(client, "select count(*) from main.t"), 51);
    t.deepEqual(await selectColumn(client, top), [40, 41, 39]);
  }
});

test("vector_top_k alone does not read the empty index of libSQL", async (t) => {
  const { file } = await fileOfStock(t);
  const client = createClient({ url: `file:${file}` });
  t.teardown(() => client.close());
  await t.throwsAsync(client.execute(top), {
    code: "VECTOR_INDEX_NOT_SUPPORTED",
    message: /t has the libSQL vector index ti\b/,
  });
});

test("vector_top_k does not read the empty index of libSQL beside an index of ours", async (t) => {
  const { file } = await temporaryDatabase(t);
  const [table = "", , , insert = ""] = made;
  const condition = "(libsql_vector_idx(e, 'metric=l2')) where name > 'n3'";
  await stockAnswers([table, insert], file);
  const client = createClient({ url: `file:${file}` });
  t.teardown(() => client.close());
  await client.execute(`create index ti on t ${condition}`);
  t.deepEqual(await selectColumn(client, top), [40, 41, 39]);
  t.deepEqual(await stockAnswers([`create index theirs on t ${condition}`], file), ["[]"]);
  await t.throwsAsync(client.execute(top), {
    code: "VECTOR_INDEX_NOT_SUPPORTED",
    message: /t has the libSQL vector index theirs\b/,
  });
  t.is((await runCommand("adopt", file)).code, 0);
  t.deepEqual(await selectColumn(client, top), [40, 41, 39]);
});

test("what libSQL has left of a dropped index is not taken for an index of libSQL", async (t) => {
  const { file } = await fileOfStock(t);
  const client = createClient({ url: `file:${file}` });
  t.teardown(() => client.close());
  await client.execute("drop index ti");
  await t.throwsAsync(client.execute(made[2] ?? ""), {
    code: "VECTOR_INDEX_NOT_SUPPORTED",
    message: /index ti cannot be created: .*latchdb adopt/,
  });
  const { code } = await runCommand("adopt", file);
  t.is(code, 0);
  await client.execute(made[2] ?? "");
  t.deepEqual(await selectColumn(client, top), [40, 41, 39]);
});

test("latchdb doctor names the indexes, and latchdb adopt takes them over behind a backup", async (t) => {
  const { file, directory } = await fileOfStock(t);
  const before = await runCommand("doctor", file);
  t.is(before.code, 1);
  t.regex(before.stdout, /vector index ti of t.*latchdb adopt/);
  t.notRegex(before.stdout, /damaged/);
  const adopted = await runCommand("adopt", "--json", file);
  t.is(adopted.code, 0, adopted.stdout);
  const report = JSON.parse(adopted.stdout) as { backup: string; adopted: unknown[] };
  t.deepEqual(report.adopted, [{ index: "ti", table: "t" }]);
  t.is((await runCommand("doctor", file)).code, 0);
  const again = await runCommand("adopt", file);
  t.regex(again.stdout, /no vector index of libSQL is left/);
  t.is((await readdir(directory)).filter((name) => name.includes("before-adopt")).length, 1);
  const client = createClient({ url: `file:${file}` });
  t.teardown(() => client.close());
  t.deepEqual(await selectColumn(client, top), [40, 41, 39]);
  // The backup is the file of libSQL, whose index it can use.
  const theirs = await stockAnswers(["select count(*) from t", top], report.backup);
  t.deepEqual(
    theirs.map((text) => JSON.parse(text).flat()[0]),
    [51, 40],
  );
});

test("latchdb adopt says why it cannot read a file, and not that there is no index", async (t) => {
  const { file, directory } = await fileOfStock(t);
  await stockAnswers(["create table r (a) random rowid"], file);
  const random = await runCommand("adopt", file);
  t.is(random.code, 1);
  t.regex(random.stderr, /the schema may use RANDOM ROWID/);
  const text = `${directory}/text.db`;
  await writeFile(text, "no database ".repeat(100));
  const none = await runCommand("adopt", text);
  t.is(none.code, 1);
  t.regex(none.stderr, /NOT_A_DATABASE/);
  t.false((await readdir(directory)).some((name) => name.includes("before-adopt")));
});

test("libSQL reads a file of ours, and writes to it once it has made the index anew", async (t) => {
  const { file } = await temporaryDatabase(t);
  const client = createClient({ url: `file:${file}` });
  for (const sql of made) await client.execute(sql);
  client.close();
  const [count, write, , , again, found] = await stockAnswers(
    [
      "select count(*) from t",
      "insert into t values (100, 'x', vector('[1,2,300]'))",
      "drop index ti",
      "create index ti on t (libsql_vector_idx(e, 'metric=l2'))",
      "insert into t values (100, 'x', vector('[1,2,300]'))",
      "select id from vector_top_k('ti', '[1,2,300]', 1)",
    ],
    file,
  );
  t.is(count, "[[51]]");
  t.regex(write ?? "", /^error/);
  t.is(again, "[]");
  t.is(found, "[[100]]");
  const adopting = createClient({ url: `file:${file}`, adoptVectorIndexes: true });
  t.teardown(() => adopting.close());
  t.is(await answer(adopting, "select id from vector_top_k('ti', '[1,2,300]', 2)"), "[[100],[51]]");
  t.is(await answer(adopting, "pragma integrity_check"), '[["ok"]]');
});

test("latchdb adopt that is killed leaves the old index or the new one", async (t) => {
  const { file, directory } = await fileOfStock(t);
  const states = new Set<string>();
  for (let i = 0; i < 10; i++) {
    const copy = `${directory}/${i}.db`;
    await copyFile(file, copy);
    const watcher = watch(directory);
    const child = spawn(process.execPath, [program, "adopt", copy], { stdio: "ignore" });
    const ended = once(child, "close");
    watcher.on("change", (_, name) => {
      // From the first page of the backup until after the end.
      if (String(name).includes(`${i}.db.before`)) setTimeout(() => child.kill("SIGKILL"), i * 3);
    });
    await ended;
    watcher.close();
    const client = createClient({ url: `file:${copy}` });
    const count = await answer(client, "select count(*) from t");
    if (count === "[[51]]") {
      t.is(await answer(client, "pragma integrity_check"), '[["ok"]]');
      t.is(await answer(client, top), "[[40],[41],[39]]");
      states.add("new");
    } else {
      t.regex(count, /VECTOR_INDEX_NOT_SUPPORTED/);
      states.add("old");
      const [found] = await stockAnswers([top], copy);
      t.is(found, "[[40],[41],[39]]");
    }
    client.close();
  }
  t.log([...states].join(", "));
});
