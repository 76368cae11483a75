//! Finds the columns whose vector indexes a running statement writes, so that a vector of another dimension is
//! refused, as libSQL does.
//!
//! SQLite calls the function of an index with the value alone. It does not say for which index. So the tables are
//! found that the statement inserts into or updates, by its triggers, too, and the vector must fit a column of
//! one of their vector indexes. A table with several such columns of different dimensions does not tell them apart.

use std::collections::HashMap;
use std::ffi::CStr;
use std::sync::Arc;

use rusqlite::{Connection, Result, ffi};

use super::classify::Recorder;
use super::vector_schema::{columns, described};
use crate::sync::{Mutex, lock};
use crate::value::Value;
use crate::vectors::{ColumnError, VectorColumn};

/// The most statements whose columns are known, and the longest text of one, in bytes.
const MOST: usize = 64;
const LONGEST: usize = 4096;

/// The columns into which a statement may write a vector. None if it writes none.
#[derive(Debug, Default)]
pub struct Columns(Arc<[VectorColumn]>);

impl Columns {
    /// Whether a value fits one of the columns.
    ///
    /// # Errors
    /// Why it does not fit the first one.
    pub fn check(&self, value: Value<'_>) -> std::result::Result<(), ColumnError> {
        let mut first = Ok(());
        for column in &*self.0 {
            match column.check(value, "insert") {
                Ok(()) => return Ok(()),
                error if first.is_ok() => first = error,
                Err(_) => {}
            }
        }
        first
    }
}

/// The columns of the statements that ran last.
#[derive(Debug)]
pub struct Checks {
    recorder: Arc<Recorder>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// The versions of the main and the temporary schema.
    versions: (i64, i64),
    columns: HashMap<Box<str>, Arc<[VectorColumn]>>,
}

impl Checks {
    /// `recorder` is the authorizer of the connection. Where it is not installed, the tables of a statement are not
    /// known, and nothing is checked but what CREATE INDEX finds.
    pub fn new(recorder: Arc<Recorder>) -> Self {
        Self { recorder, known: Mutex::default() }
    }

    /// The columns of the indexes that the running statements write.
    ///
    /// # Errors
    /// SQLite's error.
    pub fn columns(&self, connection: &Connection) -> Result<Columns> {
        self.recorder.aside(|| {
            let version = |database| {
                connection.pragma_query_value(Some(database), "schema_version", |row| row.get(0))
            };
            let versions = (version("main")?, version("temp")?);
            let mut all = Vec::new();
            for sql in running_writes(connection) {
                let known = {
                    let mut known = lock(&self.known);
                    if known.versions != versions {
                        *known = Known { versions, ..Known::default() };
                    }
                    known.columns.get(sql.as_str()).cloned()
                };
                let found = match known {
                    Some(found) => found,
                    None => self.look(connection, &sql)?,
                };
                all.extend_from_slice(&found);
            }
            Ok(Columns(all.into()))
        })
    }

    fn look(&self, connection: &Connection, sql: &str) -> Result<Arc<[VectorColumn]>> {
        if let Some(index) = described(connection, None, sql) {
            // CREATE INDEX, whose index is not in the schema yet.
            return Ok([index.vectors].into());
        }
        self.recorder.set_dry_run(true);
        self.recorder.tables().begin();
        // SQLite has prepared the text before.
        let prepared = connection.prepare(sql);
        let tables = self.recorder.tables().end_written();
        self.recorder.set_dry_run(false);
        drop(prepared);
        let mut found = Vec::new();
        for (database, table) in &tables {
            let database = database.as_ref().map_or(Ok("main"), |name| name.to_str());
            // A name that is no UTF-8 is not looked at.
            if let (Ok(database), Ok(table)) = (database, table.to_str()) {
                for column in columns(connection, database, table)? {
                    if !found.contains(&column) {
                        found.push(column);
                    }
                }
            }
        }
        let found: Arc<[VectorColumn]> = found.into();
        // The schema of an attached database has a version of its own.
        let are_known = tables.iter().all(|(of, _)| of.as_deref().is_none_or(|of| of == c"main"));
        if are_known && sql.len() <= LONGEST {
            let mut known = lock(&self.known);
            if known.columns.len() >= MOST {
                known.columns.clear();
            }
            known.columns.insert(sql.into(), Arc::clone(&found));
        }
        Ok(found)
    }
}

/// The texts of the statements that run now and write.
fn running_writes(connection: &Connection) -> Vec<String> {
    let mut texts = Vec::new();
    let mut statement = std::ptr::null_mut();
    loop {
        // SAFETY: the connection is open, and only this thread uses it, so its list of statements does not change
        // during the loop. The functions only read. A text ends with NUL, lives as long as its statement, and is
        // copied.
        unsafe {
            statement = ffi::sqlite3_next_stmt(connection.handle(), statement);
            if statement.is_null() {
                return texts;
            }
            let runs = ffi::sqlite3_stmt_busy(statement) != 0;
            let sql = ffi::sqlite3_sql(statement);
            if runs && ffi::sqlite3_stmt_readonly(statement) == 0 && !sql.is_null() {
                texts.push(CStr::from_ptr(sql).to_string_lossy().into_owned());
            }
        }
    }
}
