// Prisma's libSQL adapter twice on one file, as an application and its jobs have it, or once:
// `program.mjs FILE one|two`. Both print the same. Two have a timeout: the machine may be so busy that
// a transaction looks idle.
import { PrismaLibSql } from "@prisma/adapter-libsql";
import { print, printOpen, printSuccesses, failure, range } from "../frameworks/print.mjs";
import { PrismaClient } from "./client/index.js";

const [file, count] = process.argv.slice(2);
const WRITES = 20;
const LONG = { maxWait: 60_000, timeout: 60_000 };

const factory = () =>
  new PrismaLibSql({ url: `file:${file}`, ...(count === "two" ? { timeout: 20_000 } : {}) });
const first = new PrismaClient({ adapter: factory() });
const second = count === "two" ? new PrismaClient({ adapter: factory() }) : first;
const clients = [first, second];

/** Of `prisma migrate diff --from-empty --to-schema schema.prisma --script`. */
const adapter = await factory().connect();
await adapter.executeScript(`
  CREATE TABLE "User" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "email" TEXT NOT NULL,
    "name" TEXT,
    "balance" INTEGER NOT NULL DEFAULT 0
  );
  CREATE TABLE "Post" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "title" TEXT NOT NULL,
    "views" BIGINT NOT NULL DEFAULT 0,
    "score" REAL,
    "published" BOOLEAN NOT NULL DEFAULT false,
    "createdAt" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "data" BLOB,
    "meta" JSONB,
    "authorId" INTEGER NOT NULL,
    FOREIGN KEY ("authorId") REFERENCES "User" ("id") ON DELETE RESTRICT ON UPDATE CASCADE
  );
  CREATE UNIQUE INDEX "User_email_key" ON "User"("email");
`);

await printSuccesses(
  "users created",
  clients.flatMap((prisma, c) =>
    range(WRITES).map((i) => prisma.user.create({ data: { email: `${c}-${i}@example.com` } })),
  ),
);
print("users", await first.user.count());
await printSuccesses(
  "users with posts (nested writes)",
  clients.flatMap((prisma, c) =>
    range(WRITES).map((i) =>
      prisma.user.update({
        where: { email: `${c}-${i}@example.com` },
        data: { name: `User ${i}`, posts: { create: [{ title: "one" }, { title: "two" }] } },
      }),
    ),
  ),
);
print(
  "posts",
  await second.post.groupBy({ by: ["title"], _count: true, orderBy: { title: "asc" } }),
);

// Each reads before it writes, and all of one client run one after the other: the adapter has a mutex.
await printSuccesses(
  "transactions of one client",
  range(WRITES).map((i) =>
    first.$transaction(async (tx) => {
      const user = await tx.user.findUniqueOrThrow({ where: { email: "0-0@example.com" } });
      await tx.user.update({ where: { id: user.id }, data: { balance: user.balance + i } });
    }, LONG),
  ),
);
print("balance", (await first.user.findUnique({ where: { email: "0-0@example.com" } })).balance);
await printSuccesses(
  "batches",
  range(WRITES).map((i) =>
    first.$transaction([
      first.user.update({ where: { email: `0-${i}@example.com` }, data: { balance: 1 } }),
      first.user.update({ where: { email: `1-${i}@example.com` }, data: { balance: 2 } }),
    ]),
  ),
);
print("balances", await first.user.aggregate({ _sum: { balance: true }, _count: true }));

const { id } = await first.post.findFirstOrThrow({ orderBy: { id: "asc" } });
await second.post.update({
  where: { id },
  data: {
    views: 9_007_199_254_740_991n,
    score: 1.5,
    published: true,
    createdAt: new Date(Date.UTC(2001, 1, 3)),
    data: Uint8Array.of(0, 1, 255),
    meta: { a: [1, null, "x"] },
  },
});
const values = await first.post.findUnique({ where: { id } });
// Of two clients, either may have been the first.
print("values", { ...values, id: 0, authorId: 0, data: values.data && [...values.data] });
const raw =
  await first.$queryRaw`SELECT 1 AS one, 2.5 AS real, 'x' AS text, NULL AS missing, count(*) AS n FROM User`;
print("raw", raw);
print("raw, changed", await first.$executeRaw`UPDATE User SET name = 'x' WHERE id <= ${3}`);
print("unique", await error(() => first.user.create({ data: { email: "0-0@example.com" } })));
print("foreign key", await error(() => first.post.create({ data: { title: "x", authorId: 999 } })));
print("no such table", await error(() => first.$queryRaw`SELECT * FROM missing`));
print(
  "rolled back",
  await failure(() =>
    first.$transaction(async (tx) => {
      await tx.post.deleteMany();
      throw new Error("no");
    }),
  ),
);
print("posts left", await second.post.count());

// The adapter by itself, without an engine.
const other = await factory().connect();
const query = (sql, ...args) => ({
  sql,
  args,
  argTypes: args.map(() => ({ arity: "scalar", scalarType: "unknown" })),
});
const mixed = await other.queryRaw(query("SELECT *, 1 + 1 AS two FROM Post ORDER BY id LIMIT 1"));
print("columns", [mixed.columnNames, mixed.columnTypes]);
const transaction = await other.startTransaction();
await transaction.executeRaw(query("DELETE FROM Post"));
await transaction.createSavepoint("s");
await transaction.executeRaw(query("DELETE FROM User"));
await transaction.rollbackToSavepoint("s");
await transaction.rollback();
print("after rollback", (await other.queryRaw(query("SELECT count(*) FROM Post"))).rows);

await other.dispose();
await adapter.dispose();
// An upsert reads before it writes, in a deferred transaction. SQLite lets one of two such pass.
const before = await first.user.aggregate({ _sum: { balance: true } });
const upserts = await Promise.allSettled(
  clients.flatMap((prisma, c) =>
    range(WRITES).map((i) =>
      prisma.user.upsert({
        where: { email: `${1 - c}-${i}@example.com` },
        create: { email: "nobody" },
        update: { balance: { increment: 3 } },
      }),
    ),
  ),
);
const upserted = upserts.filter(({ status }) => status === "fulfilled").length;
print("any upserts at once", upserted > 0);
const after = await first.user.aggregate({ _sum: { balance: true } });
print(
  "upserts done, but not acknowledged",
  after._sum.balance - before._sum.balance - 3 * upserted,
);
for (const prisma of clients) await prisma.$disconnect();
printOpen("after close", file);
// `$disconnect` is not the end: the next query connects again.
print("connected again", await first.user.count());
await first.$disconnect();

async function error(action) {
  try {
    return await action();
  } catch ({ name, code, meta }) {
    return { name, code, meta };
  }
}
