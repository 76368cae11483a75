const { index, integer, sqliteTable, text } = require("drizzle-orm/sqlite-core");

exports.pages = sqliteTable(
  "pages",
  { id: integer("id").primaryKey(), path: text("path").notNull().unique(), n: integer("n") },
  (table) => [index("pages_by_n").on(table.n)],
);
