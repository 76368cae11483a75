import { writeFile } from "node:fs/promises";
import test from "ava";
import { LibsqlBatchError, LibsqlError } from "latchdb";
import { openClient, selectValue, temporaryDatabase } from "../support/database.mjs";

const schema = `
  create table person (id integer primary key, name text unique not null);
  create table child (person_id references person (id));
  create table later (person_id references person (id) deferrable initially deferred);
  create table positive (a int check (a > 0));
  create trigger guard before delete on person begin select raise(abort, 'nope!'); end;
  insert into person values (1, 'Ada');
`;

const failures = [
  {
    title: "a syntax error",
    sql: "NOT SQL",
    code: "SQLITE_ERROR",
    extendedCode: "SQLITE_ERROR",
    rawCode: 1,
    text: 'near "NOT": syntax error',
  },
  {
    title: "a table that is not there",
    sql: "select * from nope",
    code: "SQLITE_ERROR",
    extendedCode: "SQLITE_ERROR",
    rawCode: 1,
    text: "no such table: nope",
  },
  {
    title: "a column that is not there",
    sql: "select nope from person",
    code: "SQLITE_ERROR",
    extendedCode: "SQLITE_ERROR",
    rawCode: 1,
    text: "no such column: nope",
  },
  {
    title: "a UNIQUE constraint",
    sql: "insert into person (name) values ('Ada')",
    code: "SQLITE_CONSTRAINT",
    extendedCode: "SQLITE_CONSTRAINT_UNIQUE",
    rawCode: 2067,
    text: "UNIQUE constraint failed: person.name",
  },
  {
    title: "a PRIMARY KEY constraint",
    sql: "insert into person values (1, 'Grace')",
    code: "SQLITE_CONSTRAINT",
    extendedCode: "SQLITE_CONSTRAINT_PRIMARYKEY",
    rawCode: 1555,
    text: "UNIQUE constraint failed: person.id",
  },
  {
    title: "a NOT NULL constraint",
    sql: "insert into person (name) values (null)",
    code: "SQLITE_CONSTRAINT",
    extendedCode: "SQLITE_CONSTRAINT_NOTNULL",
    rawCode: 1299,
    text: "NOT NULL constraint failed: person.name",
  },
  {
    title: "a FOREIGN KEY constraint",
    sql: "insert into child values (99)",
    code: "SQLITE_CONSTRAINT",
    extendedCode: "SQLITE_CONSTRAINT_FOREIGNKEY",
    rawCode: 787,
    text: "FOREIGN KEY constraint failed",
  },
  {
    title: "a CHECK constraint",
    sql: "insert into positive values (-1)",
    code: "SQLITE_CONSTRAINT",
    extendedCode: "SQLITE_CONSTRAINT_CHECK",
    rawCode: 275,
    text: "CHECK constraint failed: a > 0",
  },
  {
    title: "a trigger's RAISE",
    sql: "delete from person",
    code: "SQLITE_CONSTRAINT",
    extendedCode: "SQLITE_CONSTRAINT_TRIGGER",
    rawCode: 1811,
    text: "nope!",
  },
];

/** Further lines of a message show the SQL. */
function beginsWith(first: string): (message: string) => boolean {
  return (message) => message === first || message.startsWith(`${first}\n  `);
}

for (const { title, sql, code, extendedCode, rawCode, text } of failures) {
  test(`${title} fails with ${extendedCode}, SQLite's own text and a cause`, async (t) => {
    const client = await openClient(t);
    await client.executeMultiple(schema);
    const error = await t.throwsAsync<LibsqlError>(client.execute(sql), {
      instanceOf: LibsqlError,
      code,
      message: beginsWith(`${code}: ${text}`),
    });
    t.is(error?.name, "LibsqlError");
    t.is(error?.extendedCode, extendedCode);
    t.is(error?.rawCode, rawCode);
    t.true(error?.cause instanceof Error);
  });

  test(`${title} fails the same way in a batch, which names the statement`, async (t) => {
    const client = await openClient(t);
    await client.executeMultiple(schema);
    const error = await t.throwsAsync<LibsqlBatchError>(client.batch(["select 1", sql], "write"), {
      instanceOf: LibsqlBatchError,
      code,
    });
    t.true(error instanceof LibsqlError);
    t.is(error?.name, "LibsqlBatchError");
    t.is(error?.statementIndex, 1);
    t.is(error?.extendedCode, extendedCode);
    t.is(error?.rawCode, rawCode);
    t.true(error?.message.startsWith(`${code}: `));
    t.true(error?.message.includes(text));
    t.true(error?.cause instanceof Error);
  });

  test(`${title} fails the same way in a transaction, which goes on`, async (t) => {
    const client = await openClient(t);
    await client.executeMultiple(schema);
    const transaction = await client.transaction();
    const error = await t.throwsAsync<LibsqlError>(transaction.execute(sql), {
      instanceOf: LibsqlError,
      code,
      message: beginsWith(`${code}: ${text}`),
    });
    t.is(error?.extendedCode, extendedCode);
    t.is(error?.rawCode, rawCode);
    t.false(transaction.closed);
    await transaction.execute("insert into person (name) values ('Grace')");
    await transaction.commit();
    t.is(await selectValue(client, "select count(*) from person"), 2);
  });
}

