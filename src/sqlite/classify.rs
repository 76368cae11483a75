//! What kind of statement it is: decided once, when SQLite prepares it, by what it asks the
//! authorizer (<https://sqlite.org/c3ref/set_authorizer.html>). `sqlite3_stmt_readonly` is not
//! enough: it is true for ATTACH, for most PRAGMAs and for BEGIN.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use rusqlite::ffi;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

use super::callbacks::CallbackHandle;
use super::pragma::Pragma;
use super::touched_tables::TouchedTables;
use crate::sync::{Mutex, lock};

const INSERT: u8 = 1;
const SCHEMA: u8 = 2;
const PRAGMA: u8 = 4;
const OTHER_DATABASE: u8 = 8;
const TABLE: u8 = 16;

const BUSY_TIMEOUT: &str = "busy_timeout";

/// What the authorizer was asked while one statement was prepared.
#[derive(Debug, Default)]
pub struct Recorder {
    flags: AtomicU8,
    pragma: Mutex<Option<Pragma>>,
    dry_run: AtomicBool,
    tables: TouchedTables,
    /// The connection whose statements they are.
    handle: OnceLock<CallbackHandle>,
    /// Statements of a schema that has changed since are refused.
    refuses_stale: AtomicBool,
    /// A statement that writes is about to begin.
    is_first_step: AtomicBool,
    was_stale: AtomicBool,
}

/// What a statement does, beyond what SQLite says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatementKind {
    /// It inserts rows, and is not a change of the schema.
    pub inserts: bool,
    /// It makes what lives on one connection only: TEMP, ATTACH, an exclusive locking mode.
    pub pins_connection: bool,
    /// It is a PRAGMA.
    pub pragma: Option<Pragma>,
}

impl StatementKind {
    /// Whether it is `PRAGMA busy_timeout`, which we answer.
    pub fn is_busy_timeout(&self) -> bool {
        self.pragma.as_ref().is_some_and(|pragma| pragma.name == BUSY_TIMEOUT)
    }

    /// Whether it makes a setting of the connection.
    pub fn is_setting(&self) -> bool {
        self.pragma.as_ref().is_some_and(Pragma::is_setting)
    }

    /// What the PRAGMA is set to, where it is one that is set.
    pub fn value(&self) -> Option<&str> {
        self.pragma.as_ref().and_then(|pragma| pragma.value.as_deref())
    }

    /// Whether its effect is there as soon as it is prepared.
    pub fn is_made_when_prepared(&self) -> bool {
        self.pragma.as_ref().is_some_and(Pragma::is_made_when_prepared)
    }
}

impl Recorder {
    /// Forgets the last statement.
    pub fn clear(&self) {
        if self.flags.swap(0, Ordering::Relaxed) & PRAGMA != 0 {
            *lock(&self.pragma) = None;
        }
    }

    /// What was recorded since.
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
            pragma,
        }
    }

    /// In a dry run PRAGMA statements have no effect: SQLite runs many of them when it prepares them.
    pub fn set_dry_run(&self, dry_run: bool) {
        self.dry_run.store(dry_run, Ordering::Relaxed);
    }

    /// Which connection it is.
    pub fn know(&self, handle: CallbackHandle) {
        let _ = self.handle.set(handle);
    }

    /// Whether a statement that writes is refused where the schema has changed since it was prepared.
    pub fn refuse_stale(&self, refuse: bool) {
        self.refuses_stale.store(refuse, Ordering::Relaxed);
        self.was_stale.store(false, Ordering::Relaxed);
    }

    /// Steps a statement. In the first step of one that writes, SQLite finds that the schema has changed
    /// since it was prepared, before the statement has any effect, and prepares it anew: then it may
    /// mean something else. We say no to that, so that the statement can be looked at again.
    pub fn first_step<T>(&self, is_first_of_write: bool, step: impl FnOnce() -> T) -> T {
        if !is_first_of_write || !self.refuses_stale.load(Ordering::Relaxed) {
            return step();
        }
        self.is_first_step.store(true, Ordering::Relaxed);
        let result = step();
        self.is_first_step.store(false, Ordering::Relaxed);
        result
    }

    /// Whether the last statement was refused for that.
    pub fn was_stale(&self) -> bool {
        self.was_stale.load(Ordering::Relaxed)
    }

    /// Whether SQLite prepares the statement anew whose first step this is. What that prepares by
    /// itself, as virtual tables do, is prepared while it runs.
    fn is_stale(&self) -> bool {
        self.is_first_step.load(Ordering::Relaxed)
            && self.handle.get().is_some_and(|handle| !handle.runs_a_statement())
    }

    /// Whether a table was read or written.
    pub fn touches_a_table(&self) -> bool {
        self.flags.load(Ordering::Relaxed) & TABLE != 0
    }

    /// The tables that statements touch.
    pub fn tables(&self) -> &TouchedTables {
        &self.tables
    }

    /// What was recorded, to be restored after statements of our own.
    pub fn snapshot(&self) -> (u8, Option<Pragma>) {
        let pragma = lock(&self.pragma).clone();
        (self.flags.load(Ordering::Relaxed), pragma)
    }

    /// Puts it back.
    pub fn restore(&self, (flags, pragma): (u8, Option<Pragma>)) {
        self.flags.store(flags, Ordering::Relaxed);
        *lock(&self.pragma) = pragma;
    }

    /// Records one question. Everything is allowed, but `PRAGMA busy_timeout`, which we answer:
    /// SQLite would put its own busy handler in the place of ours.
    pub fn authorize(&self, context: &AuthContext<'_>) -> Authorization {
        if self.is_stale() {
            self.was_stale.store(true, Ordering::Relaxed);
            return Authorization::Deny;
        }
        self.tables.note(context);
        let in_main = context.database_name.is_none_or(|name| name == "main");
        match context.action {
            // A trigger's own inserts are not the statement's.
            AuthAction::Insert { .. } if context.accessor.is_none() => self.set(INSERT | TABLE),
            AuthAction::Read { .. }
            | AuthAction::Insert { .. }
            | AuthAction::Update { .. }
            | AuthAction::Delete { .. } => self.set(TABLE),
            AuthAction::CreateTempIndex { .. }
            | AuthAction::CreateTempTable { .. }
            | AuthAction::CreateTempTrigger { .. }
            | AuthAction::CreateTempView { .. }
            | AuthAction::Attach { .. }
            // Where the file's name is a parameter or an expression, SQLite does not know it yet.
            | AuthAction::Unknown { code: ffi::SQLITE_ATTACH, .. } => {
                self.set(SCHEMA | OTHER_DATABASE);
            }
            AuthAction::CreateIndex { .. }
            | AuthAction::CreateTable { .. }
            | AuthAction::CreateTrigger { .. }
            | AuthAction::CreateView { .. }
            | AuthAction::CreateVtable { .. } => {
                self.set(if in_main { SCHEMA } else { SCHEMA | OTHER_DATABASE });
            }
            AuthAction::DropIndex { .. }
            | AuthAction::DropTable { .. }
            | AuthAction::DropTrigger { .. }
            | AuthAction::DropView { .. }
            | AuthAction::DropVtable { .. }
            | AuthAction::AlterTable { .. }
            | AuthAction::Reindex { .. }
            | AuthAction::Analyze { .. } => self.set(SCHEMA),
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
