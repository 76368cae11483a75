//! Refuses statements on tables with a vector index that libSQL has made, for which SQLite would return wrong
//! results, and the creation of vector indexes that libSQL would refuse.
//!
//! libSQL keeps the rows of such an index (`CREATE INDEX i ON t (libsql_vector_idx(e))`) in a table of its
//! own, and leaves the b-tree of the index empty. SQLite takes the index for an empty one, so a query that
//! uses it, for example a `count(*)`, finds no rows. A statement that reads or writes such a table is
//! therefore refused. `DROP INDEX` is allowed, and solves the problem.

use std::ffi::{CStr, CString};

use fallible_iterator::FallibleIterator;
use rusqlite::types::ValueRef;
use rusqlite::{Batch, Statement, ffi};
use serde::Serialize;

use crate::sqlite::libsql::schema::{INDEX_METADATA, REMAINS};
use crate::sqlite::libsql::vector_schema::{
    Key, declared_type, has_metadata, indexes_of_libsql, key, remains,
};
use crate::sqlite::libsql::vector_top_k::NAME as SEARCH;
use crate::sqlite::touched_tables::TableName;
use crate::sqlite::{Connection, Error, codes};
use crate::vectors::{Definition, DefinitionError, VectorColumn};

/// A database, a vector index in it, and the table of the index. The two names may be no UTF-8.
pub(in crate::sqlite) type Found = (String, Vec<u8>, Vec<u8>);

/// A vector index, and its table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IndexName {
    /// The name of the index.
    pub index: String,
    /// The name of its table.
    pub table: String,
}

impl Connection {
    /// Refuses a statement that reads or writes a table with a vector index of libSQL, and one that creates a vector
    /// index which libSQL would refuse. To be called each time SQLite has prepared a statement, because SQLite has
    /// then read the current schema.
    ///
    /// In a file without such indexes, this costs one lookup in SQLite's own list of tables.
    pub(in crate::sqlite) fn refuse_vector_indexes(
        &self,
        statement: &Statement<'_>,
    ) -> Result<(), Error> {
        if self.recorder.creates_index() {
            self.refuse_wrong_vector_index(statement)?;
        }
        // If the statement uses no table, SQLite may not have read the schema yet. The check would make
        // SQLite read it.
        if self.recorder.touches_a_table() || self.goes_through_indexes(statement) {
            self.refuse_vector_indexes_now(statement)
        } else {
            Ok(())
        }
    }

    /// Whether a statement goes through whole databases.
    fn goes_through_indexes(&self, statement: &Statement<'_>) -> bool {
        let is_vacuum = || !statement.readonly() && self.recorder.kind().is_unknown;
        self.recorder.goes_through_indexes() || is_vacuum()
    }

    /// The same check, for a statement that has been stepped.
    pub(in crate::sqlite) fn refuse_vector_indexes_now(
        &self,
        statement: &Statement<'_>,
    ) -> Result<(), Error> {
        if !self.raw.table_exists(None, INDEX_METADATA).unwrap_or(false) {
            return Ok(());
        }
        let is_all = self.goes_through_indexes(statement);
        let sql = statement.expanded_sql();
        let touched = sql.and_then(|sql| self.touched_tables(&sql));
        // Of a statement whose tables cannot be told, any table may be read.
        let is_all = is_all || touched.is_none();
        let (touched, dropped) = touched.unwrap_or_default();
        // Without this table the indexes could not be told from ours any more.
        let is_all = is_all || dropped.is_some_and(|(_, name)| is_metadata(&name));
        let is_all = is_all || touched.iter().any(|(_, name)| checks_database(name));
        // A search reads the table of its index by a statement of its own.
        let searches = |(_, name): &TableName| name == SEARCH;
        let is_all = is_all || self.adopts.get() && touched.iter().any(searches);
        for (database, index, table) in self.indexes_of_libsql()? {
            let is_it = |(of, name): &TableName| {
                let is_there =
                    of.as_ref().is_none_or(|of| is_same(of.to_bytes(), database.as_bytes()));
                is_there && is_same(name.to_bytes(), &table)
            };
            if is_all || touched.iter().any(is_it) {
                return Err(Error::VectorIndex { table: lossy(&table), index: lossy(&index) });
            }
        }
        Ok(())
    }

    /// Whether libSQL has described vector indexes in the main database.
    ///
    /// # Errors
    /// SQLite's error, if it cannot read the schema.
    pub fn has_vector_indexes_of_libsql(&self) -> Result<bool, Error> {
        self.recorder
            .aside(|| {
                // A schema that cannot be read seems to have no table.
                self.raw.prepare("SELECT 1 FROM main.sqlite_schema")?;
                Ok(has_metadata(&self.raw, "main"))
            })
            .map_err(|error| self.error(error))
    }

    /// The names of the vector indexes that libSQL has made.
    ///
    /// # Errors
    /// SQLite's error.
    pub fn names_of_indexes_of_libsql(&self) -> Result<Vec<IndexName>, Error> {
        let named =
            |(_, index, table): Found| IndexName { index: lossy(&index), table: lossy(&table) };
        Ok(self.indexes_of_libsql()?.into_iter().map(named).collect())
    }

