//! libSQL's `ALTER TABLE … ALTER COLUMN … TO …`: gives a column another definition, as SQLite's manual describes
//! it for changes of the schema that it has no statement for (<https://sqlite.org/lang_altertable.html#otheralter>). The
//! rows are neither checked against the new definition nor converted, as in libSQL.

mod definition;
mod rows;
mod statement;
mod structure;
mod vectors;

use rusqlite::config::DbConfig;

use crate::sqlite::classify::StatementKind;
use crate::sqlite::codes::SQLITE_ERROR;
use crate::sqlite::libsql::vector_schema::quoted;
use crate::sqlite::preparing::RunError;
use crate::sqlite::rows::{Prepared, RowSink, StatementEnd};
use crate::sqlite::{Connection, Error};
use definition::Affinity;
use structure::Structure;

pub use statement::{AlterColumn, Piece, pieces};

/// Of a test that SQLite makes of the schema, which is undone.
const TEST: &str = "SAVEPOINT latchdb_test";
const UNDO_TEST: &str = "ROLLBACK TO latchdb_test; RELEASE latchdb_test";

/// A column that is altered.
struct Column {
    /// The name of the database.
    database: String,
    /// The name of the table.
    table: String,
    /// The text that made it.
    sql: String,
    /// The name of the column.
    name: String,
    /// The index of the column in its table.
    index: usize,
}

impl Column {
    /// The table, as a statement names it.
    fn table(&self) -> String {
        format!("{}.{}", quoted(&self.database), quoted(&self.table))
    }
}

impl Connection {
    /// Runs the statement, and hands its end to `sink`.
    ///
    /// # Errors
    /// SQLite's, or libSQL's texts; nothing has changed then.
    pub(in crate::sqlite) fn run_alter_column<S: RowSink>(
        &mut self,
        alter: &AlterColumn<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let was_autocommit = self.raw.is_autocommit();
        let kind = self.alter_column(alter, &mut |prepared| sink.allow(prepared))?;
        self.hooks.ran(&kind, was_autocommit);
        sink.end_rows();
        sink.end(StatementEnd { shape: None, rows_affected: 0, last_insert_rowid: None });
        Ok(())
    }

    /// Alters the column, in a transaction of its own if none is open.
    pub(in crate::sqlite) fn alter_column<E: From<Error>>(
        &self,
        alter: &AlterColumn<'_>,
        allow: &mut dyn FnMut(Prepared) -> Result<(), E>,
    ) -> Result<StatementKind, E> {
        let stand_in = stand_in(alter);
        let kind = self.until_fresh("", |this| {
            this.recorder.clear();
            let statement = this.first_statement(&stand_in)?;
            let kind = this.kind_of(&statement);
            this.refuse_or_adopt(&statement, &mut *allow)?;
            allow(this.prepared(&statement, &kind)).map_err(RunError::Ours)?;
            Ok(kind)
        })?;
        self.recorder.aside(|| {
            let is_alone = self.raw.is_autocommit();
            if is_alone {
                self.run_own("BEGIN IMMEDIATE")?;
            }
            let altered =
                self.whole(|| self.alter_in_transaction(alter, &stand_in).map_err(RunError::Ours));
            let altered = altered.map_err(|error| match error {
                RunError::Ours(error) => error,
                RunError::Sqlite(error) => self.error(error),
                RunError::Stale => Error::busy(),
            });
            if !is_alone {
                return altered;
            }
            let ended = altered.and_then(|()| self.run_own("COMMIT"));
            if ended.is_err() && self.roll_back().is_err() {
                self.give_up();
            }
            ended
        })?;
        Ok(kind)
    }

