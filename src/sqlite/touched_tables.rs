//! Records the tables that a statement reads or writes.

use std::ffi::{CStr, CString};

use rusqlite::ffi;

use super::authorizer::Question;
use crate::sync::{Mutex, MutexGuard, lock};

/// A table: the name of its database and its own name. SQLite does not name the database of a `count(*)`.
pub type TableName = (Option<CString>, CString);

/// The tables that a statement reads or writes. None while nothing is to be recorded.
#[derive(Debug, Default)]
pub struct TouchedTables(Mutex<Option<Recording>>);

#[derive(Debug, Default)]
struct Recording {
    tables: Vec<Touched>,
    dropped: Option<Dropped>,
}

/// A table that a statement drops, and the number of questions about deleting its rows.
#[derive(Debug)]
struct Dropped {
    name: TableName,
    deletes: u32,
}

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
        let Some(recording) = &mut *wanted else { return };
        let Some(table) = question.first else { return };
        let name = (question.database.map(CStr::to_owned), table.to_owned());
        match (question.action, &mut recording.dropped) {
            (ffi::SQLITE_DROP_TABLE, _) => {
                recording.tables.clear();
                recording.dropped = Some(Dropped { name, deletes: 0 });
            }
            // A statement that drops a table touches no other one. SQLite always asks whether it may delete the rows.
            // It asks once more if foreign keys make it delete one row after the other
            // (https://sqlite.org/foreignkeys.html#fk_schemacommands).
            (ffi::SQLITE_DELETE, Some(dropped)) if dropped.name == name => {
                dropped.deletes += 1;
                if dropped.deletes > 1 {
                    recording.tables.push(Touched { name, is_written: false });
                }
            }
            (_, Some(_)) => {}
            (
                ffi::SQLITE_READ | ffi::SQLITE_INSERT | ffi::SQLITE_UPDATE | ffi::SQLITE_DELETE,
                None,
            ) => {
                let is_written = matches!(question.action, ffi::SQLITE_INSERT | ffi::SQLITE_UPDATE);
                recording.tables.push(Touched { name, is_written });
            }
            _ => {}
        }
    }

    /// Begins to record.
    pub fn begin(&self) {
        *self.lock() = Some(Recording::default());
    }

    /// Ends the recording. Returns the tables, and the table that the statement drops.
    pub fn end(&self) -> (Vec<TableName>, Option<TableName>) {
        let Recording { tables, dropped } = self.end_all();
        let names = tables.into_iter().map(|touched| touched.name).collect();
        (names, dropped.map(|dropped| dropped.name))
    }

    /// Ends the recording. Returns the tables into which the statement inserts rows, or whose rows it updates, each
    /// once.
    pub fn end_written(&self) -> Vec<TableName> {
        let tables = self.end_all().tables;
        let mut written = Vec::new();
        for table in tables.into_iter().filter(|touched| touched.is_written) {
            if !written.contains(&table.name) {
                written.push(table.name);
            }
        }
        written
    }

    fn end_all(&self) -> Recording {
        self.lock().take().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Recording>> {
        lock(&self.0)
    }
}
