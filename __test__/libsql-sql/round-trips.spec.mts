/**
 * A file with vector indexes that the stock client and latchdb write to in turns, each in a process of its own, at
 * random. After each turn of latchdb everything is there, and a search finds exactly the nearest rows.
 */
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { runCommand } from "../support/command.mjs";
import { temporaryDirectory } from "../support/database.mjs";
import { randomNumbers } from "../support/random.mjs";
import { startSide, type Side } from "./sides.mjs";

/** `npm run test:vectors` asks for many sequences, with a seed of their own or VECTORS_SEED. */
const { ROUND_TRIPS, VECTORS_SEED } = process.env;
const sequences = Number(ROUND_TRIPS ?? 3);
const fixedSeed = ROUND_TRIPS === undefined ? 20_261_128 : Math.floor(Math.random() * 2 ** 31);
const seed = Number(VECTORS_SEED ?? fixedSeed);
const TURNS = 8;
const DIMENSION = 4;

type Vector = number[];

/** What must be in the file. */
interface Model {
  /** By the key of a row of t: an integer, NULL as its vector is possible. */
  t: Map<string, { name: string; vector: Vector | null }>;
  /** By the key of a row of w, which is WITHOUT ROWID. */
  w: Map<string, { name: string; vector: Vector | null }>;
}

/** The indexes: what each covers, and by which distance it finds. */
const indexes = {
  ti: { table: "t", condition: "", metric: "cosine", covers: () => true },
  tl: { table: "t", condition: "", metric: "l2", covers: () => true },
  tp: { table: "t", condition: " where name > 'm'", metric: "l2", covers: isLate },
  wi: { table: "w", condition: "", metric: "cosine", covers: () => true },
} as const;
type IndexName = keyof typeof indexes;
const names = Object.keys(indexes) as IndexName[];

const tables = [
  `create table t (id integer primary key, name text, e F32_BLOB(${DIMENSION}))`,
  `create table w (id text primary key, name text, e F32_BLOB(${DIMENSION})) without rowid`,
];

const stock = startSide("stock");
const latchdb = startSide("latchdb");
test.after.always(async () => {
  await stock.end();
  await latchdb.end();
});

for (let i = 0; i < sequences; i++) {
  const own = (seed + i * 7919) % 2 ** 31;
  test.serial(`stock and latchdb in turns, seed ${own}`, async (t) => {
    t.timeout(120_000);
    await takeTurns(t, own);
  });
}

async function takeTurns(t: ExecutionContext, own: number): Promise<void> {
  const random = randomNumbers(own);
  const pick = <T,>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  const file = join(await temporaryDirectory(t), "turns.db");
  t.teardown(async () => {
    for (const side of [stock, latchdb]) await side.answers(file, []);
  });
  const model: Model = { t: new Map(), w: new Map() };
  const began = await stock.answers(file, [
    `pragma journal_mode = ${pick(["wal", "delete"])}`,
    ...tables,
    ...names.map(createIndex),
  ]);
  t.deepEqual(errorsOf(began), []);
  let failed = 0;
  for (let turn = 0; turn < TURNS; turn++) {
    const side = turn % 2 === 0 ? stock : latchdb;
    const stays = random() < 0.5;
    const ask = (statements: string[]): Promise<string[]> =>
      stays ? side.answersAndStays(file, statements) : side.answers(file, statements);
    const what = `turn ${turn} of ${side.name}, seed ${own}`;
    if (side === latchdb) {
      if (random() < 0.2) {
        const { code, stdout, stderr } = await runCommand("adopt", file);
        t.is(code, 0, `${what}: ${stdout}${stderr}`);
      }
      await check(t, `${what}, before`, side, file, model, random);
    } else if (turn > 0) {
      // It says that it cannot write to what latchdb has indexed, and writes nothing.
      const refused = await ask(["insert into t (name) values ('refused')"]);
      t.deepEqual([refused.length, errorsOf(refused).length], [1, 1], what);
      for (const name of names) {
        t.deepEqual(await ask([`drop index ${name}`, createIndex(name)]), ["[]", "[]"], what);
      }
    }
    for (let i = 0; i < 2 + random() * 12; i++) {
      const [sql, apply] = change(model, random, pick);
      const [answer = ""] = await ask([sql]);
      if (answer.startsWith("error")) {
        failed++;
        // libSQL's inserts may fail behind a DELETE of all rows.
        t.is(side, stock, `${what}: ${sql.slice(0, 200)} ${answer}`);
      } else {
        apply();
      }
    }
    if (side === latchdb) await check(t, `${what}, after`, side, file, model, random);
    else await takeOver(side, file, model);
    await side.answers(file, []);
  }
  t.log(`${model.t.size} and ${model.w.size} rows at the end, ${failed} writes of stock failed`);
}

/**
 * What stock itself reads is what must be there: its ON CONFLICT DO UPDATE of a row without a vector does nothing in a
 * table WITHOUT ROWID.
 */
async function takeOver(side: Side, file: string, model: Model): Promise<void> {
  for (const table of ["t", "w"] as const) {
    const [answer = ""] = await side.answersAndStays(file, [`select id, name, e from ${table}`]);
    const rows = JSON.parse(answer) as Array<[number | string, string, string | null]>;
    model[table].clear();
    for (const [id, name, hex] of rows) {
      const bytes = hex === null ? null : Buffer.from(hex.slice(1), "hex");
      const vector =
        bytes === null
          ? null
          : Array.from({ length: DIMENSION }, (_, i) => bytes.readFloatLE(4 * i));
      model[table].set(`${id}`, { name, vector });
    }
  }
}

