/** The calls that can be made at the same time as others: each has rows, or a setting, of its own. */
import type { InStatement } from "latchdb";
import type { Effects } from "./ledger.mjs";
import type { Life } from "./life.mjs";

export type Play = (life: Life) => Promise<void>;

const UNSAFE = "9007199254740993";
/** A statement that writes, and what it does. */
export interface Write {
  statement: { sql: string; args: number[] };
  effects: Effects;
  rowsAffected: number;
}

const INSERT = "insert into t values (?, ?, zeroblob(?))";
/**
 * Some 900 steps of SQLite's virtual machine and no jump, in which it would ask for aborts: it asks every
 * 1,000 steps, and then once more after the commit of nearly every run.
 */
const INSERT_STEPS = `insert into t values (?1, ?2${" + 0 * random()".repeat(300)}, zeroblob(?3))`;
const INSERT_MANY =
  "with recursive n(i) as (select ?1 union all select i + 1 from n where i < ?2) " +
  "insert into t select i, ?3, null from n";

/** Mostly little; sometimes so much that its commit takes milliseconds. */
function someSize(life: Life): number {
  return life.chance(0.06) ? life.below(4_000_000) : life.below(200);
}

function insertOne(life: Life, size = someSize(life)): Write {
  const [id = 0] = life.freshIds(1);
  const value = life.below(1000);
  return {
    statement: { sql: life.chance(0.5) ? INSERT_STEPS : INSERT, args: [id, value, size] },
    effects: new Map([[id, value]]),
    rowsAffected: 1,
  };
}

/** Statements of many lengths: SQLite asks for aborts at numbers of steps. */
function insertMany(life: Life): Write {
  const ids = life.freshIds(2 + life.below(life.chance(0.2) ? 300 : 12));
  const value = life.below(1000);
  return {
    statement: { sql: INSERT_MANY, args: [ids[0] ?? 0, ids.at(-1) ?? 0, value] },
    effects: new Map(ids.map((id) => [id, value])),
    rowsAffected: ids.length,
  };
}

function updateOrDelete(life: Life, ids: readonly number[]): Write {
  const [first = 0, last = 0] = [ids[0], ids.at(-1)];
  const value = 1000 + life.below(1000);
  const deletes = life.chance(0.5);
  return {
    statement: deletes
      ? { sql: "delete from t where id between ? and ?", args: [first, last] }
      : { sql: "update t set v = ? where id between ? and ?", args: [value, first, last] },
    effects: new Map(ids.map((id) => [id, deletes ? undefined : value])),
    rowsAffected: ids.length,
  };
}

/** Ids in a row that are settled, with none between them: what a statement with a range touches. */
function settledRange(life: Life): number[] {
  const ids = life.settledIds(1 + life.below(4));
  const gap = ids.findIndex((id, index) => index > 0 && id !== (ids[index - 1] ?? 0) + 1);
  return gap < 0 ? ids : ids.slice(0, gap);
}

/** Any statement that writes, on rows that no other call has. */
export function someWrite(life: Life, size?: number): Write {
  const kind = life.below(4);
  const ids = kind === 0 ? settledRange(life) : [];
  if (ids.length > 0) return updateOrDelete(life, ids);
  return kind === 1 ? insertMany(life) : insertOne(life, size);
}

/** What a lie about it is counted under. */
function nameOf(sql: string): string {
  const name = sql.split(" ", 1)[0] ?? "";
  return sql === INSERT_STEPS
    ? `${name} of many steps`
    : sql === INSERT_MANY
      ? `${name} of many rows`
      : name;
}

export function effectsOf(writes: readonly Write[]): Effects {
  return new Map(writes.flatMap(({ effects }) => [...effects]));
}

