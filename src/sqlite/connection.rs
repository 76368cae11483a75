//! One SQLite connection: opened, running one statement at a time, closed with proof.

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use rusqlite::config::DbConfig;
use rusqlite::{InterruptHandle, ffi};

use super::callbacks::{CallbackHandle, end_running_statement_when};
use super::classify::{Recorder, StatementKind};
use super::codes::{SQLITE_BUSY, SQLITE_CANTOPEN, SQLITE_INTERRUPT, SQLITE_LOCKED};
use super::commits::Commits;
use super::error::primary_code;
use super::open::{self, Access, Location};
use super::statement_info::StatementInfo;
use super::{Error, FromValue, ToValue};
use crate::files::{FileId, OpenFile};
use crate::jobs::cancel::CancelReason;

/// How many prepared statements a connection keeps.
pub(super) const STATEMENTS: usize = 256;

/// A late cancel interrupts a statement at most once, the end of its transaction and the closing of its
/// client once more each.
pub(super) const MOST_INTERRUPTS: u32 = 3;

/// What a connection asks whoever uses it. SQLite asks some of it in the middle of a call: nothing of
/// it may use the connection.
pub trait Hooks: Send + Sync + 'static {
    /// Why the running job shall end, if it shall. Asked often.
    fn cancelled(&self) -> Option<CancelReason>;
    /// Waits until it is worth trying again for a lock that SQLite did not get. False where it is not.
    fn wait_for_lock(&self, wait: LockWait) -> bool;
    /// The connection has read its file for the first time: whatever a first reader must set right is
    /// right.
    fn has_read(&self) {}
    /// `PRAGMA busy_timeout`: sets it where a value is given. Answers what holds, in milliseconds.
    fn busy_timeout(&self, _set: Option<&str>) -> i64 {
        0
    }
    /// A statement ran that means something for other connections. `was_autocommit` says whether it was
    /// prepared outside of a transaction, when SQLite runs many PRAGMAs.
    fn ran(&self, _kind: &StatementKind, _was_autocommit: bool) {}
}

/// One question of SQLite's busy handler (<https://sqlite.org/c3ref/busy_handler.html>).
#[derive(Clone, Copy, Debug)]
pub struct LockWait {
    /// What the connection wants.
    pub wanted: Wanted,
    /// How often it was asked for this lock before.
    pub tries: usize,
    /// When it was asked first.
    pub began: Instant,
}

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// To read, or to begin writing: a writer is in the way.
    Begin,
    /// To commit, holding the write lock: readers are in the way.
    Commit,
}

/// Interrupts the statement that runs on a connection, from another thread.
pub struct Interrupter(InterruptHandle);

impl Interrupter {
    /// Does it.
    pub fn interrupt(&self) {
        self.0.interrupt();
    }
}

/// See the module's documentation.
pub struct Connection {
    // Closed before its entry in the registry of files goes.
    pub(super) raw: rusqlite::Connection,
    file: Option<OpenFile>,
    pub(super) hooks: Arc<dyn Hooks>,
    pub(super) recorder: Arc<Recorder>,
    pub(super) statements: HashMap<u32, StatementInfo>,
    has_read: Cell<bool>,
    pub(super) commits: Arc<Commits>,
    /// A statement runs whose effect is there already: no cancel ends it any more.
    is_past_cancelling: Arc<AtomicBool>,
    is_given_up: Cell<bool>,
}

/// See [`Connection::past_cancelling`].
pub(super) struct PastCancelling<'a>(&'a AtomicBool);

impl Drop for PastCancelling<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Connection").field("file", &self.file).finish_non_exhaustive()
    }
}

