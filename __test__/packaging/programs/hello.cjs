const { createClient, LibsqlError } = require("latchdb");
const { createClient: fromNode } = require("latchdb/node");
const { Sqlite3Client } = require("latchdb/sqlite3");

const client = createClient({ url: "file:hello.db" });
client.execute("SELECT 'hello' AS greeting").then(({ rows }) => {
  client.close();
  const isRight = client instanceof Sqlite3Client && fromNode === createClient && LibsqlError;
  console.log(isRight ? rows[0].greeting : "the subpaths are not of one piece");
});