async function execute(life: Life): Promise<void> {
  const write = someWrite(life);
  const entry = life.world.ledger.enter(nameOf(write.statement.sql), [...write.effects.keys()]);
  // A text of its own now and then: it is prepared anew.
  const sql = life.chance(0.1) ? `${write.statement.sql} -- ${life.below(1000)}` : undefined;
  const outcome = await life.call(`execute ${write.statement.sql.slice(0, 6)}`, entry, (signal) =>
    life.client.execute({ ...write.statement, ...(sql === undefined ? {} : { sql }), signal }),
  );
  if (!life.settle(entry, outcome, write.effects)) return;
  life.expectResult(entry, outcome.value, write.rowsAffected);
}

async function returning(life: Life): Promise<void> {
  const { statement, effects, rowsAffected } = someWrite(life);
  const entry = life.world.ledger.enter(`${nameOf(statement.sql)} returning`, [...effects.keys()]);
  const outcome = await life.call("execute returning", entry, (signal) =>
    life.client.execute({ ...statement, sql: `${statement.sql} returning id, v`, signal }),
  );
  if (!life.settle(entry, outcome, effects)) return;
  const { rows } = outcome.value;
  life.expectResult(entry, outcome.value, rowsAffected);
  life.expect(entry, "number of returned rows", rows.length, rowsAffected);
  for (const row of rows) {
    const id = Number(row[0]);
    life.expect(entry, "returned row", effects.has(id), true);
    const value = effects.get(id);
    if (value !== undefined) life.expect(entry, "returned value", row[1], value);
  }
}

/** Its last row has an integer that no JavaScript number holds: it rejects, in any case. */
async function returningUnsafe(life: Life): Promise<void> {
  const { statement, effects } = someWrite(life);
  const last = Math.max(...effects.keys());
  const sql = `${statement.sql} returning iif(id = ${last}, ${UNSAFE}, id)`;
  const entry = life.world.ledger.enter("an unsafe RETURNING", [...effects.keys()]);
  const outcome = await life.call("execute unsafe", entry, (signal) =>
    life.client.execute({ ...statement, sql, signal }),
  );
  if (outcome.is === "resolved") life.expect(entry, "outcome", "resolved", "a RangeError");
  else if (!(outcome.is === "failed" && outcome.error instanceof RangeError)) {
    life.settle(entry, outcome, new Map());
  }
}

async function select(life: Life): Promise<void> {
  const ids = life.settledIds(3);
  const values = ids.map((id) => life.world.ledger.valueOf(id));
  // No other call changes them meanwhile.
  const entry = life.world.ledger.enter("select", ids);
  const sql = `select id, v from t where id in (${ids.join()}) order by id`;
  const outcome = await life.call("select", entry, (signal) =>
    life.client.execute({ sql, signal }),
  );
  if (!life.settle(entry, outcome, new Map())) return;
  const found = outcome.value.rows.map((row) => `${Number(row[0])}=${Number(row[1])}`);
  const expected = ids.map((id, index) => `${id}=${values[index]}`);
  life.expect(entry, "value that was read", found.join(), expected.join());
}

/** Statements of one transaction, one of which may fail. */
function batchOf(life: Life): { statements: InStatement[]; writes: Write[]; fails: boolean } {
  const writes = Array.from({ length: 1 + life.below(5) }, (_, index) =>
    // A range of settled rows for one of them only: the others would have the same.
    index === 0 ? someWrite(life) : life.chance(0.3) ? insertMany(life) : insertOne(life, 10),
  );
  const statements: InStatement[] = writes.map(({ statement }) => statement);
  const fails = life.chance(0.15);
  const [failing] = life.freshIds(1);
  const bad = life.oneOf([
    "insert into t select id, v, b from t limit 1",
    `insert into t values (${failing}, 1, null) returning ${UNSAFE}`,
    "garbage",
  ]);
  if (fails) statements.splice(life.below(statements.length + 1), 0, bad);
  // Something to violate the primary key with.
  return { statements, writes, fails };
}

async function batch(life: Life): Promise<void> {
  const { statements, writes, fails } = batchOf(life);
  const effects = effectsOf(writes);
  const mode = life.oneOf(["write", "deferred"] as const);
  const entry = life.world.ledger.enter(`a batch of mode ${mode}`, [...effects.keys()]);
  const outcome = await life.call("batch", entry, (signal) =>
    life.client.batch(statements, mode, { signal }),
  );
  settleBatch(life, entry, outcome, writes, fails);
}

