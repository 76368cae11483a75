// An application with better-auth and a client of its own on the same file: `program.mjs FILE ADAPTER
// [transaction]`. With `transaction`, better-auth does each sign-up in a transaction of its adapter.
// The clients have a timeout then: the machine may be so busy that a transaction looks idle.
import { createClient } from "@libsql/client";
import { LibsqlDialect } from "@libsql/kysely-libsql";
import { betterAuth } from "better-auth";
import { drizzleAdapter } from "better-auth/adapters/drizzle";
import { getMigrations } from "better-auth/db/migration";
import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/libsql";
import { print, printOpen, printSuccesses, range } from "../frameworks/print.mjs";
import * as schema from "./schema.mjs";

const [file, adapter, transaction] = process.argv.slice(2);
const url = `file:${file}`;
const config = transaction === "transaction" ? { url, timeout: 20_000 } : { url };
const USERS = 20;

const options = {
  baseURL: "http://localhost:3000",
  secret: "only for a test, and long enough to be one",
  emailAndPassword: {
    enabled: true,
    // scrypt takes most of the time, and is not what this is about.
    password: {
      hash: async (password) => `hash of ${password}`,
      verify: async ({ hash, password }) => hash === `hash of ${password}`,
    },
  },
  logger: { disabled: true },
  telemetry: { enabled: false },
};

/** better-auth makes its tables through Kysely, whichever adapter it works with. */
const migrating = createClient({ url });
const { runMigrations, toBeCreated } = await getMigrations({
  ...options,
  database: { dialect: new LibsqlDialect({ client: migrating }), type: "sqlite" },
});
await runMigrations();
migrating.close();
print("tables", toBeCreated.map(({ table }) => table).sort());

const app = createClient(config);
await app.execute("CREATE TABLE log (id INTEGER PRIMARY KEY, user_email TEXT, what TEXT)");
const db = drizzle({ client: app });

const authClient = createClient(config);
const auth = betterAuth({
  ...options,
  database:
    adapter === "kysely"
      ? {
          dialect: new LibsqlDialect({ client: authClient }),
          type: "sqlite",
          transaction: transaction === "transaction",
        }
      : drizzleAdapter(drizzle({ client: authClient, schema }), {
          provider: "sqlite",
          schema,
          transaction: transaction === "transaction",
        }),
});

const email = (i) => `user${i}@example.com`;
const log = (i, what) =>
  db.run(sql`INSERT INTO log (user_email, what) VALUES (${email(i)}, ${what})`);

async function signUp(i) {
  await log(i, "before");
  const body = { name: `User ${i}`, email: email(i), password: `password ${i}` };
  const { token, user } = await auth.api.signUpEmail({ body });
  await log(i, "after");
  if (user.email !== email(i) || typeof token !== "string") throw new Error(`not user ${i}`);
}

async function signIn(i) {
  await log(i, "sign-in");
  const body = { email: email(i), password: `password ${i}` };
  const response = await auth.api.signInEmail({ body, asResponse: true });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  return response.headers.get("set-cookie");
}

async function inTransaction(i) {
  await db.transaction(async (tx) => {
    const [user] = await tx.all(sql`SELECT name FROM user WHERE email = ${email(i)}`);
    await tx.run(
      sql`INSERT INTO log (user_email, what) VALUES (${email(i)}, ${user.name.slice(0, 4)})`,
    );
  });
}

await printSuccesses("sign-ups", range(USERS).map(signUp));
print("users", (await app.execute('SELECT count(*) n FROM "user"')).rows);
print("accounts", (await app.execute('SELECT count(DISTINCT "userId") n FROM account')).rows);
await printSuccesses(
  "the same users again",
  range(3).map((i) => signUp(i)),
);
const cookies = await printSuccesses("sign-ins", range(USERS).map(signIn));
const sessions = await printSuccesses(
  "sessions",
  cookies.map((cookie) => auth.api.getSession({ headers: new Headers({ cookie }) })),
);
print("emails", sessions.map((session) => session?.user.email).sort());
await printSuccesses("sign-ups and sign-ins", [
  ...range(USERS).map((i) => signUp(USERS + i)),
  ...range(USERS).map(signIn),
]);
for (const i of range(USERS)) await inTransaction(i);
await printSuccesses(
  "sign-outs",
  cookies.map((cookie) => auth.api.signOut({ headers: new Headers({ cookie }) })),
);
print("log", await db.all(sql`SELECT what, count(*) n FROM log GROUP BY what ORDER BY what`));
print(
  "sessions left",
  (await app.execute('SELECT count(*) n, count(DISTINCT "userId") users FROM session')).rows,
);
print("check", (await app.execute("PRAGMA integrity_check")).rows);

app.close();
authClient.close();
printOpen("after close", file);
