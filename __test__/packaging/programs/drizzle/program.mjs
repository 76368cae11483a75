// A program with Drizzle, as somebody who has never heard of latchdb writes it.
import { createClient } from "@libsql/client";
import { asc, count, eq, gt, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/libsql";
import { migrate } from "drizzle-orm/libsql/migrator";
import { fileURLToPath } from "node:url";
import * as schema from "./schema.mjs";

const { cities, countries } = schema;
const [url] = process.argv.slice(2);

const client = createClient({ url });
const db = drizzle({ client, schema });

function print(what, value) {
  const text = JSON.stringify(value, (_key, item) =>
    typeof item === "bigint" ? `${item}n` : Buffer.isBuffer(item) ? item.toString("hex") : item,
  );
  console.log(`${what}: ${text}`);
}

async function failure(action) {
  try {
    await action();
    return "none";
  } catch (error) {
    const { name, code, extendedCode, rawCode, message } = error.cause ?? error;
    return { name, code, extendedCode, rawCode, message };
  }
}

const migrationsFolder = fileURLToPath(new URL("./migrations", import.meta.url));
await migrate(db, { migrationsFolder });
await migrate(db, { migrationsFolder });
print(
  "tables",
  await db.all(sql`SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name`),
);
print("migrations", await db.get(sql`SELECT count(*) AS n FROM __drizzle_migrations`));

print(
  "insert",
  await db.insert(countries).values([
    { code: "CH", name: "Switzerland" },
    { code: "NO", name: "Norway" },
  ]),
);
print(
  "returning",
  await db
    .insert(cities)
    .values([
      {
        name: "Zürich",
        countryCode: "CH",
        population: 436_332,
        elevation: 408.5,
        tags: ["lake", "banks"],
        flag: Buffer.from([0, 1, 255]),
      },
      {
        name: "Bern",
        countryCode: "CH",
        population: 134_506,
        isCapital: true,
        foundedAt: new Date(Date.UTC(1191, 0, 1)),
      },
      { name: "Oslo", countryCode: "NO", population: 709_037, isCapital: true },
    ])
    .returning(),
);

const inCountries = {
  // JSON, of which Drizzle makes relations, has no blobs.
  with: { cities: { columns: { flag: false }, orderBy: [asc(cities.name)] } },
  orderBy: [asc(countries.code)],
};
print("relations, many", await db.query.countries.findMany(inCountries));
print(
  "relations, one",
  await db.query.cities.findFirst({
    where: gt(cities.population, 400_000),
    columns: { name: true },
    with: { country: { columns: { name: true } } },
    orderBy: [asc(cities.id)],
  }),
);
print(
  "join",
  await db
    .select({ country: countries.name, cities: count(cities.id) })
    .from(countries)
    .leftJoin(cities, eq(cities.countryCode, countries.code))
    .groupBy(countries.code)
    .orderBy(asc(countries.code)),
);
const byName = db
  .select()
  .from(cities)
  .where(eq(cities.name, sql.placeholder("name")))
  .prepare();
print("prepared", await byName.all({ name: "Bern" }));
print("values", await db.values(sql`SELECT 1 AS one, 'two', 3.5 AS three, NULL`));

print(
  "transaction",
  await db.transaction(async (tx) => {
    await tx.update(cities).set({ population: 709_038 }).where(eq(cities.name, "Oslo"));
    return tx.select({ population: cities.population }).from(cities).where(eq(cities.name, "Oslo"));
  }),
);
print(
  "rolled back",
  await failure(() =>
    db.transaction(async (tx) => {
      await tx.delete(cities);
      tx.rollback();
    }),
  ),
);
print("nothing was lost", await db.select({ n: count() }).from(cities));

const results = await db.batch([
  db.insert(countries).values({ code: "FR", name: "France" }),
  db.update(countries).set({ name: "Norge" }).where(eq(countries.code, "NO")),
  db.select().from(countries).orderBy(asc(countries.code)),
  db.delete(countries).where(eq(countries.code, "FR")),
  db.query.cities.findMany({ columns: { id: true, name: true } }),
]);
print(
  "batch",
  results.map((result) => result.rowsAffected ?? result),
);
print("unique", await failure(() => db.insert(cities).values({ name: "Oslo", countryCode: "NO" })));
print(
  "foreign key",
  await failure(() => db.insert(cities).values({ name: "Nowhere", countryCode: "XX" })),
);
print(
  "upsert",
  await db
    .insert(countries)
    .values({ code: "NO", name: "Norway" })
    .onConflictDoUpdate({ target: countries.code, set: { name: "Norway" } })
    .returning(),
);
print("delete cascades", await db.delete(countries).where(eq(countries.code, "CH")).returning());
print("what is left", await db.select({ name: cities.name }).from(cities));
client.close();
