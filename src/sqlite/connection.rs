//! One SQLite connection: opening, running statements one at a time, and a closing that verifies that
//! SQLite has released everything.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use rusqlite::config::DbConfig;
use rusqlite::{InterruptHandle, TransactionState, ffi};
use rustc_hash::FxHashMap;

use super::authorizer;
use super::bounds::Bounds;
use super::callbacks::{CallbackHandle, end_running_statement_when};
use super::classify::Recorder;
use super::codes::{
    SQLITE_BUSY, SQLITE_CANTOPEN, SQLITE_CORRUPT, SQLITE_INTERRUPT, SQLITE_IOERR, SQLITE_LOCKED,
    SQLITE_READONLY, primary,
};
use super::commits::Commits;
use super::error::primary_code;
use super::hooks::{Hooks, LockWait, Wanted};
use super::kept_statements::KeptStatements;
use super::libsql::vector_functions;
use super::open::{self, Access, Location};
use super::past_cancelling::PastCancelling;
use super::statement_info::StatementInfo;
use super::uncounted::Uncounted;
use super::{Error, FromValue, ToValue, explained, functions};
use crate::files::system_error::advice;
use crate::files::{FileId, OpenFile};

/// The number of statements of our own that stay prepared (BEGIN, COMMIT and their kind).
const OWN_STATEMENTS: usize = 16;

/// How often late cancels can interrupt a statement: once each by the cancel of its job, the end of its
/// transaction, and the closing of its client.
pub(super) const MOST_INTERRUPTS: u32 = 3;

/// Interrupts the running statement of a connection, from another thread.
pub struct Interrupter(InterruptHandle);

impl Interrupter {
    /// Interrupts the running statement, which ends with SQLITE_INTERRUPT.
    pub fn interrupt(&self) {
        self.0.interrupt();
    }
}

/// One SQLite connection.
pub struct Connection {
    // Dropped before `file`, so that the connection is closed before its entry in the registry of open
    // files is removed, and before `commits` and `uncounted`, which its hooks and its functions use.
    pub(super) raw: KeptStatements,
    file: Option<OpenFile>,
    /// The path by which the file was opened, for the texts of errors.
    opened: Option<(PathBuf, Access)>,
    pub(super) hooks: Arc<dyn Hooks>,
    pub(super) recorder: Arc<Recorder>,
    pub(super) statements: FxHashMap<u32, Box<StatementInfo>>,
    has_read: Cell<bool>,
    pub(super) commits: Arc<Commits>,
    pub(super) uncounted: Arc<Uncounted>,
    /// The number of commits when `PRAGMA defer_foreign_keys` has run, which holds until the next one.
    pub(super) deferred_at: Cell<Option<u64>>,
    /// Whether the running statement has taken effect already, so that no cancel may end it.
    pub(super) is_past_cancelling: Arc<AtomicBool>,
    /// Whether the running statement runs in place.
    pub(super) is_in_place: Cell<bool>,
    pub(super) found: Cell<Found>,
    /// The connection's `wal_autocheckpoint`, if its checkpoints are made by another connection; else 0.
    pub(super) left_checkpoint_at: Cell<i32>,
    /// Whether each statement says when it has begun to read.
    pub(super) holds_snapshots: Cell<bool>,
    /// The bounds of a run in place.
    pub(super) bounds: Arc<Bounds>,
    /// Whether the running statement needs a file that no other connection is reading.
    is_exclusive: Arc<AtomicBool>,
    is_given_up: Cell<bool>,
    /// The shapes of closed cursors, which will not be used again.
    pub(super) closed_shapes: RefCell<Vec<u32>>,
    /// Whether vector indexes of libSQL are taken over.
    pub(super) adopts: Cell<bool>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Connection").field("file", &self.file).finish_non_exhaustive()
    }
}

