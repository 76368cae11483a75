/**
 * Many that want to write at once: nobody is refused where waiting helps, nothing is lost, and nobody starves.
 * `npm run test:clients` has crowds of the size that real servers have.
 */
import test from "ava";
import { createClient } from "latchdb";
import { selectValue, temporaryDatabase } from "../support/database.mjs";
import { startProgram } from "../support/processes.mjs";
import { journalModes } from "../support/queries.mjs";

const isLarge = process.env["LATCHDB_CLIENTS"] === "all";
const [CLIENTS, PROCESSES, WRITES] = isLarge ? [200, 8, 25] : [40, 3, 8];

for (const mode of journalModes) {
  test.serial(`30 transactions of one client (${mode})`, async (t) => {
    const { open } = await temporaryDatabase(t);
    const client = open();
    await client.executeMultiple(`pragma journal_mode = ${mode}; create table t (a)`);
    let longest = 0;
    await Promise.all(
      Array.from({ length: 30 }, async (_, i) => {
        const began = performance.now();
        const transaction = await client.transaction("write");
        longest = Math.max(longest, performance.now() - began);
        await transaction.execute({ sql: "insert into t values (?)", args: [i] });
        await transaction.commit();
      }),
    );
    t.log(`longest wait ${longest.toFixed(0)} ms`);
    t.is(await selectValue(client, "select count(distinct a) from t"), 30);
  });

  test.serial(`${CLIENTS} clients on one file (${mode})`, async (t) => {
    t.timeout(600_000);
    const { url, open } = await temporaryDatabase(t);
    await open().executeMultiple(`pragma journal_mode = ${mode}; create table t (a)`);
    const clients = Array.from({ length: CLIENTS }, () => createClient({ url }));
    t.teardown(() => clients.forEach((client) => client.close()));
    let longest = 0;
    await Promise.all(
      clients.map(async (client, i) => {
        for (let write = 0; write < 3; write++) {
          const began = performance.now();
          await client.execute({ sql: "insert into t values (?)", args: [i] });
          longest = Math.max(longest, performance.now() - began);
        }
      }),
    );
    t.log(`longest wait ${longest.toFixed(0)} ms`);
    const count = "select count(*) * 1000 + count(distinct a) from t";
    t.is(await selectValue(open(), count), CLIENTS * 3 * 1000 + CLIENTS);
  });

  test.serial(`${PROCESSES} processes of 4 clients on one file (${mode})`, async (t) => {
    t.timeout(600_000);
    const { url, open } = await temporaryDatabase(t);
    const client = open();
    await client.executeMultiple(`pragma journal_mode = ${mode}; create table t (a)`);
    const programs = Array.from({ length: PROCESSES }, () =>
      startProgram(t, "crowd-writer", { arguments: [url, "4", `${WRITES}`] }),
    );
    await Promise.all(programs.map((program) => program.waitFor("ready")));
    for (const program of programs) program.say("go");
    let longest = 0;
    for (const program of programs) {
      const { code, lines, errors } = await program.ended;
      t.is(code, 0, errors);
      const said = JSON.parse(lines.at(-1) ?? "") as {
        done: number;
        codes: string[];
        longest: number;
      };
      t.deepEqual(said.codes, []);
      t.is(said.done, 4 * WRITES);
      longest = Math.max(longest, said.longest);
    }
    t.log(`longest wait ${longest.toFixed(0)} ms`);
    t.is(await selectValue(client, "select count(*) from t"), PROCESSES * 4 * WRITES);
  });
}
