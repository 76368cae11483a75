import { rename } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { createClient } from "latchdb";
import { selectColumn, temporaryDatabase } from "../support/database.mjs";
import { journalModes, prepare } from "../support/queries.mjs";

// A -wal or a descriptor that close() leaves behind shows here: it brings the old rows back.

const endings = ["a commit", "an open transaction"] as const;

for (const mode of journalModes) {
  for (const ending of endings) {
    test(`a database renamed over a closed one is read, 20 of 20, after ${ending} (${mode})`, async (t) => {
      const database = await temporaryDatabase(t);
      const next = join(database.directory, "next.db");
      const client = database.open();
      await prepare(client, mode);
      for (let round = 1; round <= 20; round++) {
        await client.execute({ sql: "insert into t values (?)", args: [`old ${round}`] });
        if (ending === "an open transaction") {
          const transaction = await client.transaction("write");
          await transaction.execute("insert into t values ('never')");
        }
        client.close();

        const builder = createClient({ url: `file:${next}` });
        await prepare(builder, mode);
        await builder.execute({ sql: "insert into t values (?)", args: [`new ${round}`] });
        builder.close();
        await rename(next, database.file);

        await client.reconnect();
        t.deepEqual(await selectColumn(client, "select a from t"), [`new ${round}`]);
      }
    });
  }
}
