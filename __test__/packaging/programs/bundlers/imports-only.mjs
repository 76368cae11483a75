import { createClient } from "@libsql/client";

const client = createClient({ url: ":memory:" });
client.execute("SELECT 'hello' AS a").then(({ rows }) => {
  client.close();
  console.log(rows[0].a);
});