    fn alter_in_transaction(&self, alter: &AlterColumn<'_>, stand_in: &str) -> Result<(), Error> {
        // SQLite reads the whole schema, as it does when it renames a column.
        self.run_all(TEST)?;
        self.run_all(stand_in)?;
        self.run_all(UNDO_TEST)?;
        let column = self.find_column(alter)?;
        if !name_of(alter.new_name).eq_ignore_ascii_case(&column.name) {
            return Err(refusal(format!(
                "UPDATE cannot also rename column: \"{}\" to \"{}\". Use ALTER TABLE RENAME instead",
                alter.column, alter.new_name
            )));
        }
        if let Some(problem) = definition::misplaced(alter.definition) {
            return Err(refusal(problem));
        }
        let refused = |what: &str| {
            let (definition, table) = (alter.definition, &column.table);
            refusal(format!("error in adding {definition} to {table}: {what}"))
        };
        let place = definition::place(&column.sql, column.index, &column.name);
        let place = place.ok_or_else(|| refused("the column is not where it should be"))?;
        let replaced = |definition: &str| {
            let mut sql = column.sql.clone();
            sql.replace_range(place.clone(), definition);
            sql
        };
        let former = column.sql.get(place.clone()).unwrap_or_default();
        let fixed = |what: &str| refused(&format!("{what} constraint cannot be altered"));
        if let Some(constraint) = definition::altered(former, alter.definition) {
            return Err(fixed(constraint.name()));
        }
        let sql = replaced(alter.definition);
        let old = Structure::of(&column.sql, &column.table, &self.hooks)?;
        let new = Structure::of(&sql, &column.table, &self.hooks)?;
        if !old.has_same_keys(&new) {
            return Err(fixed("PRIMARY KEY"));
        }
        if !old.has_same_generated_columns(&new) {
            return Err(fixed("GENERATED"));
        }
        if old.columns.len() != new.columns.len() {
            return Err(refused("it defines more than one column"));
        }
        let (Some(old_column), Some(new_column)) =
            (old.columns.get(column.index), new.columns.get(column.index))
        else {
            return Err(refused("the column is not where it should be"));
        };
        self.keep_vectors(&column, old_column, new_column)?;
        let affinity = Affinity::of(&new_column.declared, new.is_strict);
        let has_other_affinity = affinity != Affinity::of(&old_column.declared, old.is_strict);
        let has_other_default = old_column.default != new_column.default
            || has_other_affinity && new_column.default.is_some();
        // ALTER TABLE ADD COLUMN adds no key: all rows have its value.
        if has_other_default && !old_column.is_key() && !definition::is_unique(former) {
            let sentinel = |value: &str| {
                replaced(&format!("{} BLOB DEFAULT x'{value}'", quoted(&column.name)))
            };
            self.keep_defaults(&column, old.is_without_rowid, sentinel)?;
        }
        if new.has_sequence && !old.has_sequence {
            self.make_sequence(&column.database)?;
        }
        // A virtual column stores no values.
        if has_other_affinity
            && !new_column.is_virtual()
            && let Some(index) = self.misfit(&column, affinity)?
        {
            return Err(refused(&format!(
                "the index {index} has values that the new type would compare in another way, and not find; drop the \
                 index, alter the column, convert its values (UPDATE {table} SET {name} = {name}), and create the \
                 index again",
                table = quoted(&column.table),
                name = quoted(&column.name),
            )));
        }
        self.replace_definition(&column, &sql)?;
        let has_other_order = old_column.collation != new_column.collation;
        if has_other_order && old.is_ordered_by(old_column) {
            return Err(fixed("PRIMARY KEY"));
        }
        // The expression of a generated column may be another one, and so may be what indexes know of it.
        if has_other_affinity || has_other_order || new_column.is_generated() {
            self.run_all(&format!("REINDEX {}", column.table()))?;
        }
        Ok(())
    }

