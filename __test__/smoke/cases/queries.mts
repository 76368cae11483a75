import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import type { SmokeCase } from "../case.mjs";

export const queries: SmokeCase[] = [
  {
    name: "opens a file, and values come back as they went in",
    async run({ package: { createClient }, folder }) {
      const client = createClient({ url: `file:${join(folder, "values.db")}` });
      await client.execute("CREATE TABLE t (a, b, c, d, e)");
      const args = [null, 42, 1.5, "Zürich 🌍", new Uint8Array([0, 1, 255]).buffer];
      await client.execute({ sql: "INSERT INTO t VALUES (?, ?, ?, ?, ?)", args });
      const { rows } = await client.execute("SELECT * FROM t");
      assert.deepEqual(Array.from(rows[0] ?? []), args);
      client.close();
    },
  },
  {
    name: "opens a file by its URL, and a name that URLs have to encode",
    async run({ package: { createClient }, folder }) {
      const file = join(folder, "Zürich 100% #1.db");
      const client = createClient({ url: pathToFileURL(file).href });
      await client.execute("CREATE TABLE t (a)");
      client.close();
      assert.deepEqual(readdirSync(folder), [basename(file)]);
    },
  },
  {
    name: "SQLite has what it was compiled with: full text, geometry, mathematics",
    async run({ package: { createClient } }) {
      const client = createClient({ url: ":memory:" });
      await client.executeMultiple(`
        CREATE VIRTUAL TABLE words USING fts5 (text);
        INSERT INTO words VALUES ('closed means closed');
        CREATE VIRTUAL TABLE areas USING geopoly;
      `);
      const { rows } = await client.execute(
        "SELECT sqrt(16) AS root, (SELECT count(*) FROM words('closed')) AS found",
      );
      assert.equal(rows[0]?.root, 4);
      assert.equal(rows[0]?.found, 1);
      client.close();
    },
  },
  {
    name: "a result of many rows arrives whole",
    async run({ package: { createClient } }) {
      const client = createClient({ url: ":memory:" });
      const { rows } = await client.execute(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 50000) " +
          "SELECT i, 'text ' || i AS text FROM n",
      );
      assert.equal(rows.length, 50_000);
      assert.equal(rows[49_999]?.text, "text 50000");
      client.close();
    },
  },
  {
    name: "an error says what is wrong, with a code",
    async run({ package: { createClient, LibsqlError } }) {
      const client = createClient({ url: ":memory:" });
      await assert.rejects(client.execute("SELECT * FROM nowhere"), (error) => {
        assert.ok(error instanceof LibsqlError);
        assert.equal(error.code, "SQLITE_ERROR");
        return /no such table: nowhere/.test(error.message);
      });
      client.close();
    },
  },
];