impl Connection {
    /// Opens a database for the statements of a client, which are classified when SQLite prepares them.
    ///
    /// # Errors
    /// [`Error::Open`] if SQLite cannot open the file, with the cause; [`Error::Leased`] if another process
    /// holds a lease on the file; [`Error::Cancelled`].
    pub fn open(location: &Location, access: Access, hooks: Arc<dyn Hooks>) -> Result<Self, Error> {
        Self::open_with(location, access, hooks, None, &[])
    }

    /// The same, of a database in memory with this `content`, and of a connection with these `limits`.
    ///
    /// # Errors
    /// The same, and SQLite's for a content that is no database.
    pub fn open_with(
        location: &Location,
        access: Access,
        hooks: Arc<dyn Hooks>,
        content: Option<&[u8]>,
        limits: &[(i32, i32)],
    ) -> Result<Self, Error> {
        let mut raw =
            open::open(location, access).map_err(|error| match (error, hooks.cancelled()) {
                // A cancel has ended the wait for the lease.
                (Error::Leased { .. }, Some(reason)) => Error::Cancelled(reason),
                (error, _) => error,
            })?;
        if let Some(content) = content {
            open::fill(&mut raw, content)?;
        }
        let commits = Arc::default();
        Commits::watch(&commits, &mut raw)?;
        let opened = location.path().map(|path| (path, access));
        let connection = Self::with(raw, opened, hooks, commits)?;
        connection.uncounted.install(&connection.raw)?;
        let recorder = Arc::clone(&connection.recorder);
        recorder.know(CallbackHandle::of(&connection.raw));
        authorizer::install(&connection.raw, recorder)?;
        for (limit, value) in limits {
            open::set_limit(&connection.raw, *limit, *value)?;
        }
        Ok(connection)
    }

    /// Opens an existing database by its real path, for statements of our own.
    ///
    /// # Errors
    /// SQLite's error.
    pub fn open_for_maintenance(
        path: &Path,
        access: Access,
        hooks: Arc<dyn Hooks>,
    ) -> Result<Self, Error> {
        let raw = open::open_real_path(path, access)?;
        Self::with(raw, Some((path, access)), hooks, Arc::default())
    }

    /// A private in-memory database.
    #[cfg(test)]
    pub fn in_memory() -> Self {
        Self::of_test(&Location::Memory(":memory:".to_owned()))
    }

    /// A connection that waits for no lock, and is never cancelled.
    #[cfg(test)]
    pub fn of_test(location: &Location) -> Self {
        struct Never;
        impl Hooks for Never {
            fn cancelled(&self) -> Option<crate::jobs::cancel::CancelReason> {
                None
            }
            fn wait_for_lock(&self, _: LockWait) -> bool {
                false
            }
        }
        Self::open(location, Access::Create, Arc::new(Never)).unwrap()
    }

    fn with(
        mut raw: rusqlite::Connection,
        opened: Option<(&Path, Access)>,
        hooks: Arc<dyn Hooks>,
        commits: Arc<Commits>,
    ) -> Result<Self, Error> {
        let file = opened
            .map(|(path, _)| {
                OpenFile::enter_opened(path).map_err(|error| Error::Open {
                    code: SQLITE_CANTOPEN,
                    path: path.display().to_string(),
                    cause: format!("{error}{}", advice(&error)),
                })
            })
            .transpose()?;
        raw.set_prepared_statement_cache_capacity(OWN_STATEMENTS);
        let is_past_cancelling = Arc::new(AtomicBool::new(false));
        let bounds = Arc::new(Bounds::default());
        let (asked, past) = (Arc::clone(&hooks), Arc::clone(&is_past_cancelling));
        let (reached, preparing) = (Arc::clone(&bounds), Arc::clone(&bounds));
        let shall_end = move || {
            reached.are_reached()
                || (asked.cancelled().is_some() || reached.time_limit.ends_now())
                    && !past.load(Ordering::Relaxed)
        };
        end_running_statement_when(&mut raw, shall_end, move || preparing.end_preparation())?;
        let recorder = Arc::default();
        vector_functions::register(&raw, &recorder)?;
        functions::register(&raw)?;
        rusqlite::vtab::array::load_module(&raw)?;
        let is_exclusive = Arc::new(AtomicBool::new(false));
        let (asked, limited) = (Arc::clone(&hooks), Arc::clone(&bounds));
        install_busy_handler(&mut raw, asked, limited, Arc::clone(&is_exclusive))?;
        Ok(Self {
            raw: KeptStatements::new(raw),
            file,
            opened: opened.map(|(path, access)| (path.to_owned(), access)),
            hooks,
            recorder,
            statements: FxHashMap::default(),
            has_read: Cell::new(false),
            commits,
            uncounted: Arc::default(),
            deferred_at: Cell::new(None),
            is_past_cancelling,
            is_in_place: Cell::new(false),
            found: Cell::default(),
            holds_snapshots: Cell::new(false),
            left_checkpoint_at: Cell::new(0),
            bounds,
            is_exclusive,
            is_given_up: Cell::new(false),
            closed_shapes: RefCell::default(),
            adopts: Cell::new(false),
        })
    }

