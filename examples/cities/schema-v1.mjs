/** Version 1 of the database: one wide table, in the form of the source data. */

/** @import { Client } from "latchdb" */
/** @import { Place } from "./places.mjs" */

const SCHEMA = `
  -- Readers go on while one writes. What is written stands in cities.db-wal until a checkpoint.
  PRAGMA journal_mode = WAL;
  PRAGMA user_version = 1;
  CREATE TABLE place (
    id         INTEGER PRIMARY KEY,
    name       TEXT    NOT NULL,
    country    TEXT    NOT NULL,
    region     TEXT    NOT NULL,
    population INTEGER NOT NULL,
    latitude   REAL    NOT NULL,
    longitude  REAL    NOT NULL
  ) STRICT;
  CREATE INDEX place_by_name ON place (name);
`;

/** @param {Client} client */
export async function createSchema(client) {
  await client.executeMultiple(SCHEMA);
}

/**
 * Stores places in one transaction: all of them or none.
 *
 * @param {Client} client
 * @param {Place[]} places
 */
export async function insertPlaces(client, places) {
  const sql =
    "INSERT INTO place VALUES (:id, :name, :country, :region, :population, :latitude, :longitude)";
  await client.batch(
    places.map((place) => ({ sql, args: { ...place } })),
    "write",
  );
}

/**
 * Reads all places in the order of their ids, a page at a time. Each query is short, and each result
 * small.
 *
 * @param {Client} client
 * @param {number} pageSize
 */
export async function* readPages(client, pageSize) {
  const sql = "SELECT * FROM place WHERE id > ? ORDER BY id LIMIT ?";
  for (let lastId = 0; ;) {
    const { rows } = await client.execute(sql, [lastId, pageSize]);
    if (rows.length === 0) return;
    yield rows;
    lastId = rows.at(-1).id;
  }
}

/**
 * One place by its id.
 *
 * @param {Client} client
 * @param {number} id
 */
export async function findById(client, id) {
  const sql = "SELECT name, country, population FROM place WHERE id = ?";
  return (await client.execute(sql, [id])).rows[0];
}

/**
 * Places of a name.
 *
 * @param {Client} client
 * @param {string} name
 */
export async function findByName(client, name) {
  const sql = "SELECT name, country FROM place WHERE name = ? LIMIT 10";
  return (await client.execute(sql, [name])).rows;
}

/**
 * The facts that must be the same in every version: the number of places of a country, the number of
 * people, and the extent of the country.
 *
 * @param {Client} client
 */
export async function summarize(client) {
  const { rows } = await client.execute(`
    SELECT country, count(*) AS places, sum(population) AS population,
           min(latitude) AS south, max(latitude) AS north
    FROM place GROUP BY country ORDER BY country`);
  return rows;
}
