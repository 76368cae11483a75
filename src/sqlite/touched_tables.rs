//! Records the tables that a statement reads or writes.

use std::ffi::{CStr, CString};

use rusqlite::ffi;

use super::authorizer::Question;
use crate::sync::{Mutex, MutexGuard, lock};

/// A table: the name of its database and its own name. SQLite does not name the database of a `count(*)`.
pub type TableName = (Option<CString>, CString);

/// The tables that a statement reads or writes. None while nothing is to be recorded.
#[derive(Debug, Default)]
pub struct TouchedTables(Mutex<Option<Vec<Touched>>>);

/// A table, and whether the statement inserts or updates rows of it.
#[derive(Debug)]
struct Touched {
    name: TableName,
    is_written: bool,
}

impl TouchedTables {
    /// Records a question of the authorizer, between [`TouchedTables::begin`] and [`TouchedTables::end`].
    pub fn note(&self, question: &Question<'_>) {
        let mut wanted = self.lock();
        let Some(tables) = &mut *wanted else { return };
        match question.action {
            ffi::SQLITE_READ | ffi::SQLITE_INSERT | ffi::SQLITE_UPDATE | ffi::SQLITE_DELETE => {
                let Some(table) = question.first else { return };
                let name = (question.database.map(CStr::to_owned), table.to_owned());
                let is_written = matches!(question.action, ffi::SQLITE_INSERT | ffi::SQLITE_UPDATE);
                tables.push(Touched { name, is_written });
            }
            // SQLite asks about DROP TABLE before it asks about the table's rows. A statement that drops a
            // table records no tables.
            ffi::SQLITE_DROP_TABLE => *wanted = None,
            _ => {}
        }
    }

    /// Begins to record.
    pub fn begin(&self) {
        *self.lock() = Some(Vec::new());
    }

    /// Ends the recording. Returns the tables.
    pub fn end(&self) -> Vec<TableName> {
        let tables = self.lock().take().unwrap_or_default();
        tables.into_iter().map(|touched| touched.name).collect()
    }

    /// Ends the recording. Returns the tables into which the statement inserts rows, or whose rows it updates, each
    /// once.
    pub fn end_written(&self) -> Vec<TableName> {
        let tables = self.lock().take().unwrap_or_default();
        let mut written = Vec::new();
        for table in tables.into_iter().filter(|touched| touched.is_written) {
            if !written.contains(&table.name) {
                written.push(table.name);
            }
        }
        written
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<Touched>>> {
        lock(&self.0)
    }
}