async function readBatch(life: Life): Promise<void> {
  const entry = life.world.ledger.enter("a batch of mode read", []);
  const outcome = await life.call("batch read", entry, (signal) =>
    life.client.batch(["select count(*) from t", "select 7"], "read", { signal }),
  );
  if (!life.settle(entry, outcome, new Map())) return;
  life.expect(entry, "value of a read batch", outcome.value[1]?.rows[0]?.[0], 7);
}

async function migrate(life: Life): Promise<void> {
  const { statements, writes, fails } = batchOf(life);
  const entry = life.world.ledger.enter("migrate", [...effectsOf(writes).keys()]);
  const outcome = await life.call("migrate", entry, (signal) =>
    life.client.migrate(statements, { signal }),
  );
  settleBatch(life, entry, outcome, writes, fails);
}

function settleBatch(
  life: Life,
  entry: Parameters<Life["settle"]>[0],
  outcome: Awaited<ReturnType<typeof life.call<Awaited<ReturnType<Life["client"]["batch"]>>>>>,
  writes: readonly Write[],
  fails: boolean,
): void {
  if (fails) {
    // On an empty table the INSERT that was to fail does nothing.
    if (outcome.is === "failed") return;
    if (outcome.is !== "resolved") return void life.settle(entry, outcome, new Map());
  }
  if (!life.settle(entry, outcome, effectsOf(writes))) return;
  const affected = outcome.value.map((result) => result.rowsAffected);
  const expected = writes.map((write) => write.rowsAffected);
  if (!fails) life.expect(entry, "rowsAffected of a batch", affected.join(), expected.join());
}

/** A text of several statements, some of them in a transaction; one may fail. */
async function script(life: Life): Promise<void> {
  const parts: string[] = [];
  const atoms: Effects[] = [];
  const inserts = (count: number): [string, Effects] => {
    const ids = life.freshIds(count);
    const value = life.below(1000);
    const sql = ids.map((id) => `insert into t values (${id}, ${value}, null)`).join("; ");
    return [sql, new Map(ids.map((id) => [id, value]))];
  };
  let failsAt: number | undefined;
  const count = 1 + life.below(5);
  for (let index = 0; index < count; index++) {
    const [sql, effects] = inserts(life.chance(0.3) ? 3 : 1);
    if (effects.size > 1 && life.chance(0.2)) {
      parts.push(`begin; ${sql}; rollback`);
      atoms.push(new Map());
    } else if (effects.size > 1) {
      parts.push(`begin; ${sql}; commit`);
      atoms.push(effects);
    } else {
      parts.push(sql);
      atoms.push(effects);
    }
    if (failsAt === undefined && life.chance(0.05)) {
      failsAt = atoms.length;
      parts.push("garbage");
    }
  }
  if (failsAt === undefined && life.chance(0.1)) {
    const [sql] = inserts(2);
    parts.push(`begin; ${sql}`);
  }
  const effects = new Map(atoms.flatMap((each) => [...each]));
  const entry = life.world.ledger.enter("executeMultiple", [...effects.keys()]);
  entry.story.push(parts.join("; "));
  const outcome = await life.call("executeMultiple", entry, (signal) =>
    life.client.executeMultiple(parts.join("; "), { signal }),
  );
  if (outcome.is === "resolved") return void life.settle(entry, outcome, effects);
  const first = atoms.slice(0, failsAt);
  if (failsAt !== undefined && outcome.is === "failed") {
    const carriedOut = new Map(first.flatMap((each) => [...each]));
    life.world.ledger.wrote(carriedOut);
    life.expect(entry, "committed", outcome.isCommitted, carriedOut.size > 0);
    return;
  }
  entry.prefixOf = first;
  // Nothing is added to the reason of a signal.
  if (outcome.is !== "aborted") entry.saysCommitted = outcome.isCommitted;
  life.settle(entry, { ...outcome, isCommitted: false }, effects);
}

