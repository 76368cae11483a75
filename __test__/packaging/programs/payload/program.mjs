// Payload on SQLite beside the application's own client: `program.mjs FILE [transactions]`. Payload
// has no transactions here unless it is asked for them. Both print the same.
// Transactions have a timeout: the machine may be so busy that one looks idle.
import { createClient } from "@libsql/client";
import { sqliteAdapter } from "@payloadcms/db-sqlite";
import { buildConfig, getPayload } from "payload";
import { print, printOpen, printSuccesses, range } from "../frameworks/print.mjs";

const [file, transactions] = process.argv.slice(2);
const url = `file:${file}`;
const client = transactions === undefined ? { url } : { url, timeout: 20_000 };
const WRITES = 20;

const text = (name, more = {}) => ({ name, type: "text", ...more });
const config = (wal) =>
  buildConfig({
    secret: "only for a test",
    telemetry: false,
    logger: { options: { level: "silent" } },
    typescript: { autoGenerate: false },
    db: sqliteAdapter({
      client,
      wal,
      ...(transactions === undefined ? {} : { transactionOptions: { behavior: "immediate" } }),
    }),
    collections: [
      { slug: "users", auth: true, fields: [text("name")] },
      {
        slug: "posts",
        versions: { drafts: true },
        fields: [
          text("title", { required: true, unique: true }),
          { name: "author", type: "relationship", relationTo: "users" },
          { name: "tags", type: "array", fields: [text("tag")] },
          { name: "kind", type: "select", hasMany: true, options: ["a", "b"] },
          { name: "at", type: "date" },
          { name: "score", type: "number" },
          { name: "data", type: "json" },
        ],
      },
    ],
    globals: [{ slug: "settings", fields: [text("motto")] }],
  });

// Payload makes its tables by drizzle-kit's push, while another client has the file open.
const app = createClient(client);
await app.execute("CREATE TABLE IF NOT EXISTS hits (id INTEGER PRIMARY KEY, path TEXT)");
await app.execute("DROP TABLE hits");
const payload = await getPayload({ config: config(true), key: "first" });
await app.execute("CREATE TABLE hits (id INTEGER PRIMARY KEY, path TEXT)");
const hit = (i) => app.execute({ sql: "INSERT INTO hits (path) VALUES (?)", args: [`/${i}`] });
print("journal mode", (await app.execute("PRAGMA journal_mode")).rows);

const users = await printSuccesses(
  "users",
  range(5).map((i) =>
    payload.create({
      collection: "users",
      data: { name: `User ${i}`, email: `${i}@example.com`, password: "password" },
    }),
  ),
);
const create = (i) =>
  payload.create({
    collection: "posts",
    data: {
      title: `Post ${i}`,
      author: users[i % users.length]?.id,
      tags: [{ tag: "one" }, { tag: `${i}` }],
      kind: ["b", "a"],
      at: "2026-01-01T00:00:00.000Z",
      score: i / 2,
      data: { i, list: [1, null] },
      _status: "published",
    },
  });
const posts = await printSuccesses("posts, and hits of the application", [
  ...range(WRITES).map(create),
  ...range(WRITES).map(hit),
]);
print("posts", await payload.count({ collection: "posts" }));
await printSuccesses(
  "changes, finds and hits",
  posts
    .filter(({ title }) => title !== undefined)
    .flatMap(({ id, title }, i) => [
      payload.update({
        collection: "posts",
        id,
        data: { title: `${title}!`, tags: [{ tag: "new" }] },
      }),
      payload.find({ collection: "posts", where: { "tags.tag": { equals: "new" } }, limit: 3 }),
      hit(i),
    ]),
);
await printSuccesses(
  "the same titles again",
  range(3).map((i) => payload.create({ collection: "posts", data: { title: `Post ${i}!` } })),
);
await printSuccesses(
  "logins",
  range(5).map((i) =>
    payload.login({
      collection: "users",
      data: { email: `${i}@example.com`, password: "password" },
    }),
  ),
);
await payload.updateGlobal({ slug: "settings", data: { motto: "ünïcode" } });

const { docs, totalDocs } = await payload.find({
  collection: "posts",
  sort: "score",
  limit: 100,
  depth: 1,
});
print("found", totalDocs);
print(
  "contents",
  docs
    .map(({ title, author, tags, kind, at, score, data }) => [
      title,
      author.name.slice(0, 4),
      tags.map(({ tag }) => tag),
      kind,
      at,
      score,
      data,
    ])
    .sort(([, , , , , a], [, , , , , b]) => a - b),
);
print("versions", (await payload.countVersions({ collection: "posts" })).totalDocs);
print("motto", (await payload.findGlobal({ slug: "settings" })).motto);
print("hits", (await app.execute("SELECT count(*) n FROM hits")).rows);
const removed = await payload.delete({ collection: "posts", where: { score: { less_than: 5 } } });
print("removed", [removed.docs.length, removed.errors]);
print("left", await payload.count({ collection: "posts" }));
print("tags left", (await app.execute("SELECT count(*) n FROM posts_tags")).rows);
print("check", (await app.execute("PRAGMA integrity_check")).rows);

await payload.destroy();
payload.db.client?.close();
app.close();
printOpen("after close", file);
process.exit();
