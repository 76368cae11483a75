//! The columns of a statement, whose names may be no UTF-8.
//!
//! rusqlite panics on such a name, and does not give its statement's handle away. SQLite itself lists the
//! statements of a connection, so this module looks the handle up there.

use std::ffi::{CStr, c_char};

use rusqlite::{Connection, Statement, StatementStatus, ffi};

/// A column of a statement's rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The name of the column, with U+FFFD for what is not UTF-8.
    pub name: String,
    /// The declared type, if the column is one of a table. Otherwise empty.
    pub declared_type: String,
}

impl Column {
    /// The number of bytes of an announcement of the column: both texts and their lengths.
    pub fn bytes(&self) -> usize {
        self.name.len() + self.declared_type.len() + 8
    }
}

/// The columns of a statement's rows.
pub fn columns_of(connection: &Connection, statement: &Statement<'_>) -> Vec<Column> {
    if statement.column_count() == 0 {
        return Vec::new();
    }
    let Some(handle) = handle_of(connection, statement) else {
        return columns_of_rusqlite(statement);
    };
    // SAFETY: the statement is alive, so its handle is valid, and only this thread uses the connection.
    // Each text is copied before the next call of SQLite. An index beyond the last column gives null.
    let columns = (0..).take(statement.column_count()).map(|index| unsafe {
        Column {
            name: text(ffi::sqlite3_column_name(handle, index)),
            declared_type: text(ffi::sqlite3_column_decltype(handle, index)),
        }
    });
    columns.collect()
}

/// Where the columns of a statement's rows come from: a database, a table and a column of it, or an expression
/// (<https://sqlite.org/c3ref/column_database_name.html>).
pub fn origins_of(
    connection: &Connection,
    statement: &Statement<'_>,
) -> Vec<Option<(String, String, String)>> {
    let Some(handle) = handle_of(connection, statement) else { return Vec::new() };
    let origins = (0..).take(statement.column_count()).map(|index| {
        // SAFETY: as in `columns_of`.
        let origin = unsafe {
            (
                text(ffi::sqlite3_column_database_name(handle, index)),
                text(ffi::sqlite3_column_table_name(handle, index)),
                text(ffi::sqlite3_column_origin_name(handle, index)),
            )
        };
        (!origin.1.is_empty()).then_some(origin)
    });
    origins.collect()
}

/// The tables of the columns of a statement's rows, by the names that they have in the schema. Empty for an expression.
pub fn tables_of(connection: &Connection, statement: &Statement<'_>) -> Vec<String> {
    let origins = origins_of(connection, statement);
    origins
        .into_iter()
        .map(|origin| origin.map_or_else(String::new, |(_, table, _)| table))
        .collect()
}

/// The handle of a statement. Statements with the same text and the same counters are alike: the newest one,
/// which SQLite lists first, is the one in use. Our connection has at most one other one, in the cache.
fn handle_of(connection: &Connection, statement: &Statement<'_>) -> Option<*mut ffi::sqlite3_stmt> {
    let sql = statement.expanded_sql();
    let counters = [
        (StatementStatus::Run, ffi::SQLITE_STMTSTATUS_RUN),
        (StatementStatus::RePrepare, ffi::SQLITE_STMTSTATUS_REPREPARE),
        (StatementStatus::VmStep, ffi::SQLITE_STMTSTATUS_VM_STEP),
    ];
    let mut candidate = std::ptr::null_mut();
    loop {
        // SAFETY: the connection is open, and only this thread uses it. `candidate` is null or one of its
        // statements, and no statement ends during the loop.
        candidate = unsafe { ffi::sqlite3_next_stmt(connection.handle(), candidate) };
        if candidate.is_null() {
            return None;
        }
        // SAFETY: the statement is one of the connection's. The functions only read.
        let counter = |number| unsafe { ffi::sqlite3_stmt_status(candidate, number, 0) };
        let is_alike =
            counters.iter().all(|(of, number)| statement.get_status(*of) == counter(*number));
        if is_alike && expanded(candidate) == sql {
            return Some(candidate);
        }
    }
}

/// The text of a statement, with its arguments.
fn expanded(statement: *mut ffi::sqlite3_stmt) -> Option<String> {
    // SAFETY: the statement is one of the connection's. The text is copied, and freed once.
    unsafe {
        let sql = ffi::sqlite3_expanded_sql(statement);
        let copied = (!sql.is_null()).then(|| text(sql));
        ffi::sqlite3_free(sql.cast());
        copied
    }
}

/// A copy of a C string. Empty for null.
///
/// # Safety
/// `text` is null, or ends with NUL.
unsafe fn text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

fn columns_of_rusqlite(statement: &Statement<'_>) -> Vec<Column> {
    let column = |column: rusqlite::Column<'_>| Column {
        name: column.name().to_owned(),
        declared_type: column.decl_type().unwrap_or("").to_owned(),
    };
    statement.columns().map(column).collect()
}