/** A transaction of several statements, which are aborted, too. */
async function transaction(life: Life): Promise<void> {
  const { ledger } = life.world;
  const mode = life.oneOf(["write", "write", "deferred"] as const);
  const writes = Array.from({ length: 1 + life.below(4) }, (_, index) =>
    index === 0 ? someWrite(life) : insertOne(life),
  );
  const entry = ledger.enter(`transaction("${mode}")`, [...effectsOf(writes).keys()]);
  const begun = await life.call(
    "transaction",
    entry,
    (signal) => life.client.transaction(mode, { signal }),
    0.3,
  );
  if (!life.settle(entry, begun, new Map(), ["SQLITE_BUSY"])) return;
  const open = begun.value;
  const done: Write[] = [];
  for (const write of writes) {
    const isUnsafe = life.chance(0.1);
    const sql = write.statement.sql + (isUnsafe ? ` returning ${UNSAFE}` : "");
    const outcome = await life.call(
      "transaction execute",
      entry,
      (signal) => open.execute({ ...write.statement, sql, signal }),
      0.25,
    );
    if (outcome.is === "resolved") {
      if (isUnsafe) life.expect(entry, "outcome", "resolved", "a RangeError");
      life.expectResult(entry, outcome.value, write.rowsAffected);
      done.push(write);
    } else if (outcome.is === "failed" && !isUnsafe && outcome.code !== "SQLITE_BUSY") {
      ledger.lie(`failed with ${outcome.code}`, `${entry.what}: ${entry.story.join(", ")}`);
    }
    if (open.closed) break;
  }
  const end = life.below(5);
  if (end === 0) {
    open.close();
  } else if (end === 1) {
    const rolledBack = await life.call("transaction rollback", entry, () => open.rollback(), 0);
    if (rolledBack.is === "failed")
      ledger.lie(`ROLLBACK failed with ${rolledBack.code}`, entry.what);
  } else {
    const committing = life.call("transaction commit", entry, () => open.commit(), 0);
    // What has committed resolves, also where its owner has closed it meanwhile.
    if (end === 2) open.close();
    life.settle(entry, await committing, effectsOf(done), ["SQLITE_BUSY"]);
  }
  open.close();
}

/** The settings, of which a call that rejects changes none. */
const settings = [
  ["foreign_keys", [0, 1]],
  ["cache_size", [-1000, -2000, -4000]],
  ["synchronous", [0, 1, 2]],
  ["recursive_triggers", [0, 1]],
  ["cell_size_check", [0, 1]],
  ["journal_size_limit", [-1, 100_000, 1_000_000]],
  ["wal_autocheckpoint", [100, 1000]],
] as const;

/** A PRAGMA. Of two at the same time the later one counts: no two are of the same name. */
function setting([name, values]: (typeof settings)[number]): Play {
  return async (life) => {
    if (life.settingsUnderWay.has(name)) return;
    life.settingsUnderWay.add(name);
    const value = life.oneOf<number>(values);
    const entry = life.world.ledger.enter(`pragma ${name} = ${value}`, []);
    const sql = `pragma ${name} = ${value}`;
    const outcome = await life.call("pragma", entry, async (signal) => {
      if (life.chance(0.7)) return void (await life.client.execute({ sql, signal }));
      return life.client.executeMultiple(sql, { signal });
    });
    if (life.settle(entry, outcome, new Map()) && life.settings) life.settings[name] = value;
    else entry.story.push(`${name} stays ${life.settings?.[name]}`);
    life.settingsUnderWay.delete(name);
  };
}

const someSetting: Play = (life) => life.oneOf(settings.map(setting))(life);

/** What is played at random: the more often it is here, the more often. */
export const plays: readonly Play[] = [
  execute,
  execute,
  execute,
  execute,
  returning,
  returning,
  returningUnsafe,
  select,
  batch,
  batch,
  readBatch,
  migrate,
  script,
  transaction,
  transaction,
  someSetting,
  someSetting,
  someSetting,
];
