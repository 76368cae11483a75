/** `strict`: the arguments of a statement have to be those of its parameters. */
import test from "ava";
import type { InArgs } from "latchdb";
import { openClient, selectValue } from "../support/database.mjs";

const those = "the arguments are not those of the statement: ";
const cases: [sql: string, args: InArgs | undefined, problem?: string][] = [
  ["select 1", undefined],
  ["select 1", []],
  ["select 1", {}],
  ["select 1", [1], "it has no parameter, none for argument 1"],
  ["select 1", { a: 1 }, 'no parameter for "a"'],
  ["select ?, ?", [1, 2]],
  ["select ?, ?", [1], "no argument for ?2"],
  ["select ?, ?", undefined, "parameters without a name (?), for which arguments are an array"],
  ["select ?, ?", [1, 2, 3], "it has 2 parameters, none for argument 3"],
  ["select ?", [1, 2, 3], "it has 1 parameter, none for argument 2, 3"],
  ["select ?3", [1, 2], "no argument for ?3"],
  ["select :a, @b, $c", [1, 2, 3]],
  ["select :a, @b, $c", [1], "no argument for @b, $c"],
  ["select :a, @b, $c", { a: 1, ":b": 2, $c: 3 }],
  ["select :a, @a", { a: 1 }],
  ["select :a, :b", { a: 1 }, 'no argument for "b"'],
  ["select :a, :b", { a: 1, c: 2, d: 3 }, 'no argument for "b"; no parameter for "c", "d"'],
  ["select :a, :b", undefined, 'no argument for "a", "b"'],
  ["select :a, ?", { a: 1 }, "a parameter without a name (?), for which arguments are an array"],
  [`select ${"?,".repeat(20)}1`, [], `no argument for ${names(10)}, …`],
];

function names(count: number): string {
  return Array.from({ length: count }, (_, i) => `?${i + 1}`).join(", ");
}

for (const execution of ["auto", "thread"] as const) {
  test(`an argument too few, too many, or unknown (${execution})`, async (t) => {
    const client = await openClient(t, { execution, strict: true });
    for (const [sql, args, problem] of cases) {
      // After some runs it is tried on this thread first.
      for (let run = 0; run < 5; run++) {
        const call = client.execute(sql, args as InArgs);
        const why = `${sql} ${JSON.stringify(args)}`;
        if (problem === undefined) await t.notThrowsAsync(call, why);
        else
          await t.throwsAsync(
            call,
            { code: "ARGUMENT_MISMATCH", message: new RegExp(`${quoted(those + problem)}$`) },
            why,
          );
      }
    }
  });
}

function quoted(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

test("the client or the statement says it, and the statement has the last word", async (t) => {
  const code = "ARGUMENT_MISMATCH";
  const lax = await openClient(t);
  const strict = await openClient(t, { strict: true });
  t.is((await lax.execute("select ?")).rows[0]?.[0], null);
  t.is((await lax.execute({ sql: "select ?", args: [1, 2] })).rows[0]?.[0], 1);
  await t.throwsAsync(lax.execute({ sql: "select ?", strict: true }), { code });
  await t.throwsAsync(strict.execute("select ?"), { code });
  await t.notThrowsAsync(strict.execute({ sql: "select ?", strict: false }));
  await t.throwsAsync(strict.get("select ?"), { code });
  await t.throwsAsync(strict.batch(["select 1", ["select ?", []]]), { code });
  await t.throwsAsync(strict.iterate({ sql: "select ?", args: [] }).next(), { code });
  await t.throwsAsync(lax.iterate({ sql: "select ?", args: [], strict: true }).next(), { code });
});

test("it has no effect", async (t) => {
  const client = await openClient(t);
  await client.execute("create table t (a, b)");
  const insert = { sql: "insert into t values (:a, :b)", args: { a: 1, c: 2 }, strict: true };
  const code = "ARGUMENT_MISMATCH";
  for (let run = 0; run < 4; run++) {
    await t.throwsAsync(client.execute(insert), { code });
    await t.throwsAsync(client.execute({ ...insert, sql: `${insert.sql} returning *` }), { code });
  }
  await t.throwsAsync(client.batch(["insert into t values (1, 2)", insert]), { code });
  await client.transaction(async (tx) => {
    await tx.execute("insert into t values (3, 4)");
    await t.throwsAsync(tx.execute(insert), { code });
    await t.throwsAsync(
      tx.transaction((inner) => inner.execute(insert)),
      { code },
    );
  });
  t.is(await selectValue(client, "select count(*) from t"), 1);
});