    /// Finds the column as SQLite does: without a schema, the temporary table comes first, then that of main.
    fn find_column(&self, alter: &AlterColumn<'_>) -> Result<Column, Error> {
        let find = || {
            let table = name_of(alter.table);
            let mut databases =
                self.raw.prepare("SELECT name FROM pragma_database_list ORDER BY seq <> 1, seq")?;
            let databases = databases.query_map([], |row| row.get::<_, String>(0))?;
            for database in databases {
                let database = database?;
                if alter
                    .schema
                    .as_ref()
                    .is_some_and(|schema| !schema.eq_ignore_ascii_case(&database))
                {
                    continue;
                }
                let mut find = self.raw.prepare(&format!(
                    "SELECT s.name, s.sql, x.name, x.cid \
                     FROM {}.sqlite_schema AS s, pragma_table_xinfo(s.name, ?3) AS x \
                     WHERE s.type = 'table' AND s.name = ?1 COLLATE NOCASE AND x.name = ?2 COLLATE NOCASE",
                    quoted(&database)
                ))?;
                let mut found = find.query((&table, name_of(alter.column), &database))?;
                if let Some(row) = found.next()? {
                    let (table, sql, name) = (row.get(0)?, row.get(1)?, row.get(2)?);
                    let index = row.get::<_, u32>(3)? as usize;
                    return Ok(Some(Column { database, table, sql, name, index }));
                }
            }
            Ok(None)
        };
        let found = find().map_err(|error| self.error(error))?;
        found.ok_or_else(|| refusal(format!("no such column: \"{}\"", alter.column)))
    }

    /// Writes the text of the table, and lets this connection and all others read the schema anew.
    fn replace_definition(&self, column: &Column, sql: &str) -> Result<(), Error> {
        let database = quoted(&column.database);
        self.with_setting(DbConfig::SQLITE_DBCONFIG_WRITABLE_SCHEMA, true, || {
            let update = format!(
                "UPDATE {database}.sqlite_schema SET sql = ?1 WHERE type = 'table' AND name = ?2"
            );
            // With `PRAGMA count_changes` it has a row.
            let update = || {
                let mut update = self.raw.prepare(&update)?;
                let mut rows = update.query((sql, &column.table))?;
                while rows.next()?.is_some() {}
                Ok(())
            };
            update().map_err(|error| self.error(error))?;
            let version: i64 = self.value(&format!("PRAGMA {database}.schema_version"))?;
            // SQLite takes its 32 bits.
            let next = version.wrapping_add(1);
            self.run_all(&format!("PRAGMA {database}.schema_version = {next}"))
        })?;
        // SQLite reads the schema here.
        let reads = self.raw.prepare(&format!("SELECT 1 FROM {} LIMIT 0", column.table()));
        reads.map(drop).map_err(|error| self.error(error))
    }

    /// Runs `run` with this setting of the connection, and sets its former value again.
    fn with_setting<T>(
        &self,
        config: DbConfig,
        value: bool,
        run: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let before = self.raw.db_config(config)?;
        self.raw.set_db_config(config, value)?;
        let result = run();
        self.raw.set_db_config(config, before)?;
        result
    }

    /// The table in which SQLite counts for AUTOINCREMENT. SQLite makes it with the first such table.
    fn make_sequence(&self, database: &str) -> Result<(), Error> {
        let table = format!("{}.latchdb_sequence", quoted(database));
        self.run_all(&format!(
            "CREATE TABLE {table} (a INTEGER PRIMARY KEY AUTOINCREMENT); DROP TABLE {table}"
        ))
    }

    fn value<T: crate::sqlite::FromValue>(&self, sql: &str) -> Result<T, Error> {
        self.raw.query_row(sql, [], |row| row.get(0)).map_err(|error| self.error(error))
    }
}

/// The statement of SQLite that comes nearest: it asks the same questions of the authorizer, finds the same table
/// and column, and refuses views, virtual tables and tables of the system in libSQL's words, which are SQLite's.
fn stand_in(alter: &AlterColumn<'_>) -> String {
    let AlterColumn { table, column, .. } = alter;
    format!("ALTER TABLE {table} RENAME COLUMN {column} TO {column}")
}

/// The last name in a text: that of a table behind its schema, or that of a column.
fn name_of(text: &str) -> String {
    let tokens = crate::tokens::tokens(text);
    tokens
        .last()
        .and_then(|last| crate::tokens::name(std::slice::from_ref(last)))
        .unwrap_or_default()
}

fn refusal(message: String) -> Error {
    Error::Sqlite { code: SQLITE_ERROR, message }
}
