/** Calls that no other call may run beside: they change what all calls of the client see. */
import { effectsOf, someWrite, type Play, type Write } from "./calls.mjs";

/** BEGIN by `execute`, statements in it that are aborted, too, and COMMIT or ROLLBACK. */
const begin: Play = async (life) => {
  const { ledger } = life.world;
  const writes = [someWrite(life), ...Array.from({ length: life.below(3) }, () => inserted(life))];
  const entry = ledger.enter("execute of BEGIN", [...effectsOf(writes).keys()]);
  const sql = life.oneOf(["begin", "BEGIN IMMEDIATE", "begin exclusive", "begin; -- tail"]);
  const begun = await life.call(
    "BEGIN",
    entry,
    (signal) => life.client.execute({ sql, signal }),
    0.3,
  );
  if (!life.settle(entry, begun, new Map())) return;
  const done: Write[] = [];
  let wasAborted = false;
  for (const write of writes) {
    const { statement } = write;
    const outcome = await life.call(
      "execute in BEGIN",
      entry,
      (signal) => life.client.execute({ ...statement, signal }),
      0.2,
    );
    if (outcome.is === "resolved") {
      life.expectResult(entry, outcome.value, write.rowsAffected);
      done.push(write);
      continue;
    }
    // SQLite has rolled all of it back, where it ran already.
    wasAborted = true;
    if (outcome.is === "failed") life.settle(entry, outcome, new Map());
    break;
  }
  const isLost = wasAborted ? ["SQLITE_ERROR"] : [];
  if (life.chance(0.2)) {
    const end = await life.call("ROLLBACK", entry, () => life.client.execute("rollback"), 0);
    life.settle(entry, end, new Map(), isLost);
    return;
  }
  const end = await life.call("COMMIT", entry, (signal) =>
    life.client.execute({ sql: "commit", signal }),
  );
  life.settle(entry, end, effectsOf(done), isLost);
  // Where it was taken back before it began, the transaction is still open.
  if (end.is === "aborted") await life.client.execute("rollback").catch(() => undefined);
};

function inserted(life: Parameters<Play>[0]): Write {
  for (;;) {
    const write = someWrite(life, 10);
    if (write.statement.sql.startsWith("insert")) return write;
  }
}

/** query_only: no write may run beside it. */
const queryOnly: Play = async (life) => {
  const entry = life.world.ledger.enter("pragma query_only", []);
  for (const value of [1, 0]) {
    const outcome = await life.call("pragma", entry, (signal) =>
      life.client.execute({ sql: `pragma query_only = ${value}`, signal }),
    );
    if (life.settle(entry, outcome, new Map()) && life.settings) life.settings.query_only = value;
    if (life.isEnding) return;
    await life.verifySettings();
  }
  await life.client.execute("pragma query_only = 0");
  if (life.settings) life.settings.query_only = 0;
};

export const playsAlone: readonly Play[] = [begin, begin, queryOnly];
