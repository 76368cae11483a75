import { createClient, LibsqlError } from "latchdb";
import { createClient as fromNode } from "latchdb/node";
import { Sqlite3Client } from "latchdb/sqlite3";

const client = createClient({ url: "file:hello.db" });
const { rows } = await client.execute("SELECT 'hello' AS greeting");
client.close();
const isRight = client instanceof Sqlite3Client && fromNode === createClient && LibsqlError;
console.log(isRight ? rows[0].greeting : "the subpaths are not of one piece");
