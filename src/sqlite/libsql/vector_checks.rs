//! Finds the columns whose vector indexes a running statement writes, so that a vector of another dimension is
//! refused, as libSQL does.
//!
//! SQLite calls the function of an index with the value alone. It does not say for which index. So the tables are
//! found that the statement inserts into or updates, by its triggers, too, and the vector must fit a column of
//! one of their vector indexes. A table with several such columns of different dimensions does not tell them apart.

use std::collections::HashMap;
use std::ffi::{CStr, c_int};
use std::sync::Arc;

use rusqlite::{Connection, Result, ffi};

use crate::sqlite::classify::Recorder;
use crate::sqlite::libsql::vector_schema::{columns, described};
use crate::sync::{Mutex, lock};
use crate::value::Value;
use crate::vectors::{ColumnError, VectorColumn};

/// The most statements whose columns are known.
const MOST: usize = 256;

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

/// The columns of the statements that ran last, by their addresses.
#[derive(Debug)]
pub struct Checks {
    recorder: Arc<Recorder>,
    known: Mutex<HashMap<usize, Known>>,
}

/// What is known of a statement. SQLite prepares it anew if the schema is another one, also where a rollback has
/// brought back an old one. So it holds for as long as the statement is the same: at the same address, with the same
/// text, not prepared anew, and run more often than before, while no other statement that writes was prepared, which
/// could have got the address.
#[derive(Debug)]
struct Known {
    writes_prepared: u32,
    sql: Box<CStr>,
    reprepared: c_int,
    runs: c_int,
    columns: Arc<[VectorColumn]>,
}

/// A statement that runs now and writes.
struct Running {
    address: usize,
    sql: Box<CStr>,
    reprepared: c_int,
    runs: c_int,
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
        let mut all = Vec::new();
        for running in running_writes(connection) {
            let known = self.known(&running);
            let found = match known {
                Some(found) => found,
                None => self.recorder.aside(|| self.look(connection, running))?,
            };
            all.extend_from_slice(&found);
        }
        Ok(Columns(all.into()))
    }

    fn known(&self, running: &Running) -> Option<Arc<[VectorColumn]>> {
        let mut known = lock(&self.known);
        let known = known.get_mut(&running.address)?;
        let is_same = known.writes_prepared == self.recorder.writes_prepared()
            && known.reprepared == running.reprepared
            && known.runs < running.runs
            && known.sql == running.sql;
        known.runs = running.runs;
        is_same.then(|| Arc::clone(&known.columns))
    }

    fn look(&self, connection: &Connection, running: Running) -> Result<Arc<[VectorColumn]>> {
        let Running { address, sql, reprepared, runs } = running;
        let text = sql.to_string_lossy();
        if let Some(index) = described(connection, None, &text) {
            // CREATE INDEX, whose index is not in the schema yet.
            return Ok([index.vectors].into());
        }
        self.recorder.set_dry_run(true);
        self.recorder.tables().begin();
        // SQLite has prepared the text before.
        let prepared = connection.prepare(&text);
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
        drop(text);
        let mut known = lock(&self.known);
        if known.len() >= MOST {
            known.clear();
        }
        let writes_prepared = self.recorder.writes_prepared();
        let columns = Arc::clone(&found);
        known.insert(address, Known { writes_prepared, sql, reprepared, runs, columns });
        Ok(found)
    }
}

/// The statements that run now and write.
fn running_writes(connection: &Connection) -> Vec<Running> {
    let mut running = Vec::new();
    let mut statement = std::ptr::null_mut();
    loop {
        // SAFETY: the connection is open, and only this thread uses it, so its list of statements does not change
        // during the loop. The functions only read. A text ends with NUL, lives as long as its statement, and is
        // copied.
        unsafe {
            statement = ffi::sqlite3_next_stmt(connection.handle(), statement);
            if statement.is_null() {
                return running;
            }
            let runs = ffi::sqlite3_stmt_busy(statement) != 0;
            let sql = ffi::sqlite3_sql(statement);
            if runs && ffi::sqlite3_stmt_readonly(statement) == 0 && !sql.is_null() {
                let status = |counter| ffi::sqlite3_stmt_status(statement, counter, 0);
                running.push(Running {
                    address: statement.addr(),
                    sql: CStr::from_ptr(sql).into(),
                    reprepared: status(ffi::SQLITE_STMTSTATUS_REPREPARE),
                    runs: status(ffi::SQLITE_STMTSTATUS_RUN),
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::sqlite::Connection;

    #[test]
    fn a_statement_in_the_place_of_another_one_is_looked_at_anew() {
        let connection = Connection::in_memory();
        let make = |dimensions| {
            let sql = format!(
                "DROP TABLE IF EXISTS t; CREATE TABLE t (e F32_BLOB({dimensions})); \
                 CREATE INDEX ti ON t (libsql_vector_idx(e))"
            );
            connection.run_all(&sql).unwrap();
        };
        let prepare = || -> Vec<_> {
            let one = |_| connection.raw.prepare("INSERT INTO t VALUES (?1)").unwrap();
            (0..50).map(one).collect()
        };
        make(1);
        for statement in &mut prepare() {
            statement.execute([Some("[1]")]).unwrap();
        }
        make(2);
        for statement in &mut prepare() {
            statement.execute([None::<&str>]).unwrap();
            assert!(statement.execute([Some("[1]")]).is_err());
            statement.execute([Some("[1,2]")]).unwrap();
        }
    }
}
