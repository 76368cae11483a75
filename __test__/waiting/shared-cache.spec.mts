import test from "ava";
import { LibsqlError } from "latchdb";
import { openUrl, selectValue } from "../support/database.mjs";

// Tests of one file run at the same time, and the shared cache is one per process.
const url = "file::memory:?cache=shared";

test.serial(
  "two clients of a shared cache see one database, until the last one closes",
  async (t) => {
    const first = openUrl(t, url);
    const second = openUrl(t, url);
    await first.execute("create table t(a)");
    await second.execute("insert into t values (1)");
    t.is(await selectValue(first, "select count(*) from t"), 1);
    first.close();
    t.is(await selectValue(second, "select count(*) from t"), 1);
    second.close();
    const third = openUrl(t, url);
    await t.throwsAsync(third.execute("select * from t"), { message: /no such table/ });
    third.close();
  },
);

test.serial("a table that another client writes is waited for", async (t) => {
  const writer = openUrl(t, url);
  const reader = openUrl(t, url, { timeout: 20_000 });
  await writer.execute("create table t(a)");
  const transaction = await writer.transaction("write");
  await transaction.execute("insert into t values (1)");
  const count = selectValue(reader, "select count(*) from t");
  await transaction.commit();
  t.is(await count, 1);
  writer.close();
  reader.close();
});

test.serial(
  "without a timeout, a table that another client writes is SQLITE_LOCKED at once",
  async (t) => {
    const writer = openUrl(t, url);
    const reader = openUrl(t, url);
    await writer.execute("create table t(a)");
    const transaction = await writer.transaction("write");
    await transaction.execute("insert into t values (1)");
    await t.throwsAsync(reader.execute("select count(*) from t"), {
      instanceOf: LibsqlError,
      code: "SQLITE_LOCKED",
    });
    await transaction.commit();
    t.is(await selectValue(reader, "select count(*) from t"), 1);
    writer.close();
    reader.close();
  },
);

test.serial("a wait for a table ends when its client is closed", async (t) => {
  const writer = openUrl(t, url);
  const reader = openUrl(t, url, { timeout: 60_000 });
  await writer.execute("create table t(a)");
  const transaction = await writer.transaction("write");
  await transaction.execute("insert into t values (1)");
  const count = reader.execute("select count(*) from t");
  reader.close();
  await t.throwsAsync(count, { code: "CLIENT_CLOSED" });
  await transaction.commit();
  writer.close();
});