test("a value of the wrong type in a STRICT table is SQLITE_CONSTRAINT 3091", async (t) => {
  const client = await openClient(t);
  await client.execute("create table strict_table (a int) strict");
  const error = await t.throwsAsync<LibsqlError>(
    client.execute("insert into strict_table values ('x')"),
    { instanceOf: LibsqlError, code: "SQLITE_CONSTRAINT" },
  );
  t.is(error?.rawCode, 3091);
  t.is(error?.message, "SQLITE_CONSTRAINT: cannot store TEXT value in INT column strict_table.a");
});

test("a deferred FOREIGN KEY fails the batch at its commit, which is rolled back", async (t) => {
  const client = await openClient(t);
  await client.executeMultiple(schema);
  const error = await t.throwsAsync<LibsqlError>(
    client.batch(["insert into later values (99)"], "write"),
    { instanceOf: LibsqlError, code: "SQLITE_CONSTRAINT" },
  );
  t.is(error?.extendedCode, "SQLITE_CONSTRAINT_FOREIGNKEY");
  t.is(await selectValue(client, "select count(*) from later"), 0);
});

test("a deferred FOREIGN KEY fails the commit of a transaction, which is rolled back", async (t) => {
  const client = await openClient(t);
  await client.executeMultiple(schema);
  const transaction = await client.transaction();
  await transaction.execute("insert into later values (99)");
  const error = await t.throwsAsync<LibsqlError>(transaction.commit(), {
    instanceOf: LibsqlError,
    code: "SQLITE_CONSTRAINT",
  });
  t.is(error?.extendedCode, "SQLITE_CONSTRAINT_FOREIGNKEY");
  t.true(transaction.closed);
  t.is(await selectValue(client, "select count(*) from later"), 0);
});

test("a file that is no database fails at the first execute with SQLITE_NOTADB", async (t) => {
  const database = await temporaryDatabase(t);
  await writeFile(database.file, "this is no database. ".repeat(200));
  const client = database.open();
  const error = await t.throwsAsync<LibsqlError>(client.execute("select * from sqlite_schema"), {
    instanceOf: LibsqlError,
    code: "SQLITE_NOTADB",
    message: "SQLITE_NOTADB: file is not a database",
  });
  t.is(error?.rawCode, 26);
});

test("the client goes on after an error", async (t) => {
  const client = await openClient(t);
  await t.throwsAsync(client.execute("NOT SQL"), { code: "SQLITE_ERROR" });
  t.is(await selectValue(client, "select 1"), 1);
});

test("LibsqlError puts its code before its message", (t) => {
  const cause = new Error("deep down");
  const error = new LibsqlError("text", "CODE", "CODE_EXTENDED", 7, cause);
  t.true(error instanceof Error);
  t.is(error.name, "LibsqlError");
  t.is(error.message, "CODE: text");
  t.is(error.code, "CODE");
  t.is(error.extendedCode, "CODE_EXTENDED");
  t.is(error.rawCode, 7);
  t.is(error.cause, cause);
});

test("LibsqlBatchError is a LibsqlError with the index of the statement", (t) => {
  const error = new LibsqlBatchError("text", 3, "CODE");
  t.true(error instanceof LibsqlError);
  t.is(error.name, "LibsqlBatchError");
  t.is(error.message, "CODE: text");
  t.is(error.statementIndex, 3);
});
