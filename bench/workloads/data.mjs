/** The tables that the workloads share, and what is in them. */

export const SELECT_BY_ID = "SELECT * FROM item WHERE id = ?";
export const SELECT_ALL = "SELECT * FROM item";
export const INSERT_ENTRY = "INSERT INTO entry (name, n, x) VALUES (?, ?, ?)";

const CREATE_ITEM =
  "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, n INTEGER, x REAL, note TEXT, at INTEGER)";
const CREATE_ENTRY = "CREATE TABLE entry (id INTEGER PRIMARY KEY, name TEXT, n INTEGER, x REAL)";

/** The column `n` of a row of `item`. @param {number} id from 1 on */
export const itemN = (id) => (id * 7) % 1_000;

/** The id that the i-th point select asks for: all over the table. */
export const idOf = (i, rows) => 1 + ((i * 7_919) % rows);

/** @param {import("./index.mjs").Place} place with the number of `rows` among its sizes */
export async function fillItems({ db, sizes }) {
  await db.exec(CREATE_ITEM);
  const rows = Array.from({ length: sizes.rows }, (_, i) => [
    i + 1,
    `name ${i + 1}`,
    itemN(i + 1),
    (i + 1) / 4,
    `the note of row ${i + 1}`,
    1_700_000_000_000 + i,
  ]);
  await db.batch("INSERT INTO item VALUES (?, ?, ?, ?, ?, ?)", rows);
}

/** @param {import("./index.mjs").Place} place */
export async function createEntries({ db }) {
  await db.exec(CREATE_ENTRY);
}

/** @param {import("./index.mjs").Place} place */
export async function emptyEntries({ db }) {
  await db.exec("DELETE FROM entry");
}

/** The arguments of INSERT_ENTRY for the i-th row, from 0 on. */
export const entryArgs = (i) => [`entry ${i}`, i, i / 3];

/** What is in `entry`. @param {import("./index.mjs").Place} place */
export async function tallyEntries({ db }) {
  const statement = await db.prepare("SELECT count(*) AS count, sum(n) AS sum FROM entry");
  const { count, sum } = db.row(await statement.get());
  return { count, sum };
}

/** A workload that fills `entry`: what is done before it, and what is looked at after it. */
export const fillsEntries = { prepare: createEntries, before: emptyEntries, after: tallyEntries };

/** What must be in `entry` after the rows from 0 on. @param {number} count */
export const entriesTally = (count) => ({ count, sum: sumOf(count, (i) => i) });

/** The sum of a function of 0, 1, … */
export function sumOf(count, term) {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += term(i);
  return sum;
}
