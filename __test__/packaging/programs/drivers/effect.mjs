// Effect's SQL client twice on one file, where neither knows of the other's transactions; or once:
// `effect.mjs FILE one|two`. Both print the same. Two have a
// timeout: the machine may be so busy that a transaction looks idle.
import * as Reactivity from "@effect/experimental/Reactivity";
import { LibsqlClient } from "@effect/sql-libsql";
import { Effect } from "effect";
import { print, printOpen, range } from "../frameworks/print.mjs";

const [file, count] = process.argv.slice(2);
const options = {
  ...(count === "two" ? { timeout: 20_000 } : {}),
  url: `file:${file}`,
  transformQueryNames: (name) => name,
  spanAttributes: { a: 1 },
};

const program = Effect.gen(function* () {
  const first = yield* LibsqlClient.make(options);
  const second = count === "two" ? yield* LibsqlClient.make(options) : first;
  const clients = [first, second];
  const all = (what, effects) =>
    Effect.map(Effect.all(effects.map(Effect.either), { concurrency: "unbounded" }), (results) => {
      const failures = results.filter(({ _tag }) => _tag === "Left");
      for (const { left } of failures) console.error(what, left.cause ?? left);
      console.log(`${what}: ${results.length - failures.length} of ${results.length}`);
    });

  yield* all(
    "tables",
    clients.map(
      (sql) =>
        sql`CREATE TABLE IF NOT EXISTS accounts (id INTEGER PRIMARY KEY, owner TEXT, balance INTEGER)`,
    ),
  );
  yield* all(
    "inserts",
    clients.flatMap((sql, c) =>
      range(20).map((i) => sql`INSERT INTO accounts ${sql.insert({ owner: `o${c}`, balance: i })}`),
    ),
  );
  // They read, write, and write in a savepoint, which is rolled back.
  yield* all(
    "transactions",
    clients.flatMap((sql) =>
      range(15).map((i) =>
        sql.withTransaction(
          Effect.gen(function* () {
            const [{ balance }] = yield* sql`SELECT balance FROM accounts WHERE id = 1`;
            yield* sql`UPDATE accounts SET balance = ${balance + 1} WHERE id = 1`;
            yield* Effect.either(
              sql.withTransaction(
                Effect.zipRight(
                  sql`DELETE FROM accounts WHERE id = ${i + 2}`,
                  Effect.fail(new Error("no")),
                ),
              ),
            );
          }),
        ),
      ),
    ),
  );
  print("accounts", yield* second`SELECT count(*) AS n, max(balance) AS most FROM accounts`);
  print("first", yield* first`SELECT balance FROM accounts WHERE id = 1`);
  print("values", yield* first`SELECT typeof(owner), balance FROM accounts WHERE id = 1`.values);
  const failed = yield* Effect.flip(
    first`INSERT INTO accounts ${first.insert({ id: 1, owner: "x" })}`,
  );
  print("unique", [failed._tag, failed.cause.code, failed.cause.message]);
});

await Effect.runPromise(Effect.scoped(program).pipe(Effect.provide(Reactivity.layer)));
// The scope closes its clients.
printOpen("after close", file);
