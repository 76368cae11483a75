//! Refuses statements on tables with a libSQL vector index, for which SQLite would return wrong results.
//!
//! libSQL keeps the rows of such an index (`CREATE INDEX i ON t (libsql_vector_idx(e))`) in a table of its
//! own, and leaves the b-tree of the index empty. SQLite takes the index for an empty one, so a query that
//! uses it, for example a `count(*)`, finds no rows. A statement that reads or writes such a table is
//! therefore refused. `DROP INDEX` is allowed, and solves the problem.

use std::ffi::{CStr, CString, c_char, c_int, c_void};

use fallible_iterator::FallibleIterator;
use rusqlite::{Batch, Statement, ffi};

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
        for database in (0..).map_while(|index| self.database_name(index)) {
            let indexes = self.vector_indexes(&database).map_err(|error| self.error(error))?;
            for (index, table) in indexes {
                let is_it = |(of, name): &TableName| {
                    let is_there = of.as_ref().is_none_or(|of| is_same(of, &database));
                    is_there && is_same(name, &table)
                };
                if touched.iter().any(is_it) {
                    return Err(Error::VectorIndex {
                        table: table.to_string_lossy().into_owned(),
                        index: index.to_string_lossy().into_owned(),
                    });
                }
            }
        }
        Ok(())
    }

    /// The tables that a statement reads or writes. Prepares the statement once more, in a dry run.
    fn touched_tables(&self, sql: &str) -> Vec<TableName> {
        self.recorder.aside(|| {
            self.recorder.set_dry_run(true);
            self.recorder.tables().begin();
            // The statement was prepared before, and an error was reported then.
            let _ = Batch::new(&self.raw, sql).next();
            let tables = self.recorder.tables().end();
            self.recorder.set_dry_run(false);
            tables
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

    /// The names of the vector indexes of a database, each with the name of its table.
    fn vector_indexes(&self, database: &CStr) -> rusqlite::Result<Vec<(CString, CString)>> {
        let mut sql = b"SELECT name, tbl_name FROM \"".to_vec();
        for byte in database.to_bytes() {
            sql.extend_from_slice(if *byte == b'"' { b"\"\"" } else { std::slice::from_ref(byte) });
        }
        sql.extend_from_slice(b"\".sqlite_schema WHERE type = 'index' AND instr(lower(sql), '");
        sql.extend_from_slice(INDEX_FUNCTION.as_bytes());
        sql.extend_from_slice(b"')");
        let sql = CString::new(sql)?;
        let mut found = Vec::new();
        // SAFETY: the connection is open, and only this thread uses it. The text ends with NUL.
        // `take_names` gets the address of `found`, which lives longer than the call.
        let (code, message) = self.recorder.aside(|| unsafe {
            let handle = self.raw.handle();
            let rows = (&raw mut found).cast();
            let no_message = std::ptr::null_mut();
            match ffi::sqlite3_exec(handle, sql.as_ptr(), Some(take_names), rows, no_message) {
                ffi::SQLITE_OK => (ffi::SQLITE_OK, None),
                code => {
                    let text = CStr::from_ptr(ffi::sqlite3_errmsg(handle));
                    (code, Some(text.to_string_lossy().into_owned()))
                }
            }
        });
        match code {
            ffi::SQLITE_OK => Ok(found),
            code => Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), message)),
        }
    }
}

fn is_same(one: &CStr, other: &CStr) -> bool {
    one.to_bytes().eq_ignore_ascii_case(other.to_bytes())
}

/// Adds a row of two texts to a list (<https://sqlite.org/c3ref/exec.html>). Without memory, the process is
/// aborted, and nothing unwinds.
///
/// # Safety
/// `found` is the address of a `Vec<(CString, CString)>`. The row has two columns, each null or a text that
/// ends with NUL.
unsafe extern "C" fn take_names(
    found: *mut c_void,
    _columns: c_int,
    row: *mut *mut c_char,
    _names: *mut *mut c_char,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let found = &mut *found.cast::<Vec<(CString, CString)>>();
        let (name, table) = (*row, *row.add(1));
        if !name.is_null() && !table.is_null() {
            found.push((CStr::from_ptr(name).to_owned(), CStr::from_ptr(table).to_owned()));
        }
    }
    ffi::SQLITE_OK
}
