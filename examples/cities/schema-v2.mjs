/** Version 2 of the database: tables for countries and regions, and a full-text index of the names. */

/** @import { Client } from "latchdb" */

const SCHEMA = `
  PRAGMA journal_mode = WAL;
  PRAGMA user_version = 2;
  PRAGMA foreign_keys = ON;
  CREATE TABLE country (
    id   INTEGER PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL
  ) STRICT;
  CREATE TABLE region (
    id         INTEGER PRIMARY KEY,
    country_id INTEGER NOT NULL REFERENCES country (id),
    code       TEXT    NOT NULL,
    UNIQUE (country_id, code)
  ) STRICT;
  CREATE TABLE city (
    id         INTEGER PRIMARY KEY,
    region_id  INTEGER NOT NULL REFERENCES region (id),
    name       TEXT    NOT NULL,
    population INTEGER NOT NULL,
    latitude   REAL    NOT NULL,
    longitude  REAL    NOT NULL
  ) STRICT;
  CREATE INDEX city_by_region ON city (region_id, population);
  -- Finds "São Paulo" for sao paulo. Holds the index only: the names themselves stay in city.
  CREATE VIRTUAL TABLE city_name USING fts5 (
    name, content = 'city', content_rowid = 'id', tokenize = "unicode61 remove_diacritics 2"
  );
`;

/** @param {Client} client */
export async function createSchema(client) {
  await client.executeMultiple(SCHEMA);
}

/**
 * One city by its id.
 *
 * @param {Client} client
 * @param {number} id
 */
export async function findById(client, id) {
  const sql = `
    SELECT city.name, country.code AS country, city.population
    FROM city
    JOIN region ON region.id = city.region_id
    JOIN country ON country.id = region.country_id
    WHERE city.id = ?`;
  return (await client.execute(sql, [id])).rows[0];
}

/**
 * Cities with these words in their name, the closest first.
 *
 * @param {Client} client
 * @param {string} name
 */
export async function findByName(client, name) {
  const sql = `
    SELECT city.name, country.code AS country
    FROM city_name
    JOIN city ON city.id = city_name.rowid
    JOIN region ON region.id = city.region_id
    JOIN country ON country.id = region.country_id
    WHERE city_name MATCH ? ORDER BY city_name.rank LIMIT 10`;
  const phrase = `"${name.replaceAll('"', '""')}"`;
  return (await client.execute(sql, [phrase])).rows;
}

/**
 * The facts that must be the same in every version.
 *
 * @param {Client} client
 */
export async function summarize(client) {
  const { rows } = await client.execute(`
    SELECT country.code AS country, count(*) AS places, sum(population) AS population,
           min(latitude) AS south, max(latitude) AS north
    FROM city
    JOIN region ON region.id = city.region_id
    JOIN country ON country.id = region.country_id
    GROUP BY country.id ORDER BY country.code`);
  return rows;
}
