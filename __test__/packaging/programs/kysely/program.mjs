// A program with Kysely, as somebody who has never heard of latchdb writes it.
import { LibsqlDialect } from "@libsql/kysely-libsql";
import { Kysely, Migrator, sql } from "kysely";

const [url] = process.argv.slice(2);
const db = new Kysely({ dialect: new LibsqlDialect({ url }) });

function print(what, value) {
  const text = JSON.stringify(value, (_key, item) =>
    typeof item === "bigint" ? `${item}n` : item,
  );
  console.log(`${what}: ${text}`);
}

async function failure(action) {
  try {
    await action();
    return "none";
  } catch ({ name, code, extendedCode, rawCode, message }) {
    return { name, code, extendedCode, rawCode, message };
  }
}

const migrations = {
  "1_tables": {
    async up(schema) {
      await schema.schema
        .createTable("country")
        .addColumn("code", "text", (column) => column.primaryKey())
        .addColumn("name", "text", (column) => column.notNull())
        .execute();
      await schema.schema
        .createTable("city")
        .addColumn("id", "integer", (column) => column.primaryKey().autoIncrement())
        .addColumn("name", "text", (column) => column.notNull().unique())
        .addColumn("country", "text", (column) => column.references("country.code"))
        .execute();
    },
    async down(schema) {
      await schema.schema.dropTable("city").execute();
      await schema.schema.dropTable("country").execute();
    },
  },
  "2_population": {
    async up(schema) {
      await schema.schema.alterTable("city").addColumn("population", "integer").execute();
    },
    async down(schema) {
      await schema.schema.alterTable("city").dropColumn("population").execute();
    },
  },
};
const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } });
print("up", await migrator.migrateToLatest());
print("down", await migrator.migrateDown());
print("up again", await migrator.migrateToLatest());
print(
  "tables",
  (await db.introspection.getTables()).map(({ name, columns }) => [name, columns]),
);

print(
  "insert",
  await db
    .insertInto("country")
    .values([
      { code: "CH", name: "Switzerland" },
      { code: "NO", name: "Norway" },
    ])
    .execute(),
);
print(
  "returning",
  await db
    .insertInto("city")
    .values([
      { name: "Zürich", country: "CH", population: 436_332 },
      { name: "Oslo", country: "NO", population: 709_037 },
    ])
    .returningAll()
    .execute(),
);
print(
  "join",
  await db
    .selectFrom("city")
    .innerJoin("country", "country.code", "city.country")
    .select(["city.name as city", "country.name as country"])
    .where("city.population", ">", 1)
    .orderBy("city.name")
    .execute(),
);
print(
  "update",
  await db.updateTable("city").set({ population: 1 }).where("name", "=", "Oslo").executeTakeFirst(),
);
print(
  "transaction",
  await db.transaction().execute(async (tx) => {
    await tx.insertInto("city").values({ name: "Bern", country: "CH" }).execute();
    return tx.selectFrom("city").select(["id", "name", "population"]).orderBy("id").execute();
  }),
);
print(
  "rolled back",
  await failure(() =>
    db.transaction().execute(async (tx) => {
      await tx.deleteFrom("city").execute();
      throw new Error("on second thoughts");
    }),
  ),
);
print(
  "nothing was lost",
  await db
    .selectFrom("city")
    .select(({ fn }) => fn.countAll().as("n"))
    .execute(),
);
print(
  "unique",
  await failure(() => db.insertInto("city").values({ name: "Oslo", country: "NO" }).execute()),
);
print(
  "foreign key",
  await failure(() => db.insertInto("city").values({ name: "Nowhere", country: "XX" }).execute()),
);
print(
  "raw",
  (await sql`SELECT 1 AS one, ${"two"} AS two, 3.5 AS three, NULL AS four`.execute(db)).rows,
);
print("delete", await db.deleteFrom("city").where("country", "=", "CH").executeTakeFirst());
await db.destroy();
