import test from "ava";
import { openClient, selectColumn, selectValue } from "../support/database.mjs";
import { countTo, journalModes, prepare } from "../support/queries.mjs";

// In a rollback journal a COMMIT needs the readers gone; in wal mode they do not meet.

/** Reads the table all the while it counts. */
const longRead = `${countTo(1_500_000).replace("count(*)", "count(*), (select count(*) from t)")}`;

for (const mode of journalModes) {
  test(`a commit waits for a long query of its own client (${mode})`, async (t) => {
    const client = await openClient(t);
    await prepare(client, mode);
    const order: string[] = [];
    const transaction = await client.transaction("write");
    await transaction.execute("insert into t values (1)");
    const reading = client.execute(`select count(*) from t, (${countTo(1_500_000)})`).then(() => {
      order.push("read");
    });
    const committing = transaction.commit().then(() => {
      order.push("committed");
    });
    await t.notThrowsAsync(Promise.all([reading, committing]));
    t.is(order.length, 2);
    t.deepEqual(await selectColumn(client, "select a from t"), [1]);
  });

  test(`a commit waits for a reading transaction of its own client (${mode})`, async (t) => {
    const client = await openClient(t);
    await prepare(client, mode);
    const reader = await client.transaction("read");
    t.is(await selectValue(reader, "select count(*) from t"), 0);
    const writer = await client.transaction("write");
    await writer.execute("insert into t values (1)");
    let isCommitted = false;
    const committing = writer.commit().then(() => {
      isCommitted = true;
    });
    // The reader goes on reading what it has begun to read.
    for (let i = 0; i < 5; i++) t.is(await selectValue(reader, "select count(*) from t"), 0);
    if (mode === "delete") t.false(isCommitted);
    await reader.commit();
    await committing;
    t.is(await selectValue(client, "select count(*) from t"), 1);
  });

  test(`long queries and writes of one client at once all succeed (${mode})`, async (t) => {
    const client = await openClient(t);
    await prepare(client, mode);
    const writers = Array.from({ length: 3 }, async () => {
      const transaction = await client.transaction("write");
      await transaction.execute("insert into t values (1)");
      await transaction.execute(longRead);
      await transaction.commit();
    });
    const readers = Array.from({ length: 3 }, async () => {
      const transaction = await client.transaction("read");
      await transaction.execute(longRead);
      await transaction.execute(longRead);
      await transaction.commit();
    });
    const others = Array.from({ length: 3 }, () => client.execute(longRead));
    await t.notThrowsAsync(Promise.all([...writers, ...readers, ...others]));
    t.is(await selectValue(client, "select count(*) from t"), 3);
  });
}
