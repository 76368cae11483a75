import test from "ava";
import type { LibsqlError } from "latchdb";
import { openClient, selectValue } from "../support/database.mjs";
import { internal } from "../support/internals.mjs";

// An answer that JavaScript cannot read, or that throws while it is read, ends its call, and its call only.

interface RecordReader {
  columns(): unknown;
  cells(intMode: string): unknown;
  statementEnd(): unknown;
  outcome(): unknown;
  error(): unknown;
}
const { RecordReader } = internal<{ RecordReader: { prototype: RecordReader } }>(
  "local/wire/response",
);

const broken = new RangeError("Cannot create a string longer than 0x1fffffe8 characters");

/** Has one reading of the next answers throw, as it does where memory is short. */
function breakOnce(what: keyof RecordReader): void {
  const { prototype } = RecordReader;
  const read = prototype[what] as (...args: unknown[]) => unknown;
  Object.assign(prototype, {
    [what]: () => {
      Object.assign(prototype, { [what]: read });
      throw broken;
    },
  });
}

const unreadable = {
  code: "ANSWER_UNREADABLE",
  message: /could not be read: Cannot create a string/,
};

test.serial("an error text of 540 MB is cut, and the calls after it go on", async (t) => {
  t.timeout(120_000);
  const client = await openClient(t);
  await client.executeMultiple(
    "create table t (a); create trigger tr before insert on t when new.a = 1 begin " +
      "select raise(abort, printf('%.*c', 540000000, 'a')); end",
  );
  const error = await t.throwsAsync<LibsqlError>(client.execute("insert into t values (1)"), {
    code: "SQLITE_CONSTRAINT",
  });
  t.true((error?.message.length ?? Infinity) < 100_000);
  const transaction = await client.transaction();
  await transaction.execute("insert into t values (2)");
  await transaction.commit();
  t.is(await selectValue(client, "select count(*) from t"), 1);
});

for (const what of ["columns", "cells", "statementEnd", "outcome"] as const) {
  test.serial(
    `a call whose answer cannot be read (${what}) says so, and so whether it wrote`,
    async (t) => {
      const client = await openClient(t);
      await client.execute("create table t (a)");
      const insert = "insert into t values (1) returning a as made";
      breakOnce(what);
      const error = await t.throwsAsync<LibsqlError & { committed?: boolean }>(
        client.execute(insert),
        unreadable,
      );
      // Where the end itself cannot be read nothing is known.
      t.is(error?.committed, what === "outcome" ? undefined : true);
      t.is(error?.cause, broken);
      t.is(await selectValue(client, "select count(*) from t"), 1);
      const behind = await client.transaction();
      await behind.rollback();
    },
  );

  test.serial(
    `in a transaction an answer that cannot be read (${what}) is that call's error`,
    async (t) => {
      const client = await openClient(t);
      await client.execute("create table t (a)");
      const transaction = await client.transaction();
      breakOnce(what);
      const error = await t.throwsAsync<LibsqlError & { committed?: boolean }>(
        transaction.execute("insert into t values (1) returning a as made"),
        unreadable,
      );
      t.is(error?.committed, undefined);
      await transaction.rollback();
      t.is(await selectValue(client, "select count(*) from t"), 0);
    },
  );
}

test.serial("an error that cannot be read is an error, and the transaction goes on", async (t) => {
  const client = await openClient(t);
  await client.execute("create table t (a unique)");
  const transaction = await client.transaction();
  await transaction.execute("insert into t values (1)");
  breakOnce("error");
  await t.throwsAsync(transaction.execute("insert into t values (1)"), unreadable);
  await transaction.execute("insert into t values (2)");
  await transaction.commit();
  t.is(await selectValue(client, "select count(*) from t"), 2);
});

test.serial(
  "a commit whose answer cannot be read says that it is committed, and frees its lane",
  async (t) => {
    const client = await openClient(t, { concurrency: 1 });
    await client.execute("create table t (a)");
    for (let i = 0; i < 3; i++) {
      const transaction = await client.transaction();
      await transaction.execute("insert into t values (1)");
      breakOnce("outcome");
      await t.throwsAsync(transaction.commit(), unreadable);
    }
    t.is(await selectValue(client, "select count(*) from t"), 3);
  },
);

test.serial("what cannot be read of one answer is not lost to the others", async (t) => {
  const client = await openClient(t);
  await client.execute("create table t (a)");
  await client.execute("select 1 as a");
  breakOnce("cells");
  const calls = Array.from({ length: 100 }, (_, i) => client.execute(`select ${i} as a`));
  const ends = await Promise.allSettled(calls);
  t.is(ends.filter(({ status }) => status === "rejected").length, 1);
  await t.notThrowsAsync(client.shutdown());
});