/** A statement at random, and what it does to the model if it succeeds. */
function change(
  model: Model,
  random: () => number,
  pick: <T>(items: readonly T[]) => T,
): [sql: string, apply: () => void] {
  const table = pick(["t", "t", "w"] as const);
  const rows = model[table];
  const literal = (key: string): string => (table === "w" ? `'${key}'` : key);
  const newKey = (): string => `${table === "w" ? "k" : ""}${Math.floor(random() * 100)}`;
  const known = rows.size > 0 ? pick([...rows.keys()]) : newKey();
  const newName = (): string => pick(["a", "early", "late", "z"]);
  const newVector = (): Vector | null =>
    random() < 0.1 ? null : Array.from({ length: DIMENSION }, () => number(random));
  const name = newName();
  const vector = newVector();
  const kind = random();
  if (kind < 0.5) {
    const count = random() < 0.7 ? 1 : Math.floor(random() * 30);
    const added = new Map([[newKey(), { name, vector }]]);
    for (let i = 1; i < count; i++) added.set(newKey(), { name: newName(), vector: newVector() });
    const values = [...added].map(
      ([key, row]) => `(${literal(key)}, '${row.name}', ${valueOf(row.vector)})`,
    );
    const sql = `insert into ${table} values ${values.join(", ")}
      on conflict (id) do update set name = excluded.name, e = excluded.e`;
    return [sql, () => added.forEach((row, key) => rows.set(key, row))];
  }
  if (kind < 0.65) {
    const sql = `update ${table} set e = ${valueOf(vector)}, name = '${name}' where id = ${literal(known)}`;
    return [sql, () => rows.has(known) && rows.set(known, { name, vector })];
  }
  if (kind < 0.75) {
    const sql = `update ${table} set name = '${name}' where id = ${literal(known)}`;
    const old = rows.get(known);
    return [sql, () => old !== undefined && rows.set(known, { ...old, name })];
  }
  if (kind < 0.9) {
    return [`delete from ${table} where id = ${literal(known)}`, () => rows.delete(known)];
  }
  if (kind < 0.92) return [`delete from ${table}`, () => rows.clear()];
  const same = (): void => undefined;
  if (kind < 0.95) return ["vacuum", same];
  if (kind < 0.97) return ["reindex", same];
  return [`create index if not exists ${table}_name on ${table} (name)`, same];
}

/** A number that is the same as a 32-bit float. */
function number(random: () => number): number {
  return (Math.floor(random() * 2001) - 1000) / 256 + 1 / 512;
}

/** Compares everything in the file with the model. */
async function check(
  t: ExecutionContext,
  what: string,
  side: Side,
  file: string,
  model: Model,
  random: () => number,
): Promise<void> {
  for (const table of ["t", "w"] as const) {
    const [rows = "", count] = await side.answersAndStays(file, [
      `select id, name, e from ${table}`,
      `select count(*) from ${table}`,
    ]);
    const found = (JSON.parse(rows) as unknown[][]).map(([id, ...rest]) => [`${id}`, ...rest]);
    const expected = [...model[table]].map(([id, { name, vector }]) => [id, name, blob(vector)]);
    t.deepEqual(found.sort(byKey), expected.sort(byKey), what);
    t.is(count, `[[${model[table].size}]]`, what);
  }
  for (const [index, { table, metric, covers }] of Object.entries(indexes)) {
    const query = Array.from({ length: DIMENSION }, () => number(random));
    const k = 1 + Math.floor(random() * 120);
    const [answer = ""] = await side.answersAndStays(file, [
      `select id from vector_top_k('${index}', '${JSON.stringify(query)}', ${k})`,
    ]);
    const ids = (JSON.parse(answer) as Array<[number | string]>).map(([id]) => `${id}`);
    const distances = new Map<string, number>();
    for (const [id, { name, vector }] of model[table]) {
      if (vector !== null && covers(name)) distances.set(id, distance[metric](vector, query));
    }
    const nearest = [...distances.values()].sort((a, b) => a - b).slice(0, k);
    t.is(new Set(ids).size, ids.length, `${what}: ${index}`);
    // Rows at the same distance may come in any order.
    const rounded = (all: Array<number | undefined>): string[] =>
      all.map((one) => one?.toFixed(4) ?? "not there");
    t.deepEqual(
      rounded(ids.map((id) => distances.get(id))),
      rounded(nearest),
      `${what}: the ${k} nearest by ${index}`,
    );
  }
  t.deepEqual(
    await side.answersAndStays(file, [
      "pragma integrity_check",
      "select count(*) from sqlite_schema where name like '%shadow%'",
    ]),
    ['[["ok"]]', "[[0]]"],
    what,
  );
}

const distance = {
  cosine: (a: Vector, b: Vector): number =>
    1 - product(a, b) / Math.sqrt(product(a, a) * product(b, b)),
  l2: (a: Vector, b: Vector): number => Math.hypot(...a.map((x, i) => x - (b[i] ?? 0))),
};

function product(a: Vector, b: Vector): number {
  return a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0);
}

function valueOf(vector: Vector | null): string {
  return vector === null ? "null" : `vector32('${JSON.stringify(vector)}')`;
}

/** As `answer()` writes it. */
function blob(vector: Vector | null): string | null {
  if (vector === null) return null;
  return `x${Buffer.from(new Float32Array(vector).buffer).toString("hex")}`;
}

function byKey([a]: unknown[], [b]: unknown[]): number {
  return `${a}`.localeCompare(`${b}`);
}

function createIndex(name: IndexName): string {
  const { table, condition, metric } = indexes[name];
  return `create index ${name} on ${table} (libsql_vector_idx(e, 'metric=${metric}'))${condition}`;
}

function isLate(name: string): boolean {
  return name > "m";
}

function errorsOf(answers: readonly string[]): string[] {
  return answers.filter((answer) => answer.startsWith("error"));
}
