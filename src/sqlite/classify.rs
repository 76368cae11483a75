//! Classifies statements, when SQLite prepares them, by the questions that SQLite asks the authorizer
//! (<https://sqlite.org/c3ref/set_authorizer.html>). `sqlite3_stmt_readonly` is not enough: it is true for
//! ATTACH, for most PRAGMAs and for BEGIN.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use rusqlite::ffi;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization, TransactionOperation};

use super::callbacks::CallbackHandle;
use super::pragma::Pragma;
use super::touched_tables::TouchedTables;
use crate::sync::{Mutex, lock};

const INSERT: u8 = 1;
const SCHEMA: u8 = 2;
const PRAGMA: u8 = 4;
const OTHER_DATABASE: u8 = 8;
const TABLE: u8 = 16;
const BEGIN: u8 = 32;
const CHANGE: u8 = 64;

/// The schema table, which SQLite asks about before it knows whether CREATE TABLE IF NOT EXISTS changes it.
const SCHEMA_TABLES: [&str; 2] = ["sqlite_master", "sqlite_temp_master"];

const BUSY_TIMEOUT: &str = "busy_timeout";

/// The authorizer of a connection. It records what SQLite asks while it prepares a statement.
#[derive(Debug, Default)]
pub struct Recorder {
    flags: AtomicU8,
    pragma: Mutex<Option<Pragma>>,
    dry_run: AtomicBool,
    tables: TouchedTables,
    /// The handle of the connection.
    handle: OnceLock<CallbackHandle>,
    /// Whether a statement is refused if the schema has changed since it was prepared.
    refuses_stale: AtomicBool,
    /// Whether the first step of a statement that writes is running.
    is_first_step: AtomicBool,
    was_stale: AtomicBool,
}

/// What a statement does, as far as SQLite's own functions do not say it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatementKind {
    /// Whether the statement inserts rows and does not change the schema.
    pub inserts: bool,
    /// Whether the statement makes state that belongs to one connection: TEMP, ATTACH, an exclusive
    /// locking mode.
    pub pins_connection: bool,
    /// Whether the statement begins a transaction (BEGIN, SAVEPOINT) if none is open.
    pub begins: bool,
    /// Whether the statement changes tables or the schema. CREATE TABLE IF NOT EXISTS does not if the table
    /// is there, although `sqlite3_stmt_readonly` is false for it.
    pub changes: bool,
    /// The PRAGMA, if the statement is one.
    pub pragma: Option<Pragma>,
    /// Whether SQLite has asked nothing about the statement. Of the statements that write, this holds for
    /// VACUUM alone.
    pub is_unknown: bool,
}

impl StatementKind {
    /// Whether the statement is `PRAGMA busy_timeout`, which latchdb answers itself.
    pub fn is_busy_timeout(&self) -> bool {
        self.pragma.as_ref().is_some_and(|pragma| pragma.name == BUSY_TIMEOUT)
    }

    /// Whether the statement makes a setting of the connection.
    pub fn is_setting(&self) -> bool {
        self.pragma.as_ref().is_some_and(Pragma::is_setting)
    }

    /// The value that the PRAGMA sets. None if the statement is no PRAGMA or has no value.
    pub fn value(&self) -> Option<&str> {
        self.pragma.as_ref().and_then(|pragma| pragma.value.as_deref())
    }

    /// Whether the statement, if it writes, needs a file that no other connection is reading.
    pub fn needs_exclusive_lock(&self) -> bool {
        self.is_unknown || self.pragma.as_ref().is_some_and(Pragma::needs_exclusive_lock)
    }

    /// Whether the statement takes effect when it is prepared, before its first step.
    pub fn is_made_when_prepared(&self) -> bool {
        self.pragma.as_ref().is_some_and(Pragma::is_made_when_prepared)
    }
}

impl Recorder {
    /// Clears the record, before the next statement is prepared.
    pub fn clear(&self) {
        if self.flags.swap(0, Ordering::Relaxed) & PRAGMA != 0 {
            *lock(&self.pragma) = None;
        }
    }

    /// The kind of the statement that was prepared since the last [`Recorder::clear`].
    pub fn kind(&self) -> StatementKind {
        let flags = self.flags.load(Ordering::Relaxed);
        let pragma = if flags & PRAGMA == 0 { None } else { lock(&self.pragma).clone() };
        let exclusive = pragma.as_ref().is_some_and(|pragma| {
            pragma.name == "locking_mode"
                && pragma
                    .value
                    .as_deref()
                    .is_some_and(|mode| mode.eq_ignore_ascii_case("exclusive"))
        });
        StatementKind {
            inserts: flags & INSERT != 0 && flags & SCHEMA == 0,
            pins_connection: flags & OTHER_DATABASE != 0 || exclusive,
            begins: flags & BEGIN != 0,
            changes: flags & CHANGE != 0,
            is_unknown: flags == 0,
            pragma,
        }
    }

    /// Begins or ends a dry run, in which a PRAGMA has no effect. SQLite runs many PRAGMAs when it prepares
    /// them.
    pub fn set_dry_run(&self, dry_run: bool) {
        self.dry_run.store(dry_run, Ordering::Relaxed);
    }

    /// Sets the handle of the connection, once.
    pub fn know(&self, handle: CallbackHandle) {
        let _ = self.handle.set(handle);
    }

    /// Sets whether a statement that writes is refused if the schema has changed since it was prepared.
    pub fn refuse_stale(&self, refuse: bool) {
        self.refuses_stale.store(refuse, Ordering::Relaxed);
        self.was_stale.store(false, Ordering::Relaxed);
    }

