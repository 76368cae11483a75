/** A query that computes, and reads next to nothing. */

/** The rows of `side`, which are joined with themselves. */
const SIDE = 1_000;
const HEAVY =
  "SELECT count(*) AS count, sum((a.id * b.id) % 7) AS sum FROM side a, side b, side c WHERE c.id <= ?";
/** The same in the smoke form. */
const TINY_SIDE = 50;

/** @param {import("./index.mjs").Place} place with `side` among its sizes */
export async function fillSide({ db, sizes }) {
  await db.exec("CREATE TABLE side (id INTEGER PRIMARY KEY)");
  const rows = Array.from({ length: sizes.side }, (_, i) => [i + 1]);
  await db.batch("INSERT INTO side VALUES (?)", rows);
}

/** @param {import("../peers/index.mjs").Database} db */
export const prepareHeavy = (db) => db.prepare(HEAVY, { overlaps: true });

/** What it answers. @param {import("./index.mjs").Sizes} sizes */
export function heavyAnswer({ side, times }) {
  let sum = 0;
  for (let a = 1; a <= side; a++) for (let b = 1; b <= side; b++) sum += (a * b) % 7;
  return { count: side * side * times, sum: sum * times };
}

export const FULL = { side: SIDE };
export const TINY = { side: TINY_SIDE, times: 2 };
