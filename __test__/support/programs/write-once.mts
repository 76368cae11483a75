/** Writes to a database without waiting for anybody, and says what came of it. */
import { createClient, type LibsqlError } from "latchdb";

const client = createClient({ url: `file:${process.argv[2]}` });
const written = client.execute("insert into t values ('from another process')");
console.log(
  await written.then(
    () => "written",
    (error: LibsqlError) => error.code,
  ),
);
client.close();