    /// Refuses what goes through a whole database if libSQL has made a vector index in it.
    ///
    /// # Errors
    /// [`Error::VectorIndex`], or SQLite's error.
    pub fn refuse_indexes_of_libsql(&self) -> Result<(), Error> {
        match self.indexes_of_libsql()?.first() {
            Some((_, index, table)) => {
                Err(Error::VectorIndex { table: lossy(table), index: lossy(index) })
            }
            None => Ok(()),
        }
    }

    /// The vector indexes that libSQL has made.
    pub(in crate::sqlite) fn indexes_of_libsql(&self) -> Result<Vec<Found>, Error> {
        self.recorder
            .aside(|| {
                let mut all = Vec::new();
                for database in (0..).map_while(|number| self.database_name(number)) {
                    let Ok(database) = database.into_string() else { continue };
                    let Some(sql) = indexes_of_libsql(&self.raw, &database) else { continue };
                    let mut statement = self.raw.prepare(&sql)?;
                    let mut rows = statement.query([])?;
                    while let Some(row) = rows.next()? {
                        let name = |column| row.get_ref(column).map(bytes);
                        all.push((database.clone(), name(0)?, name(1)?));
                    }
                }
                Ok(all)
            })
            .map_err(|error: rusqlite::Error| self.error(error))
    }

    /// Refuses to create a vector index that libSQL would refuse, with its text, and one that could be taken for one
    /// of libSQL's.
    fn refuse_wrong_vector_index(&self, statement: &Statement<'_>) -> Result<(), Error> {
        let Some(sql) = statement.expanded_sql() else { return Ok(()) };
        let Some(definition) = Definition::parse(&sql) else { return Ok(()) };
        let wrong = |error: DefinitionError| Error::Sqlite {
            code: codes::SQLITE_ERROR,
            message: error.to_string(),
        };
        let Definition { schema, index, table, column, .. } = definition.map_err(wrong)?;
        self.recorder.aside(|| {
            let is_temporary = || declared_type(&self.raw, Some("temp"), &table, &column).is_some();
            let default = if schema.is_none() && is_temporary() { "temp" } else { "main" };
            let database = schema.as_deref().unwrap_or(default);
            let declared = declared_type(&self.raw, Some(database), &table, &column);
            let (key, alias) =
                key(&self.raw, database, &table).map_err(|error| self.error(error))?;
            // The rowid is in no column of the index.
            let is_column = |name: &String| name.eq_ignore_ascii_case(&column);
            if alias.is_some_and(|alias| is_column(&alias)) || declared.is_none() {
                return Err(wrong(DefinitionError::NoVectorColumn));
            }
            let declared = declared.unwrap_or_default();
            VectorColumn::parse(&declared).map_err(wrong)?;
            if matches!(key, Key::Columns(columns) if columns.len() != 1) {
                return Err(wrong(DefinitionError::CompositeKey));
            }
            match remains(&self.raw, database, &index).map_err(|error| self.error(error))? {
                true => Err(Error::LibsqlSchema {
                    code: codes::SQLITE_ERROR,
                    message: format!("the index {index} cannot be created: {REMAINS}"),
                }),
                false => Ok(()),
            }
        })
    }

    /// The tables that a statement reads or writes, and the one that it drops. Prepares the statement once more, in a
    /// dry run. None if SQLite cannot prepare it any more.
    fn touched_tables(&self, sql: &str) -> Option<(Vec<TableName>, Option<TableName>)> {
        self.recorder.aside(|| {
            self.recorder.set_dry_run(true);
            self.recorder.tables().begin();
            // The statement was prepared before. With its arguments its text may be too long.
            let prepared = Batch::new(&self.raw, sql).next().is_ok();
            let tables = self.recorder.tables().end();
            self.recorder.set_dry_run(false);
            prepared.then_some(tables)
        })
    }

    /// The name of a database of the connection, by its index. The name of an attached database may be no
    /// UTF-8.
    fn database_name(&self, index: i32) -> Option<CString> {
        // SAFETY: the connection is open, and only this thread uses it. The name is null, or ends with NUL and
        // is copied before the next call of SQLite.
        unsafe {
            let name = ffi::sqlite3_db_name(self.raw.handle(), index);
            (!name.is_null()).then(|| CStr::from_ptr(name).to_owned())
        }
    }
}

fn is_same(one: &[u8], other: &[u8]) -> bool {
    one.eq_ignore_ascii_case(other)
}

fn is_metadata(table: &CStr) -> bool {
    is_same(table.to_bytes(), INDEX_METADATA.to_bytes())
}

/// Whether a table is that of a PRAGMA that checks a database (<https://sqlite.org/pragma.html#pragfunc>).
fn checks_database(table: &CStr) -> bool {
    let is_it = |name: &[u8]| is_same(table.to_bytes(), name);
    is_it(b"pragma_integrity_check") || is_it(b"pragma_quick_check")
}

fn lossy(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

fn bytes(value: ValueRef<'_>) -> Vec<u8> {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.to_vec(),
        _ => Vec::new(),
    }
}
