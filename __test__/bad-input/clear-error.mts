/** What is asked of every error: a class, a code, a text that tells more than the code. */
import type { ExecutionContext } from "ava";
import { LibsqlError } from "latchdb";
import type { Client } from "latchdb";
import { selectValue } from "../support/database.mjs";

/** Expects a rejection with a code and a clear text. */
export async function rejectsClearly(
  t: ExecutionContext,
  promise: Promise<unknown>,
  code: string,
): Promise<LibsqlError> {
  const error = await t.throwsAsync<LibsqlError>(promise, { instanceOf: LibsqlError, code });
  return clear(t, error);
}

/** Expects an error with a code and a clear text. */
export function throwsClearly(
  t: ExecutionContext,
  action: () => unknown,
  code: string,
): LibsqlError {
  const error = t.throws<LibsqlError>(action, { instanceOf: LibsqlError, code });
  return clear(t, error);
}

function clear(t: ExecutionContext, error: LibsqlError | undefined): LibsqlError {
  if (error === undefined) throw new Error("There was no error");
  t.true(error.message.startsWith(`${error.code}: `), error.message);
  t.notRegex(error.message, /unknown|not an error|undefined|\[object/i);
  t.true(error.message.length > error.code.length + 10, error.message);
  return error;
}

/** Expects that a client still reads and writes. */
export async function goesOn(t: ExecutionContext, client: Client): Promise<void> {
  await client.execute("create table if not exists goes_on (a)");
  const { rowsAffected } = await client.execute("insert into goes_on values (1)");
  t.is(rowsAffected, 1);
  t.true(Number(await selectValue(client, "select count(*) from goes_on")) > 0);
  await client.batch(["insert into goes_on values (2)", "delete from goes_on"], "write");
  const transaction = await client.transaction();
  await transaction.execute("insert into goes_on values (3)");
  await transaction.rollback();
  t.is(await selectValue(client, "select count(*) from goes_on"), 0);
}
