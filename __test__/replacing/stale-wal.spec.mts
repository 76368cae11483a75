// What a database's last user has left beside it does not get into the new one.

import { rename } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { createClient } from "latchdb";
import { swapDatabase } from "latchdb/swap";
import { NEW, OLD, add, addOne, create, describe, rebuild } from "../support/ledger/ledger.mjs";
import { ROWS, inMemory, lookAt, makeSandbox } from "../support/ledger/sandbox.mjs";
import { startStockReader } from "../support/ledger/stock-reader.mjs";
import { journalModes } from "../support/queries.mjs";

const ROUNDS = 100;

for (const mode of journalModes) {
  test(`close, replace, open again reads the new rows, ${ROUNDS} of ${ROUNDS} (${mode})`, async (t) => {
    t.timeout(120_000);
    const found: string[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const { target } = await makeSandbox(t, mode, inMemory);
      const isWritten = round % 2 === 0;
      if (isWritten) {
        const client = createClient({ url: `file:${target}` });
        await addOne(client, ROWS + 1);
        t.is(await describe(client), `old ${ROWS + 1}`);
        client.close();
      }
      await swapDatabase(target, {
        build: async (staging, old) => void (old && (await rebuild(staging, old))),
        durability: "barrier",
      });
      const { is, journalMode } = await lookAt(target);
      t.is(journalMode, mode);
      found.push(is === `new ${isWritten ? ROWS + 1 : ROWS}` ? "new" : is);
    }
    t.deepEqual(
      found.filter((is) => is !== "new"),
      [],
    );
    t.is(found.length, ROUNDS);
  });

  test(`(the stock client and a rename do not: ${mode})`, async (t) => {
    const stock = await startStockReader(t);
    const { target, scratch } = await makeSandbox(t, mode);
    const made = join(scratch, "new.db");
    const client = createClient({ url: `file:${made}` });
    await create(client, NEW);
    await add(client, NEW, 1, ROWS);
    client.close();
    t.is(await stock(made), `new ${ROWS}`);
    await rename(made, target);
    const found = await stock(target);
    t.not(found, `new ${ROWS}`);
    t.log(`it reads: ${found}`);
  });
}

test("(and on a database that nobody had open the stock client does)", async (t) => {
  const stock = await startStockReader(t);
  const { target } = await makeSandbox(t, undefined);
  const client = createClient({ url: `file:${target}` });
  await create(client, OLD);
  await add(client, OLD, 1, ROWS);
  client.close();
  t.is(await stock(target), `old ${ROWS}`);
});