    /// An interrupter, for use by another thread.
    pub fn interrupter(&self) -> Interrupter {
        Interrupter(self.raw.get_interrupt_handle())
    }

    /// The identity of the open file. None if the database is not a file.
    pub fn file_id(&self) -> Option<&FileId> {
        self.file.as_ref().map(OpenFile::id)
    }

    /// Whether the connection is in autocommit mode: no transaction is open.
    pub fn is_autocommit(&self) -> bool {
        self.raw.is_autocommit()
    }

    /// Whether the open transaction has written, or has begun with the write lock.
    pub fn is_writing(&self) -> bool {
        matches!(self.raw.transaction_state(None::<&str>), Ok(TransactionState::Write))
    }

    /// Runs a statement of our own that returns no rows: BEGIN, COMMIT, ROLLBACK, a PRAGMA.
    pub fn run_own(&self, sql: &str) -> Result<(), Error> {
        self.set_exclusive(false);
        let _frames = self.noting_frames();
        let ran = self.raw.prepare_cached(sql).and_then(|mut statement| {
            let commits = self.commits.only_in_steps();
            commits.step(&self.raw, || statement.raw_execute())
        });
        self.note_read();
        ran.map(drop).map_err(|error| self.error(error))
    }

    /// Runs several statements of our own, without returning their rows.
    pub fn run_all(&self, sql: &str) -> Result<(), Error> {
        self.raw.execute_batch(sql).map_err(|error| self.error(error))
    }

    /// The value of a PRAGMA.
    pub fn pragma<T: FromValue>(&self, name: &str) -> Result<T, Error> {
        let value = self.raw.pragma_query_value(None, name, |row| row.get(0));
        value.map_err(|error| self.error(error))
    }

    /// Sets a PRAGMA, and ignores the rows that it returns.
    pub fn set_pragma(&self, name: &str, value: impl ToValue) -> Result<(), Error> {
        self.raw.pragma_update(None, name, value).map_err(|error| self.error(error))
    }

    /// Sets the journal mode. Returns the mode that the database has afterwards: SQLite may keep the old
    /// one.
    pub fn set_journal_mode(&self, mode: &str) -> Result<String, Error> {
        let answer = |row: &rusqlite::Row<'_>| row.get(0);
        let answered = self.raw.pragma_update_and_check(None, "journal_mode", mode, answer);
        answered.map_err(|error| self.error(error))
    }

    /// Runs a query of our own. Returns the first column of its first `most` rows.
    pub fn query<T: FromValue>(&self, sql: &str, most: usize) -> Result<Vec<T>, Error> {
        let query = || {
            let mut statement = self.raw.prepare(sql)?;
            let rows = statement.query_map([], |row| row.get(0))?;
            rows.take(most).collect::<rusqlite::Result<Vec<_>>>()
        };
        query().map_err(|error| self.error(error))
    }