    /// Whether it is refused.
    pub fn refuses_stale(&self) -> bool {
        self.refuses_stale.load(Ordering::Relaxed)
    }

    /// Steps a statement. If the schema has changed since the statement was prepared, SQLite prepares it
    /// again in its first step, before the statement has any effect. The statement may then mean something
    /// else. The authorizer denies this for a statement that writes, so that the statement can be prepared
    /// and checked again.
    pub fn first_step<T>(&self, is_first_of_write: bool, step: impl FnOnce() -> T) -> T {
        if !is_first_of_write || !self.refuses_stale() {
            return step();
        }
        self.is_first_step.store(true, Ordering::Relaxed);
        let result = step();
        self.is_first_step.store(false, Ordering::Relaxed);
        result
    }

    /// Whether the last statement was refused because the schema had changed.
    pub fn was_stale(&self) -> bool {
        self.was_stale.load(Ordering::Relaxed)
    }

    /// Whether SQLite is preparing again the statement whose first step is running. Statements that this
    /// statement prepares itself, as virtual tables do, are prepared while it runs; they do not count.
    fn is_stale(&self) -> bool {
        self.is_first_step.load(Ordering::Relaxed)
            && self.handle.get().is_some_and(|handle| !handle.runs_a_statement())
    }

    /// Whether the statement reads or writes a table.
    pub fn touches_a_table(&self) -> bool {
        self.flags.load(Ordering::Relaxed) & TABLE != 0
    }

    /// The recorder of the tables that a statement reads or writes.
    pub fn tables(&self) -> &TouchedTables {
        &self.tables
    }

    /// A copy of the record, to be restored after statements of our own.
    pub fn snapshot(&self) -> (u8, Option<Pragma>) {
        let pragma = lock(&self.pragma).clone();
        (self.flags.load(Ordering::Relaxed), pragma)
    }

    /// Restores a copy of the record.
    pub fn restore(&self, (flags, pragma): (u8, Option<Pragma>)) {
        self.flags.store(flags, Ordering::Relaxed);
        *lock(&self.pragma) = pragma;
    }

    /// The authorizer callback: records one question of SQLite, and answers it. All actions are allowed,
    /// except three. A PRAGMA in a dry run is ignored. `PRAGMA busy_timeout` is ignored, because SQLite
    /// would replace our busy handler by its own; latchdb answers it. A stale statement is denied.
    pub fn authorize(&self, context: &AuthContext<'_>) -> Authorization {
        if self.is_stale() {
            self.was_stale.store(true, Ordering::Relaxed);
            return Authorization::Deny;
        }
        self.tables.note(context);
        let in_main = context.database_name.is_none_or(|name| name == "main");
        match context.action {
            // Inserts of a trigger do not count as inserts of the statement.
            AuthAction::Insert { table_name } if context.accessor.is_none() => {
                let is_schema = SCHEMA_TABLES.contains(&table_name);
                self.set(INSERT | TABLE | if is_schema { 0 } else { CHANGE });
            }
            AuthAction::Read { .. } => self.set(TABLE),
            AuthAction::Insert { .. }
            | AuthAction::Update { .. }
            | AuthAction::Delete { .. } => self.set(TABLE | CHANGE),
            AuthAction::CreateTempIndex { .. }
            | AuthAction::CreateTempTable { .. }
            | AuthAction::CreateTempTrigger { .. }
            | AuthAction::CreateTempView { .. }
            | AuthAction::Attach { .. }
            // SQLite does not know the file's name yet if it is a parameter or an expression.
            | AuthAction::Unknown { code: ffi::SQLITE_ATTACH, .. } => {
                self.set(SCHEMA | OTHER_DATABASE);
            }
            // SQLite asks this before it looks whether the table or the view is there.
            AuthAction::CreateTable { .. } | AuthAction::CreateView { .. } => {
                self.set(if in_main { SCHEMA } else { SCHEMA | OTHER_DATABASE });
            }
            AuthAction::CreateIndex { .. }
            | AuthAction::CreateTrigger { .. }
            | AuthAction::CreateVtable { .. } => {
                self.set(CHANGE | if in_main { SCHEMA } else { SCHEMA | OTHER_DATABASE });
            }
            AuthAction::DropIndex { .. }
            | AuthAction::DropTable { .. }
            | AuthAction::DropTrigger { .. }
            | AuthAction::DropView { .. }
            | AuthAction::DropVtable { .. }
            | AuthAction::AlterTable { .. }
            | AuthAction::Reindex { .. }
            | AuthAction::Analyze { .. } => self.set(SCHEMA | CHANGE),
            AuthAction::Transaction { operation: TransactionOperation::Begin }
            | AuthAction::Savepoint { operation: TransactionOperation::Begin, .. } => {
                self.set(BEGIN);
            }
            AuthAction::Pragma { pragma_name, pragma_value } => {
                self.set(PRAGMA);
                let name = pragma_name.to_ascii_lowercase();
                let ignore = name == BUSY_TIMEOUT || self.dry_run.load(Ordering::Relaxed);
                *lock(&self.pragma) =
                    Some(Pragma { name, value: pragma_value.map(ToOwned::to_owned) });
                if ignore {
                    return Authorization::Ignore;
                }
            }
            _ => {}
        }
        Authorization::Allow
    }

    fn set(&self, flags: u8) {
        self.flags.fetch_or(flags, Ordering::Relaxed);
    }
}
