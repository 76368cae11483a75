import test from "ava";
import { selectColumn, selectValue, temporaryDatabase } from "../support/database.mjs";
import { assertNothingBeside } from "../support/open-files.mjs";
import { startHelper } from "../support/helper-process.mjs";
import { journalModes } from "../support/queries.mjs";

// A signal ends a process without a word: what it leaves is for the next opener (docs/ending.md).

const BEFORE_THE_END = 50;

for (const mode of journalModes) {
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    test(`every commit that was acknowledged before ${signal} is there (${mode})`, async (t) => {
      const database = await temporaryDatabase(t);
      const writer = startHelper("endless-writer", [database.file, mode]);
      await writer.waitFor(String(BEFORE_THE_END));
      writer.kill(signal);
      const { lines } = await writer.ended;
      const acknowledged = Number(lines.at(-1));
      const client = database.open();
      t.is(await selectValue(client, "pragma integrity_check"), "ok");
      const found = await selectColumn(client, "select id from t order by id");
      // One more may have been committed whose number was not heard any more.
      t.true(acknowledged >= BEFORE_THE_END && found.length >= acknowledged);
      t.deepEqual(
        found,
        found.map((_, i) => i + 1),
      );
      // A journal in which nothing was written yet stays until the next write.
      await client.execute("delete from t");
      client.close();
      await assertNothingBeside(t, database.file);
    });
  }
}