    /// Whether this connection has read the file.
    pub(super) fn has_read(&self) -> bool {
        self.has_read.get()
    }

    /// The path by which the file was opened. None if the database is not a file.
    pub(super) fn opened_path(&self) -> Option<&Path> {
        self.opened.as_ref().map(|(path, _)| path.as_path())
    }

    /// Tells the hooks, once, that this connection has read the file. Must not be called from a callback of
    /// SQLite.
    pub(super) fn note_read(&self) {
        if !self.has_read.get() && self.pages_read() > 0 {
            self.has_read.set(true);
            self.hooks.has_read();
        }
    }

    /// The number of pages that this connection has read from the file. BEGIN and many PRAGMAs read none.
    fn pages_read(&self) -> i32 {
        let (mut read, mut highest) = (0, 0);
        // SAFETY: the connection is open, and only this thread uses it. Both pointers are valid during
        // the call.
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

    /// Rolls back the open transaction, if there is one. Tries several times, because a late cancel of the
    /// last statement may interrupt ROLLBACK.
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

    /// Sets whether foreign keys are checked. Returns the former setting. Unlike the PRAGMA this is no
    /// statement, so it cannot be interrupted, and it works inside a transaction
    /// (<https://sqlite.org/c3ref/c_dbconfig_defensive.html>, SQLITE_DBCONFIG_ENABLE_FKEY).
    pub fn check_foreign_keys(&self, check: bool) -> Result<bool, Error> {
        let before = self.raw.db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY)?;
        self.raw.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, check)?;
        Ok(before)
    }

    /// Makes each statement say when it has begun to read ([`super::rows::RowSink::begun`]). For a connection
    /// that only reads.
    pub fn hold_snapshots(&self) {
        self.holds_snapshots.set(true);
    }

    /// How often statements were found prepared since the last call of this function.
    pub fn take_found(&self) -> Found {
        self.found.take()
    }

    /// The bounds of the running statement.
    pub fn bounds(&self) -> Arc<Bounds> {
        Arc::clone(&self.bounds)
    }

    /// Makes SQLite forget an interrupt that came after the end of its statement, as it does at the
    /// beginning of a statement. Returns false if it cannot: it forgets interrupts only while no statement
    /// runs, and the blob handles that extensions keep open during a transaction (R-trees, full-text
    /// indexes) count as running ones. Every further statement then fails with SQLITE_INTERRUPT, ROLLBACK
    /// included.
    pub fn forget_interrupt(&self) -> bool {
        if self.raw.is_interrupted() {
            // The parser forgets it, also of an empty text.
            let _ = self.raw.prepare("");
        }
        !self.raw.is_interrupted()
    }

    /// Marks the connection as unusable, because a temporary change on it could not be undone. No further
    /// call may run on it.
    pub fn give_up(&self) {
        self.is_given_up.set(true);
    }

    /// Whether the connection was given up.
    pub fn is_given_up(&self) -> bool {
        self.is_given_up.get()
    }

    /// Keeps a cancel from ending the running statement while the returned value lives. For a statement
    /// that has taken effect already.
    pub(super) fn past_cancelling(&self) -> PastCancelling<'_> {
        PastCancelling::begin(&self.is_past_cancelling)
    }

    /// Says whether the statement that runs next needs a file that no other connection is reading.
    pub(super) fn set_exclusive(&self, is_exclusive: bool) {
        self.is_exclusive.store(is_exclusive, Ordering::Relaxed);
    }

    /// The number of commits on this connection. A setting whose statement failed counts, too.
    pub fn commits(&self) -> u64 {
        self.commits.count()
    }

    /// Converts an error of SQLite. If the job was cancelled, an error that a cancel can cause becomes that
    /// of the cancel.
    pub(super) fn error(&self, error: rusqlite::Error) -> Error {
        match (primary_code(&error), self.hooks.cancelled()) {
            (
                Some(SQLITE_INTERRUPT | SQLITE_BUSY | SQLITE_LOCKED | SQLITE_CANTOPEN),
                Some(reason),
            ) => Error::Cancelled(reason),
            _ => {
                let error = Error::from(error);
                match self.bounds.time_limit.reached() {
                    Some(limit_ms) if error.is_interrupt() => Error::TimeLimit { limit_ms },
                    _ => self.explain(error),
                }
            }
        }
    }

    /// Adds the cause to a text of SQLite's that tells none.
    fn explain(&self, error: Error) -> Error {
        let Error::Sqlite { code, message } = error else { return error };
        if primary(code) == SQLITE_CORRUPT
            && let Some(error) = self.unreadable_schema(&message)
        {
            return error;
        }
        let cause = match primary(code) {
            SQLITE_READONLY => self
                .opened
                .as_ref()
                .and_then(|(path, access)| explained::readonly(code, path, *access)),
            SQLITE_IOERR | SQLITE_CANTOPEN => explained::system_error(self.system_errno()),
            _ => None,
        };
        match cause {
            Some(cause) => Error::Sqlite { code, message: format!("{message}: {cause}") },
            None => Error::Sqlite { code, message },
        }
    }

    /// SQLite's error for a schema that it cannot read. VACUUM, which reads it by statements of its own, tells
    /// no more than its code.
    fn unreadable_schema(&self, message: &str) -> Option<Error> {
        if message != "database disk image is malformed" {
            return None;
        }
        let read = || self.raw.prepare("SELECT 1 FROM main.sqlite_schema").err();
        let error = Error::from(self.recorder.aside(read)?);
        error.to_string().contains("malformed database schema").then_some(error)
    }

    /// The system's number of the last SQLITE_IOERR or SQLITE_CANTOPEN, or 0.
    fn system_errno(&self) -> i32 {
        // SAFETY: the connection is open, and only this thread uses it.
        unsafe { ffi::sqlite3_system_errno(self.raw.handle()) }
    }

    /// Closes the connection, and verifies that SQLite has closed it. The cancel flag must be clear.
    ///
    /// # Errors
    /// SQLite's error if it keeps the connection open, for example because a statement was not finalized.
    pub fn close(self) -> Result<(), Error> {
        if !self.raw.is_autocommit() {
            // If this fails (a failing disk), the next connection rolls the journal back.
            let _ = self.raw.execute_batch("ROLLBACK");
        }
        // An interrupt that came too late for its statement stays set until the next statement begins.
        // It would make the closing checkpoint fail, although sqlite3_close returns OK.
        self.forget_interrupt();
        let mut raw = self.raw.into_connection();
        raw.flush_prepared_statement_cache();
        // The closing must not wait for a lock.
        let _ = raw.busy_handler(None::<fn(i32) -> bool>);
        raw.close().map_err(|(_, error)| Error::from(error))
    }
}

