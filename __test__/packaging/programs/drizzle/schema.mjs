import { relations, sql } from "drizzle-orm";
import {
  blob,
  index,
  integer,
  real,
  sqliteTable,
  text,
  uniqueIndex,
} from "drizzle-orm/sqlite-core";

export const countries = sqliteTable("countries", {
  code: text("code").primaryKey(),
  name: text("name").notNull(),
});

export const cities = sqliteTable(
  "cities",
  {
    id: integer("id").primaryKey({ autoIncrement: true }),
    name: text("name").notNull(),
    countryCode: text("country_code")
      .notNull()
      .references(() => countries.code, { onDelete: "cascade" }),
    population: integer("population"),
    elevation: real("elevation"),
    isCapital: integer("is_capital", { mode: "boolean" }).notNull().default(false),
    foundedAt: integer("founded_at", { mode: "timestamp_ms" }),
    tags: text("tags", { mode: "json" }),
    flag: blob("flag", { mode: "buffer" }),
    createdAt: text("created_at").default(sql`(date('2001-01-01'))`),
  },
  (table) => [
    index("cities_by_country").on(table.countryCode),
    uniqueIndex("cities_by_name").on(table.countryCode, table.name),
  ],
);

export const countryRelations = relations(countries, ({ many }) => ({ cities: many(cities) }));

export const cityRelations = relations(cities, ({ one }) => ({
  country: one(countries, { fields: [cities.countryCode], references: [countries.code] }),
}));
