//! What kind of statement it is: decided once, when SQLite prepares it, by what it asks the
//! authorizer (<https://sqlite.org/c3ref/set_authorizer.html>). `sqlite3_stmt_readonly` is not
//! enough: it is true for ATTACH, for most PRAGMAs and for BEGIN.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};

use rusqlite::ffi;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

use super::settings::Pragma;
use super::vector_index::TouchedTables;

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
    looking: AtomicBool,
    tables: TouchedTables,
}

/// What a statement does, beyond what SQLite says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kind {
    /// It inserts rows, and is not a change of the schema.
    pub inserts: bool,
    /// It makes what lives on one connection only: TEMP, ATTACH, an exclusive locking mode.
    pub ties_to_connection: bool,
    /// It is a PRAGMA.
    pub pragma: Option<Pragma>,
}

impl Kind {
    /// Whether it is `PRAGMA busy_timeout`, which we answer.
    pub fn is_busy_timeout(&self) -> bool {
        self.pragma.as_ref().is_some_and(|pragma| pragma.name == BUSY_TIMEOUT)
    }

    /// Whether it makes a setting of the connection.
    pub fn is_setting(&self) -> bool {
        self.pragma.as_ref().is_some_and(Pragma::is_setting)
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
            *self.pragma.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    /// What was recorded since.
    pub fn kind(&self) -> Kind {
        let flags = self.flags.load(Ordering::Relaxed);
        let pragma = if flags & PRAGMA == 0 {
            None
        } else {
            self.pragma.lock().unwrap_or_else(PoisonError::into_inner).clone()
        };
        let exclusive = pragma.as_ref().is_some_and(|pragma| {
            pragma.name == "locking_mode"
                && pragma
                    .value
                    .as_deref()
                    .is_some_and(|mode| mode.eq_ignore_ascii_case("exclusive"))
        });
        Kind {
            inserts: flags & INSERT != 0 && flags & SCHEMA == 0,
            ties_to_connection: flags & OTHER_DATABASE != 0 || exclusive,
            pragma,
        }
    }

    /// While it looks, PRAGMA statements have no effect: SQLite runs many of them when it prepares
    /// them.
    pub fn look(&self, looking: bool) {
        self.looking.store(looking, Ordering::Relaxed);
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
        let pragma = self.pragma.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (self.flags.load(Ordering::Relaxed), pragma)
    }

    /// Puts it back.
    pub fn restore(&self, (flags, pragma): (u8, Option<Pragma>)) {
        self.flags.store(flags, Ordering::Relaxed);
        *self.pragma.lock().unwrap_or_else(PoisonError::into_inner) = pragma;
    }

    /// Records one question. Everything is allowed, but `PRAGMA busy_timeout`, which we answer:
    /// SQLite would put its own busy handler in the place of ours.
    pub fn authorize(&self, context: &AuthContext<'_>) -> Authorization {
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
                let ignore = name == BUSY_TIMEOUT || self.looking.load(Ordering::Relaxed);
                *self.pragma.lock().unwrap_or_else(PoisonError::into_inner) =
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