/// How often statements were found prepared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The runs of a prepared statement.
    pub hits: u64,
    /// The runs of a statement that had to be prepared.
    pub misses: u64,
}

impl Found {
    /// One more run.
    pub(super) fn and(self, is_prepared: bool) -> Self {
        let Self { hits, misses } = self;
        let (hit, miss) = (u64::from(is_prepared), u64::from(!is_prepared));
        Self { hits: hits + hit, misses: misses + miss }
    }
}

/// Installs a busy handler that waits in the hooks, where a cancel can end the wait.
fn install_busy_handler(
    raw: &mut rusqlite::Connection,
    hooks: Arc<dyn Hooks>,
    bounds: Arc<Bounds>,
    is_exclusive: Arc<AtomicBool>,
) -> rusqlite::Result<()> {
    let handle = CallbackHandle::of(raw);
    let mut began = Instant::now();
    raw.busy_handler(Some(move |tries: i32| {
        if tries == 0 {
            began = Instant::now();
        }
        // A connection that holds the write lock waits for readers to end, so that it can commit or
        // spill its cache.
        let wanted = match handle.is_writing() {
            true => Wanted::Commit,
            false if is_exclusive.load(Ordering::Relaxed) => Wanted::Exclusive,
            false => Wanted::Begin,
        };
        let tries = usize::try_from(tries).unwrap_or(usize::MAX);
        bounds.time_limit.pausing(|| hooks.wait_for_lock(LockWait { wanted, tries, began }))
    }))
}

