//! The tables that are RANDOM ROWID, and what a statement writes beside them.

use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::ffi;

use crate::sqlite::authorizer::Question;
use crate::sync::{Mutex, lock};

/// Names of the tables of the schema.
const SCHEMA_TABLES: [&[u8]; 2] = [b"sqlite_master", b"sqlite_temp_master"];

/// The tables of a connection's databases that are RANDOM ROWID.
#[derive(Debug, Default)]
pub struct RandomTables {
    has_any: AtomicBool,
    names: Mutex<Vec<String>>,
    inserts: AtomicBool,
    writes_schema: AtomicBool,
}

impl RandomTables {
    /// Whether there is one.
    pub fn has_any(&self) -> bool {
        self.has_any.load(Ordering::Relaxed)
    }

    /// Sets their names.
    pub fn set(&self, names: Vec<String>) {
        self.has_any.store(!names.is_empty(), Ordering::Relaxed);
        *lock(&self.names) = names;
    }

    /// The name of the first one.
    pub fn first(&self) -> Option<String> {
        lock(&self.names).first().cloned()
    }

    /// Clears what was noted, before the next statement is prepared.
    pub fn clear(&self) {
        if self.has_any() {
            self.inserts.store(false, Ordering::Relaxed);
            self.writes_schema.store(false, Ordering::Relaxed);
        }
    }

    /// Notes a question of SQLite.
    pub fn note(&self, question: &Question<'_>) {
        let Some(table) = question.first.filter(|_| self.has_any()) else { return };
        let is_insert = question.action == ffi::SQLITE_INSERT;
        let is_write =
            is_insert || matches!(question.action, ffi::SQLITE_UPDATE | ffi::SQLITE_DELETE);
        if is_write && SCHEMA_TABLES.contains(&table.to_bytes()) {
            self.writes_schema.store(true, Ordering::Relaxed);
        }
        let is = |name: &String| name.as_bytes().eq_ignore_ascii_case(table.to_bytes());
        if is_insert && lock(&self.names).iter().any(is) {
            self.inserts.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the statement inserts into one of them.
    pub fn inserts(&self) -> bool {
        self.inserts.load(Ordering::Relaxed)
    }

    /// Whether the statement writes to a table of the schema, as changes of the schema do, too.
    pub fn writes_schema(&self) -> bool {
        self.writes_schema.load(Ordering::Relaxed)
    }
}
