//! Refuses statements on tables with a libSQL vector index, for which SQLite would return wrong results.
//!
//! libSQL keeps the rows of such an index (`CREATE INDEX i ON t (libsql_vector_idx(e))`) in a table of its
//! own, and leaves the b-tree of the index empty. SQLite takes the index for an empty one, so a query that
//! uses it, for example a `count(*)`, finds no rows. A statement that reads or writes such a table is
//! therefore refused. `DROP INDEX` is allowed, and solves the problem.

use fallible_iterator::FallibleIterator;
use rusqlite::{Batch, Statement};

use super::libsql_schema::{INDEX_FUNCTION, INDEX_METADATA};
use super::touched_tables::TableName;
use super::{Connection, Error};

impl Connection {
    /// Refuses a statement that reads or writes a table with a vector index. To be called each time SQLite
    /// has prepared a statement, because SQLite has then read the current schema.
    ///
    /// In a file without such indexes, this costs one lookup in SQLite's own list of tables.
    pub(super) fn refuse_vector_indexes(&self, statement: &Statement<'_>) -> Result<(), Error> {
        // If the statement uses no table, SQLite may not have read the schema yet. The check would make
        // SQLite read it.
        if self.recorder.touches_a_table() {
            self.refuse_vector_indexes_now(statement)
        } else {
            Ok(())
        }
    }

    /// The same check, for a statement that has been stepped.
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

    /// The tables that a statement reads or writes. Prepares the statement once more, in a dry run.
    fn touched_tables(&self, sql: &str) -> Vec<TableName> {
        let kept = self.recorder.snapshot();
        self.recorder.set_dry_run(true);
        self.recorder.tables().begin();
        // The statement was prepared before, and an error was reported then.
        let _ = Batch::new(&self.raw, sql).next();
        let tables = self.recorder.tables().end();
        self.recorder.set_dry_run(false);
        self.recorder.restore(kept);
        tables
    }

    /// The names of the vector indexes of a database, each with the name of its table.
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