impl Connection {
    /// Opens a database for SQL of a client's: statements are classified while SQLite prepares them.
    ///
    /// # Errors
    /// [`Error::Open`] where SQLite cannot open the file, with what is wrong; [`Error::Leased`].
    pub fn open(location: &Location, access: Access, hooks: Arc<dyn Hooks>) -> Result<Self, Error> {
        let raw =
            open::open(location, access).map_err(|error| match (error, hooks.cancelled()) {
                // The wait for a lease ends with a cancel.
                (Error::Leased { .. }, Some(reason)) => Error::Cancelled(reason),
                (error, _) => error,
            })?;
        let mut connection = Self::with(raw, location.path(), hooks)?;
        connection.commits.watch(&mut connection.raw)?;
        let recorder = Arc::clone(&connection.recorder);
        recorder.know(CallbackHandle::of(&connection.raw));
        connection.raw.authorizer(Some(move |context: rusqlite::hooks::AuthContext<'_>| {
            recorder.authorize(&context)
        }))?;
        Ok(connection)
    }

    /// Opens a database that is there, by its real path, for SQL of our own.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn open_for_maintenance(
        path: &Path,
        access: Access,
        hooks: Arc<dyn Hooks>,
    ) -> Result<Self, Error> {
        let raw = open::open_real_path(path, access)?;
        Self::with(raw, Some(path), hooks)
    }

    /// A database in memory that nobody else has.
    #[cfg(test)]
    pub fn in_memory() -> Self {
        struct Never;
        impl Hooks for Never {
            fn cancelled(&self) -> Option<CancelReason> {
                None
            }
            fn wait_for_lock(&self, _: LockWait) -> bool {
                false
            }
        }
        let location = Location::Memory(":memory:".to_owned());
        Self::open(&location, Access::Create, Arc::new(Never)).unwrap()
    }

    fn with(
        mut raw: rusqlite::Connection,
        path: Option<&Path>,
        hooks: Arc<dyn Hooks>,
    ) -> Result<Self, Error> {
        let file = path.map(OpenFile::enter).transpose().map_err(|error| Error::Open {
            code: SQLITE_CANTOPEN,
            path: path.map_or_else(String::new, |path| path.display().to_string()),
            cause: error.to_string(),
        })?;
        raw.set_prepared_statement_cache_capacity(STATEMENTS);
        let is_past_cancelling = Arc::new(AtomicBool::new(false));
        let (asked, past) = (Arc::clone(&hooks), Arc::clone(&is_past_cancelling));
        end_running_statement_when(&mut raw, move || {
            asked.cancelled().is_some() && !past.load(Ordering::Relaxed)
        })?;
        install_busy_handler(&mut raw, Arc::clone(&hooks))?;
        Ok(Self {
            raw,
            file,
            hooks,
            recorder: Arc::default(),
            statements: HashMap::new(),
            has_read: Cell::new(false),
            commits: Arc::default(),
            is_past_cancelling,
            is_given_up: Cell::new(false),
        })
    }

    /// What another thread interrupts this connection with.
    pub fn interrupter(&self) -> Interrupter {
        Interrupter(self.raw.get_interrupt_handle())
    }

    /// Which file it has open, where it is a file.
    pub fn file_id(&self) -> Option<&FileId> {
        self.file.as_ref().map(OpenFile::id)
    }

    /// Whether no transaction is open.
    pub fn is_autocommit(&self) -> bool {
        self.raw.is_autocommit()
    }

    /// Runs a statement that is ours and has no rows: BEGIN, COMMIT, ROLLBACK, a PRAGMA.
    pub fn run_own(&self, sql: &str) -> Result<(), Error> {
        let ran = self.raw.prepare_cached(sql).and_then(|mut statement| {
            let commits = self.commits.only_in_steps();
            commits.step(&self.raw, || statement.raw_execute())
        });
        self.note_read();
        ran.map(drop).map_err(|error| self.error(error))
    }

    /// Runs our own statements, one after the other, without their rows.
    pub fn run_all(&self, sql: &str) -> Result<(), Error> {
        self.raw.execute_batch(sql).map_err(|error| self.error(error))
    }

    /// The value of a PRAGMA.
    pub fn pragma<T: FromValue>(&self, name: &str) -> Result<T, Error> {
        let value = self.raw.pragma_query_value(None, name, |row| row.get(0));
        value.map_err(|error| self.error(error))
    }

    /// Sets a PRAGMA whose answer says nothing.
    pub fn set_pragma(&self, name: &str, value: impl ToValue) -> Result<(), Error> {
        self.raw.pragma_update(None, name, value).map_err(|error| self.error(error))
    }

    /// Asks for a journal mode. Answers the mode that the database has then.
    pub fn set_journal_mode(&self, mode: &str) -> Result<String, Error> {
        let answer = |row: &rusqlite::Row<'_>| row.get(0);
        let answered = self.raw.pragma_update_and_check(None, "journal_mode", mode, answer);
        answered.map_err(|error| self.error(error))
    }

    /// The first column of the first rows of a query of ours.
    pub fn query<T: FromValue>(&self, sql: &str, most: usize) -> Result<Vec<T>, Error> {
        let query = || {
            let mut statement = self.raw.prepare(sql)?;
            let rows = statement.query_map([], |row| row.get(0))?;
            rows.take(most).collect::<rusqlite::Result<Vec<_>>>()
        };
        query().map_err(|error| self.error(error))
    }

    /// Tells the hooks once this connection has read the file. To be called between two calls of SQLite.
    pub(super) fn note_read(&self) {
        if !self.has_read.get() && self.pages_read() > 0 {
            self.has_read.set(true);
            self.hooks.has_read();
        }
    }

    /// How many pages it has read from the file. A BEGIN alone reads none, nor do many PRAGMAs.
    fn pages_read(&self) -> i32 {
        let (mut read, mut highest) = (0, 0);
        // SAFETY: the connection is open, and nobody else uses it; the numbers live as long as the call.
        unsafe {
            ffi::sqlite3_db_status(
                self.raw.handle(),
                ffi::SQLITE_DBSTATUS_CACHE_MISS,
                &raw mut read,
                &raw mut highest,
                0,
            );
        }
        read
    }

    /// Rolls back whatever transaction is open. A cancel that comes late for the last statement may
    /// still interrupt the first try.
    pub fn roll_back(&self) -> Result<(), Error> {
        let mut result = Ok(());
        for _ in 0..MOST_INTERRUPTS {
            if self.raw.is_autocommit() {
                return Ok(());
            }
            result = self.run_own("ROLLBACK");
        }
        if self.raw.is_autocommit() { Ok(()) } else { result }
    }

    /// Has foreign keys checked, or not. Answers whether they were. Unlike the PRAGMA it is no
    /// statement: nothing interrupts it, and it works inside a transaction
    /// (<https://sqlite.org/c3ref/c_dbconfig_defensive.html>, SQLITE_DBCONFIG_ENABLE_FKEY).
    pub fn check_foreign_keys(&self, check: bool) -> Result<bool, Error> {
        let before = self.raw.db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY)?;
        self.raw.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, check)?;
        Ok(before)
    }

    /// What was changed on this connection for a while could not be put back: no further call may run
    /// on it.
    pub fn give_up(&self) {
        self.is_given_up.set(true);
    }

    /// Whether no further call may run on it.
    pub fn is_given_up(&self) -> bool {
        self.is_given_up.get()
    }

    /// No cancel ends what runs while the answer lives: its effect is there already.
    pub(super) fn past_cancelling(&self) -> PastCancelling<'_> {
        self.is_past_cancelling.store(true, Ordering::Relaxed);
        PastCancelling(&self.is_past_cancelling)
    }

    /// How often something was committed on this connection.
    pub fn commits(&self) -> u64 {
        self.commits.count()
    }

    /// An error of SQLite, or the cancel that stands behind it.
    pub(super) fn error(&self, error: rusqlite::Error) -> Error {
        match (primary_code(&error), self.hooks.cancelled()) {
            (
                Some(SQLITE_INTERRUPT | SQLITE_BUSY | SQLITE_LOCKED | SQLITE_CANTOPEN),
                Some(reason),
            ) => Error::Cancelled(reason),
            _ => error.into(),
        }
    }

    /// Closes the connection and proves it: SQLite must answer OK, with nothing left of it. The hooks
    /// must say nothing of a cancel any more.
    ///
    /// # Errors
    /// SQLite's own, where it keeps the connection: a statement of ours was not finalized.
    pub fn close(mut self) -> Result<(), Error> {
        self.statements.clear();
        if !self.raw.is_autocommit() {
            // An error (a failing disk) leaves the journal for the next opener to roll back.
            let _ = self.raw.execute_batch("ROLLBACK");
        }
        self.raw.flush_prepared_statement_cache();
        // Nothing waits for a lock from here on.
        let _ = self.raw.busy_handler(None::<fn(i32) -> bool>);
        // An interrupt that came too late for its statement stays set until the next one begins, and
        // would make the closing checkpoint fail while sqlite3_close answers OK: one trivial step. It
        // must not touch the file: even SELECT 1 reads the schema first.
        let _ = self.raw.execute_batch("PRAGMA busy_timeout");
        self.raw.close().map_err(|(_, error)| Error::from(error))
    }
}