/// Formats the seconds since 1970 as a date and time in UTC, for example `20260102T030405Z`. SQLite does
/// the conversion. If SQLite fails, for lack of memory, the result is the number of seconds.
pub fn utc_timestamp(seconds: u64) -> String {
    let text = rusqlite::Connection::open_in_memory().and_then(|sqlite| {
        let sql = "SELECT strftime('%Y%m%dT%H%M%SZ', ?, 'unixepoch')";
        sqlite.query_row(sql, [i64::try_from(seconds).unwrap_or(i64::MAX)], |row| row.get(0))
    });
    text.unwrap_or_else(|_| seconds.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SQLite rolls back, and calls the rollback hook.
    #[test]
    fn a_connection_can_be_dropped_with_an_open_transaction() {
        let connection = Connection::in_memory();
        connection.run_all("CREATE TABLE t (a); BEGIN; INSERT INTO t VALUES (1)").unwrap();
        drop(connection);
    }

    /// ALTER TABLE parses the text of each view inside of its own statement.
    #[test]
    fn an_interrupt_is_known_in_sql_that_a_statement_parses() {
        let connection = Connection::in_memory();
        connection.run_all("CREATE TABLE t (a, b)").unwrap();
        for view in 0..300 {
            let sql = format!("CREATE VIEW v{view} AS SELECT a, b FROM t WHERE a > {view}");
            connection.run_all(&sql).unwrap();
        }
        let interrupter = connection.interrupter();
        let is_done = std::sync::atomic::AtomicBool::new(false);
        let errors: Vec<Error> = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_done.load(std::sync::atomic::Ordering::Relaxed) {
                    interrupter.interrupt();
                    std::thread::sleep(std::time::Duration::from_micros(300));
                }
            });
            let mut names = ["a", "c"];
            let mut alter = |_| {
                let [from, to] = names;
                let altered =
                    connection.run_own(&format!("ALTER TABLE t RENAME COLUMN {from} TO {to}"));
                if altered.is_ok() {
                    // The other thread has had no processor for so long.
                    names.reverse();
                }
                altered.err()
            };
            let mut errors: Vec<Error> = Vec::new();
            for _ in 0..50 {
                errors.extend((0..200).filter_map(&mut alter));
                if !errors.is_empty() {
                    break;
                }
            }
            is_done.store(true, std::sync::atomic::Ordering::Relaxed);
            errors
        });
        let other: Vec<_> = errors.iter().filter(|error| !error.is_interrupt()).collect();
        assert!(!errors.is_empty());
        assert!(other.is_empty(), "{other:?}");
    }

    #[test]
    fn an_interrupt_that_comes_late_is_forgotten_unless_a_handle_is_open() {
        let connection = Connection::in_memory();
        connection
            .run_all("CREATE TABLE t (a); CREATE VIRTUAL TABLE r USING rtree(id, a, b)")
            .unwrap();
        connection.run_all("BEGIN; INSERT INTO t VALUES (1)").unwrap();
        connection.interrupter().interrupt();
        assert!(connection.forget_interrupt());
        connection.run_own("COMMIT").unwrap();
        // An R-tree keeps a blob handle open until the transaction ends.
        connection.run_all("BEGIN; INSERT INTO r VALUES (1, 2, 3)").unwrap();
        assert!(connection.forget_interrupt());
        connection.interrupter().interrupt();
        assert!(!connection.forget_interrupt());
        assert!(connection.run_own("COMMIT").is_err(), "SQLite has learnt to forget it");
    }
}
