//! Tables with a vector index of libSQL's, which SQLite would answer wrongly.
//!
//! libSQL keeps the rows of such an index (`CREATE INDEX i ON t (libsql_vector_idx(e))`) in a table of
//! its own and leaves the index's b-tree empty. SQLite takes that for an index with nothing in it: what it
//! reads by way of the index, `count(*)` for example, has no rows. So a statement that reads or writes such
//! a table is refused. `DROP INDEX` is not, and mends it.

use fallible_iterator::FallibleIterator;
use rusqlite::{Batch, Statement};

use super::libsql_schema::{INDEX_FUNCTION, INDEX_METADATA};
use super::touched_tables::TableName;
use super::{Connection, Error};

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
