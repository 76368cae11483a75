import assert from "node:assert/strict";
import { join } from "node:path";
import { journalModes, type SmokeCase } from "../case.mjs";

export const transactions: SmokeCase[] = journalModes.map((mode) => ({
  name: `transactions commit and roll back, and others see it (${mode})`,
  async run({ package: { createClient }, folder }) {
    const url = `file:${join(folder, "transactions.db")}`;
    const [writer, reader] = [createClient({ url }), createClient({ url })];
    await writer.execute(`PRAGMA journal_mode = ${mode}`);
    await writer.execute("CREATE TABLE t (a)");
    const count = async () => (await reader.execute("SELECT count(*) FROM t")).rows[0]?.[0];

    const kept = await writer.transaction("write");
    await kept.execute("INSERT INTO t VALUES (1)");
    assert.equal(await count(), 0, "before the commit");
    await kept.commit();
    assert.equal(await count(), 1, "after the commit");

    const dropped = await writer.transaction("write");
    await dropped.execute("INSERT INTO t VALUES (2)");
    await dropped.rollback();
    await writer.batch(["INSERT INTO t VALUES (3)", "INSERT INTO t VALUES (4)"], "write");
    assert.equal(await count(), 3, "after a rollback and a batch");
    writer.close();
    reader.close();
  },
}));
