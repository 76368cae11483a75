//! Tables with a vector index of libSQL's, which SQLite would answer wrongly.
//!
//! libSQL keeps the rows of such an index (`CREATE INDEX i ON t (libsql_vector_idx(e))`) in a table of
//! its own and leaves the index's b-tree empty. SQLite takes that for an index with nothing in it: what it
//! reads by way of the index, `count(*)` for example, has no rows. So a statement that reads or writes such
//! a table is refused. `DROP INDEX` is not, and mends it.

use fallible_iterator::FallibleIterator;
use rusqlite::hooks::{AuthAction, AuthContext};
use rusqlite::{Batch, Statement};

use super::libsql_schema::{INDEX_FUNCTION, INDEX_METADATA};
use super::{Connection, Error};
use crate::sync::{Mutex, MutexGuard, lock};

/// A table, by the name of its database and its own. Of `count(*)` SQLite does not say the database.
type TableName = (Option<String>, String);

/// The tables that a statement reads or writes, while somebody wants to know.
#[derive(Debug, Default)]
pub struct TouchedTables(Mutex<Option<Vec<TableName>>>);

impl TouchedTables {
    /// What the authorizer is asked while a statement is prepared.
    pub fn note(&self, context: &AuthContext<'_>) {
        let mut wanted = self.lock();
        let Some(tables) = &mut *wanted else { return };
        let table = match context.action {
            AuthAction::Read { table_name, .. }
            | AuthAction::Insert { table_name }
            | AuthAction::Update { table_name, .. }
            | AuthAction::Delete { table_name } => table_name,
            // Whether it is dropped is asked before its rows are.
            AuthAction::DropTable { .. } => {
                *wanted = None;
                return;
            }
            _ => return,
        };
        tables.push((context.database_name.map(ToOwned::to_owned), table.to_owned()));
    }

    fn begin(&self) {
        *self.lock() = Some(Vec::new());
    }

    fn end(&self) -> Vec<TableName> {
        self.lock().take().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<TableName>>> {
        lock(&self.0)
    }
}

impl Connection {
    /// Refuses a statement that touches a table with a vector index. To be asked whenever SQLite has
    /// prepared a statement: it knows then what is in the file.
    ///
    /// In a file without such indexes this is one look into SQLite's own table of tables.
    pub(super) fn refuse_vector_indexes(&self, statement: &Statement<'_>) -> Result<(), Error> {
        // Else SQLite may not have read the schema yet, and would have to for the look.
        if self.recorder.touches_a_table() {
            self.refuse_vector_indexes_now(statement)
        } else {
            Ok(())
        }
    }

    /// The same for a statement that has been stepped.
    pub(super) fn refuse_vector_indexes_now(&self, statement: &Statement<'_>) -> Result<(), Error> {
        if !self.raw.table_exists(None, INDEX_METADATA).unwrap_or(false) {
            return Ok(());
        }
        let sql = statement.expanded_sql();
        let touched = sql.map_or_else(Vec::new, |sql| self.touched_tables(&sql));
        for database in (0..).map_while(|index| self.raw.db_name(index).ok()) {
            let indexes = self.vector_indexes(&database).map_err(|error| self.error(error))?;
            for (index, table) in indexes {
                let is_it = |(of, name): &TableName| {
                    let is_there = of.as_ref().is_none_or(|of| of.eq_ignore_ascii_case(&database));
                    is_there && name.eq_ignore_ascii_case(&table)
                };
                if touched.iter().any(is_it) {
                    return Err(Error::VectorIndex { table, index });
                }
            }
        }
        Ok(())
    }

    /// Prepares a statement once more to hear which tables it touches.
    fn touched_tables(&self, sql: &str) -> Vec<TableName> {
        let kept = self.recorder.snapshot();
        self.recorder.set_dry_run(true);
        self.recorder.tables().begin();
        // An error was reported when it was prepared before.
        let _ = Batch::new(&self.raw, sql).next();
        let tables = self.recorder.tables().end();
        self.recorder.set_dry_run(false);
        self.recorder.restore(kept);
        tables
    }

    /// The vector indexes of a database, each with its table.
    fn vector_indexes(&self, database: &str) -> rusqlite::Result<Vec<(String, String)>> {
        let kept = self.recorder.snapshot();
        let schema = database.replace('"', "\"\"");
        let sql = format!(
            "SELECT name, tbl_name FROM \"{schema}\".sqlite_schema \
             WHERE type = 'index' AND instr(lower(sql), '{INDEX_FUNCTION}')"
        );
        let found = self.raw.prepare(&sql).and_then(|mut statement| {
            let names = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
            statement.query_map([], names)?.collect()
        });
        self.recorder.restore(kept);
        found
    }
}
