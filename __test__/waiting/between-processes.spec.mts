import test from "ava";
import { LibsqlError } from "latchdb";
import type { LocalClient } from "latchdb";
import { selectValue, temporaryDatabase } from "../support/database.mjs";
import { elapsed } from "../support/elapsed.mjs";
import { lockElsewhere } from "../support/processes.mjs";
import { journalModes, prepare } from "../support/queries.mjs";

// Serial: these tests measure time.

const busy = { instanceOf: LibsqlError, code: "SQLITE_BUSY" };

const writes: Array<[string, (client: LocalClient) => Promise<unknown>]> = [
  ["execute", (client) => client.execute("insert into t values (1)")],
  ["batch", (client) => client.batch(["insert into t values (1)"])],
  ["executeMultiple", (client) => client.executeMultiple("insert into t values (1)")],
  ["migrate", (client) => client.migrate(["insert into t values (1)"])],
  [
    "transaction",
    async (client) => {
      const transaction = await client.transaction("write");
      await transaction.execute("insert into t values (1)");
      await transaction.commit();
    },
  ],
];

for (const mode of journalModes) {
  for (const [name, write] of writes) {
    test.serial(
      `${name} waits for another process as long as timeout says (${mode})`,
      async (t) => {
        const database = await temporaryDatabase(t);
        const impatient = database.open();
        const patient = database.open({ timeout: 500 });
        const endlesslyPatient = database.open({ timeout: 60_000 });
        await prepare(impatient, mode);
        // What it takes to open a file for the first time does not count.
        for (const client of [impatient, patient]) await client.execute("select * from t");
        const lock = await lockElsewhere(t, database.file, "write");

        const withNone = await elapsed(() => t.throwsAsync(write(impatient), busy));
        t.true(withNone < 250, `no timeout: ${withNone} ms`);
        const with500 = await elapsed(() => t.throwsAsync(write(patient), busy));
        t.true(with500 >= 450 && with500 < 2000, `timeout 500: ${with500} ms`);

        const waiting = write(endlesslyPatient);
        await lock.release();
        await waiting;
        t.is(await selectValue(impatient, "select count(*) from t"), 1);
      },
    );
  }

  test.serial(`the writers of two processes all come to write (${mode})`, async (t) => {
    const database = await temporaryDatabase(t);
    const client = database.open({ timeout: 60_000 });
    await prepare(client, mode);
    const locks = [await lockElsewhere(t, database.file, "write")];
    const writing = Promise.all(
      Array.from({ length: 20 }, () => client.batch(["insert into t values (1)"])),
    );
    await locks[0]?.release();
    await t.notThrowsAsync(writing);
    t.is(await selectValue(client, "select count(*) from t"), 20);
  });
}

test.serial(
  "a read waits for another process' exclusive lock as long as timeout says",
  async (t) => {
    const database = await temporaryDatabase(t);
    const maker = database.open();
    await prepare(maker, "delete");
    maker.close();
    const lock = await lockElsewhere(t, database.file, "exclusive");
    const patient = database.open({ timeout: 500 });
    const ms = await elapsed(() => t.throwsAsync(patient.execute("select * from t"), busy));
    t.true(ms >= 450 && ms < 2000, `${ms} ms`);
    const reading = database.open({ timeout: 60_000 }).execute("select * from t");
    await lock.release();
    t.is((await reading).rows.length, 0);
  },
);