/// Waits for locks where a cancel finds the wait.
fn install_busy_handler(
    raw: &mut rusqlite::Connection,
    hooks: Arc<dyn Hooks>,
) -> rusqlite::Result<()> {
    let handle = CallbackHandle::of(raw);
    let mut began = Instant::now();
    raw.busy_handler(Some(move |tries: i32| {
        if tries == 0 {
            began = Instant::now();
        }
        // A connection that has the write lock and still waits wants the readers gone: to commit, or to
        // spill its cache.
        let wanted = if handle.is_writing() { Wanted::Commit } else { Wanted::Begin };
        let tries = usize::try_from(tries).unwrap_or(usize::MAX);
        hooks.wait_for_lock(LockWait { wanted, tries, began })
    }))
}

/// The seconds since 1970 as a date and time in UTC, for example `20260102T030405Z`. SQLite knows the
/// calendar; should it have no memory for that, the seconds do as well.
pub fn utc_timestamp(seconds: u64) -> String {
    let text = rusqlite::Connection::open_in_memory().and_then(|sqlite| {
        let sql = "SELECT strftime('%Y%m%dT%H%M%SZ', ?, 'unixepoch')";
        sqlite.query_row(sql, [i64::try_from(seconds).unwrap_or(i64::MAX)], |row| row.get(0))
    });
    text.unwrap_or_else(|_| seconds.to_string())
}
