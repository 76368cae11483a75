// A database with every kind of table, value and object that a copy has to keep, and how it is compared.
import type { LocalClient } from "latchdb";

export const EVERY_KIND = `
PRAGMA user_version = 42; PRAGMA application_id = -77;
-- A reference to a table that comes later, and is unique by an index; rowids from end to end.
CREATE TABLE child (id INTEGER PRIMARY KEY, p REFERENCES parent (code) ON DELETE CASCADE);
CREATE TABLE parent (code TEXT);
CREATE UNIQUE INDEX parent_code ON parent (code);
INSERT INTO parent VALUES ('a'), ('b');
INSERT INTO child VALUES (5, 'a'), (-3, 'b'), (9223372036854775807, 'a'), (-9223372036854775808, NULL);
-- Every value, and rowids with gaps that no column has.
CREATE TABLE plain (a, b TEXT, c BLOB, "we""ird name" REAL, d INT);
INSERT INTO plain (rowid, a, b, c, "we""ird name", d) VALUES
  (1, 1, 'x' || char(0) || 'y', x'00ff00', 1.0, 9007199254740993),
  (7, 1.0, '', x'', 1.5, NULL),
  (100, 'text', NULL, zeroblob(100), -1e300, 'abc'),
  (102, 1e15, 'é😀' || char(65533), 't', 123456789012345680.0, -9223372036854775808);
-- The names of the rowid are columns.
CREATE TABLE hidden (rowid TEXT, _rowid_ INT, oid BLOB);
INSERT INTO hidden VALUES ('a', 1, x'01'), ('b', 2, NULL), ('a', 1, x'01');
CREATE TABLE half (rowid TEXT, v);
INSERT INTO half (_rowid_, rowid, v) VALUES (55, 'q', 1);
CREATE TABLE auto (id INTEGER PRIMARY KEY AUTOINCREMENT, v);
INSERT INTO auto (v) VALUES (1), (2), (3);
DELETE FROM auto WHERE id > 1;
-- Keys in both directions, and with another collation than the column's.
CREATE TABLE mixed (a TEXT COLLATE NOCASE, b INT, v, PRIMARY KEY (a COLLATE BINARY, b DESC)) WITHOUT ROWID;
INSERT INTO mixed VALUES ('a', 1, 'x'), ('A', 1, 'y'), ('a', 2, 'z'), ('B', 3, NULL);
CREATE TABLE falling (a REAL PRIMARY KEY DESC, v) WITHOUT ROWID;
INSERT INTO falling VALUES (1.5, 1), (2, 4), (-7, 5);
CREATE TABLE generated (a INT, b INT AS (a * 2) STORED, c TEXT AS (a || 'x') VIRTUAL, d);
INSERT INTO generated (a, d) VALUES (1, 2), (3, 4);
CREATE TABLE strict (i INTEGER PRIMARY KEY, r REAL, t TEXT, b BLOB, a ANY) STRICT;
INSERT INTO strict VALUES (1, 1, 't', x'01', 1), (2, 2.5, '', x'', '1'), (3, NULL, NULL, NULL, 1.0);
-- No alias of the rowid (https://sqlite.org/lang_createtable.html#rowid).
CREATE TABLE key_desc (id INTEGER PRIMARY KEY DESC, v);
INSERT INTO key_desc (rowid, id, v) VALUES (4, 10, 'a'), (2, 5, 'b');
-- Virtual tables: their shadow tables are what is copied, deleted entries of an index included.
CREATE VIRTUAL TABLE ft USING fts5(title, body, tokenize = 'porter');
INSERT INTO ft (rowid, title, body) VALUES (3, 'hello', 'running fast'), (9, 'x', 'y');
DELETE FROM ft WHERE rowid = 9;
CREATE VIRTUAL TABLE contentless USING fts5(body, content = '');
INSERT INTO contentless (rowid, body) VALUES (1, 'contentless words');
CREATE TABLE doc (id INTEGER PRIMARY KEY, txt);
INSERT INTO doc VALUES (1, 'external content');
CREATE VIRTUAL TABLE external USING fts5(txt, content = 'doc', content_rowid = 'id');
INSERT INTO external (external) VALUES ('rebuild');
CREATE VIRTUAL TABLE f4 USING fts4(body);
INSERT INTO f4 VALUES ('old full text');
CREATE VIRTUAL TABLE rt USING rtree(id, x0, x1, +name);
INSERT INTO rt VALUES (1, 0, 1, 'n'), (2, 5, 6, 'm');
CREATE VIRTUAL TABLE vocab USING fts5vocab(ft, 'row');
CREATE INDEX plain_a ON plain (a) WHERE a IS NOT NULL;
CREATE INDEX plain_e ON plain (length(b));
CREATE VIEW v AS SELECT * FROM v2;
CREATE VIEW v2 AS SELECT a FROM plain;
-- A trigger that would add rows during the copy.
CREATE TRIGGER ai AFTER INSERT ON plain BEGIN INSERT INTO half (v) VALUES ('fired'); END;
CREATE TRIGGER vi INSTEAD OF INSERT ON v BEGIN SELECT 1; END;
ANALYZE;
`;

/** Values that JavaScript has not, or that no argument can be; a server's JSON has them neither. */
export const LOCAL_ONLY = `
INSERT INTO plain (rowid, a, b, "we""ird name") VALUES
  (200, 9e999, CAST(x'ff41' AS TEXT), -9e999), (201, CAST(x'61fe' AS TEXT), 'ok', -0.0);
CREATE TABLE raw_keys (k TEXT PRIMARY KEY, v) WITHOUT ROWID;
INSERT INTO raw_keys VALUES (CAST(x'ff' AS TEXT), 1), (CAST(x'fe' AS TEXT), 2), ('a', 3);
INSERT INTO falling VALUES (9e999, 2), (-9e999, 3);
`;

/** Everything that is in a database, in an order of its own: of each value its type and its bytes. */
export async function contentOf(client: LocalClient): Promise<Record<string, unknown[]>> {
  const select = async (sql: string): Promise<unknown[]> =>
    (await client.execute(sql)).rows.map((row) => Array.from(row));
  const content: Record<string, unknown[]> = {
    schema: await select("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name"),
    user_version: await select("PRAGMA user_version"),
    application_id: await select("PRAGMA application_id"),
    sequence: await select("SELECT * FROM sqlite_sequence"),
    statistics: await select("SELECT * FROM sqlite_stat1 ORDER BY tbl, idx"),
    integrity: await select("PRAGMA integrity_check"),
    foreignKeys: await select("PRAGMA foreign_key_check"),
  };
  const tables = await client.execute(
    "SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'shadow') AND name NOT LIKE 'sqlite%'",
  );
  for (const row of tables.rows) {
    const name = String(row[0]);
    const columns = await client.execute(`SELECT name FROM pragma_table_xinfo('${name}')`);
    const names = columns.rows.map((column) => String(column[0]));
    const rowid = ["rowid", "_rowid_"].find((word) => !names.includes(word));
    const values = names.map((column) => {
      const quoted = `"${column.replaceAll('"', '""')}"`;
      return `typeof(${quoted}), hex(${quoted}), quote(${quoted})`;
    });
    if (row[1] === 0n && rowid !== undefined) values.unshift(rowid);
    content[name] = (await select(`SELECT ${values.join(", ")} FROM "${name}"`)).map(String).sort();
  }
  return content;
}
