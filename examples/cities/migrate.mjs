/** Writes version 2 of the database from version 1. Version 1 stays in use. */
import * as v1 from "./schema-v1.mjs";
import * as v2 from "./schema-v2.mjs";

/** @import { Client } from "latchdb" */

const PAGE_SIZE = 2_000;
const INSERT_CITY = `
  INSERT INTO city (id, region_id, name, population, latitude, longitude)
  VALUES (?, ?, ?, ?, ?, ?)`;

/**
 * @param {Client} from a database of version 1
 * @param {Client} to an empty database
 * @param {(rows: number) => void} onProgress
 */
export async function migrate(from, to, onProgress) {
  await v2.createSchema(to);
  const regionIds = await copyRegions(from, to);
  let copied = 0;
  for await (const rows of v1.readPages(from, PAGE_SIZE)) {
    // A page is a transaction: the batch writes all of it or nothing.
    await to.batch(
      rows.map((row) => [
        INSERT_CITY,
        [
          row.id,
          regionIds.get(`${row.country}.${row.region}`),
          row.name,
          row.population,
          row.latitude,
          row.longitude,
        ],
      ]),
      "write",
    );
    copied += rows.length;
    onProgress(copied);
  }
  await to.execute("INSERT INTO city_name (city_name) VALUES ('rebuild')");
}

/** Fills the two small tables. Returns the new ids of the regions by their old codes. */
async function copyRegions(from, to) {
  const { rows } = await from.execute("SELECT DISTINCT country, region FROM place ORDER BY 1, 2");
  const nameOf = new Intl.DisplayNames("en", { type: "region" });

  // An interactive transaction. Leaving this block without a commit rolls it back.
  const transaction = await to.transaction("write");
  try {
    const regionIds = new Map();
    let country = { code: "", id: 0n };
    for (const row of rows) {
      if (row.country !== country.code) {
        const { lastInsertRowid } = await transaction.execute({
          sql: "INSERT INTO country (code, name) VALUES (?, ?)",
          args: [row.country, nameOf.of(row.country)],
        });
        country = { code: row.country, id: lastInsertRowid };
      }
      const { lastInsertRowid } = await transaction.execute({
        sql: "INSERT INTO region (country_id, code) VALUES (?, ?)",
        args: [country.id, row.region],
      });
      regionIds.set(`${row.country}.${row.region}`, lastInsertRowid);
    }
    await transaction.commit();
    return regionIds;
  } finally {
    transaction.close();
  }
}
