// Three versions of one schema. drizzle-kit's dialect turso goes from one to the next by
// ALTER TABLE … ALTER COLUMN … TO …, where SQLite's dialect makes the table anew.
const { index, integer, real, sqliteTable, text, uniqueIndex } = require("drizzle-orm/sqlite-core");

/** The tables of a version: 1, 2 or 3. */
module.exports = function schema(version) {
  const at = (...versions) => versions[version - 1];
  const users = sqliteTable(
    "users",
    {
      id: integer("id").primaryKey({ autoIncrement: true }),
      email: text("email").notNull(),
      // NOT NULL added, and taken away.
      name: at(text("name"), text("name").notNull(), text("name")),
      // The type changed.
      age: at(text("age"), integer("age"), real("age")),
      // A default added, changed, taken away.
      city: at(text("city"), text("city").default("it's new"), text("city").default("z")),
      score: at(
        integer("score").notNull().default(1),
        integer("score").notNull().default(-2),
        integer("score").notNull(),
      ),
      ...at({}, { added: text("added").default("new") }, { added: text("added").default("new") }),
    },
    (table) => [
      uniqueIndex("users_email").on(table.email),
      index("users_name_city").on(table.name, table.city),
    ],
  );
  const posts = sqliteTable("posts", {
    id: integer("id").primaryKey(),
    title: text("title"),
    // A reference added; changed, for which drizzle-kit makes the table anew.
    author: at(
      integer("author"),
      integer("author").references(() => users.id, { onDelete: "cascade" }),
      integer("author").references(() => users.id, { onDelete: "set null" }),
    ),
    // A reference added to what has NOT NULL and a default.
    editor: at(
      integer("editor").notNull().default(1),
      integer("editor")
        .notNull()
        .default(1)
        .references(() => users.id),
      integer("editor").notNull().default(1),
    ),
  });
  return { users, posts };
};
