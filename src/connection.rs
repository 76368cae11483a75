//! One SQLite connection: opened with the client's settings, running one statement at a time,
//! closed with proof.

pub mod classify;
mod commits;
pub mod handle;
mod open;
pub mod settings;
mod shared_cache;
mod statement;
pub mod vector_index;
mod whole_statement;

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use rusqlite::config::DbConfig;
use rusqlite::{InterruptHandle, ffi};

use crate::cancel::Cancel;
use crate::context::{Context, Location};
use crate::error::Error;
use crate::open_files::{FileId, OpenFile};
use crate::swap::database::recovery;
use crate::write_line::{LaneId, Wanted};
use classify::{Kind, Recorder};
use commits::Commits;
use handle::Handle;
use statement::Known;
pub use statement::{Prepared, Sink};

/// How many prepared statements a connection keeps.
const STATEMENTS: usize = 256;

/// See the module's own text.
pub struct Connection {
    raw: rusqlite::Connection,
    context: Arc<Context>,
    lane: LaneId,
    cancel: Arc<Cancel>,
    recorder: Arc<Recorder>,
    statements: HashMap<u32, Known>,
    settings_version: u64,
    /// It has read the file.
    has_read: Cell<bool>,
    commits: Arc<Commits>,
    /// A statement runs whose effect is there already: no cancel ends it any more.
    is_past_cancelling: Arc<AtomicBool>,
    is_given_up: Cell<bool>,
    file: Option<OpenFile>,
}

/// See [`Connection::past_cancelling`].
struct PastCancelling<'a>(&'a AtomicBool);

impl Drop for PastCancelling<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// The wait for a lease ends with a cancel.
fn cancelled(error: Error, cancel: &Cancel) -> Error {
    match (error, cancel.reason()) {
        (Error::Leased { .. }, Some(reason)) => Error::Cancelled(reason),
        (error, _) => error,
    }
}

impl Connection {
    /// Opens the client's database, and creates the file where `create` says so and it may write.
    ///
    /// # Errors
    /// [`Error::Open`] where SQLite cannot open the file.
    pub fn open(
        context: Arc<Context>,
        lane: LaneId,
        cancel: Arc<Cancel>,
        create: bool,
    ) -> Result<Self, Error> {
        if let Location::File(path) = &context.location {
            recovery::before_open(path);
        }
        let raw = open::open(&context.location, create, context.read_only)
            .map_err(|error| cancelled(error, &cancel))?;
        let file = match &context.location {
            Location::File(path) => {
                Some(OpenFile::enter(path).map_err(|error| Error::cannot_open(path, &error))?)
            }
            Location::Memory(_) | Location::Temporary => None,
        };
        let mut connection = Self {
            raw,
            context,
            lane,
            cancel,
            recorder: Arc::default(),
            statements: HashMap::new(),
            settings_version: 0,
            has_read: Cell::new(false),
            commits: Arc::default(),
            is_past_cancelling: Arc::default(),
            is_given_up: Cell::new(false),
            file,
        };
        connection.configure()?;
        Ok(connection)
    }

    fn configure(&mut self) -> Result<(), Error> {
        self.raw.set_prepared_statement_cache_capacity(STATEMENTS);
        let cancel = Arc::clone(&self.cancel);
        let is_past_cancelling = Arc::clone(&self.is_past_cancelling);
        handle::end_running_statement_when(&mut self.raw, move || {
            cancel.reason().is_some() && !is_past_cancelling.load(Ordering::Relaxed)
        })?;
        self.commits.watch(&mut self.raw)?;
        let recorder = Arc::clone(&self.recorder);
        self.raw.authorizer(Some(move |context: rusqlite::hooks::AuthContext<'_>| {
            recorder.authorize(&context)
        }))?;
        self.install_busy_handler()
    }

    /// Waits for locks in the client's line, where a cancel finds it.
    fn install_busy_handler(&mut self) -> Result<(), Error> {
        let (context, cancel) = (Arc::clone(&self.context), Arc::clone(&self.cancel));
        let lane = self.lane;
        let handle = Handle::of(&self.raw);
        let mut began = Instant::now();
        self.raw.busy_handler(Some(move |tries: i32| {
            if tries == 0 {
                began = Instant::now();
            }
            // Who has the write lock and still waits wants the readers gone: to commit, or to
            // spill its cache.
            let wanted = if handle.is_writing() { Wanted::Commit } else { Wanted::Begin };
            let tries = usize::try_from(tries).unwrap_or(usize::MAX);
            context.line.wait_for_lock(lane, wanted, tries, began, context.patience(), &cancel)
        }))?;
        Ok(())
    }

    /// What another thread interrupts this connection with.
    pub fn interrupt_handle(&self) -> InterruptHandle {
        self.raw.get_interrupt_handle()
    }

    /// Which file it has open, where it is a file.
    pub fn file_id(&self) -> Option<&FileId> {
        self.file.as_ref().map(OpenFile::id)
    }

    /// Whether no transaction is open.
    pub fn is_autocommit(&self) -> bool {
        self.raw.is_autocommit()
    }

    /// Makes the settings that other connections of the client got meanwhile. Not inside a
    /// transaction, where SQLite ignores some of them.
    pub fn apply_settings(&mut self) -> Result<(), Error> {
        if self.context.settings.version() != self.settings_version && self.raw.is_autocommit() {
            self.settings_version = self
                .context
                .settings
                .apply(&self.raw, self.settings_version)
                .map_err(|error| self.error(error))?;
        }
        Ok(())
    }

    /// Runs a statement that is ours and has no rows: BEGIN, COMMIT, ROLLBACK, a PRAGMA.
    pub fn run_own(&self, sql: &str) -> Result<(), Error> {
        let ran = self.raw.prepare_cached(sql).and_then(|mut statement| {
            let commits = self.commits.only_in_steps();
            commits.begin_step();
            let ran = statement.raw_execute();
            commits.end_step(&self.raw);
            ran
        });
        self.note_read();
        ran.map(drop).map_err(|error| self.error(error))
    }

    /// Tells the client's line once this connection has read the file: whatever the first reader had to
    /// set right is right then. To be called between two calls of SQLite.
    fn note_read(&self) {
        if !self.has_read.get() && self.pages_read() > 0 {
            self.has_read.set(true);
            self.context.line.has_read();
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

    /// Rolls back whatever transaction is open. A cancel that comes late for the last statement
    /// may still interrupt the first try.
    pub fn roll_back(&self) -> Result<(), Error> {
        let mut result = Ok(());
        for _ in 0..3 {
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
    fn past_cancelling(&self) -> PastCancelling<'_> {
        self.is_past_cancelling.store(true, Ordering::Relaxed);
        PastCancelling(&self.is_past_cancelling)
    }

    /// How often something was committed on this connection.
    pub fn commits(&self) -> u64 {
        self.commits.count()
    }

    /// What a statement that ran means for the client's other connections. `was_autocommit` says
    /// whether it was prepared outside of a transaction, when SQLite runs many PRAGMAs.
    fn after(&mut self, kind: &Kind, was_autocommit: bool) {
        if kind.ties_to_connection {
            self.context.tie_to(self.lane);
        }
        let Some(pragma) = &kind.pragma else { return };
        // SQLite ignores this one inside a transaction.
        if pragma.name == "foreign_keys" && !was_autocommit {
            return;
        }
        let is_up_to_date = self.context.settings.version() == self.settings_version;
        if self.context.settings.keep(pragma) && is_up_to_date {
            self.settings_version = self.context.settings.version();
        }
    }

    /// `PRAGMA busy_timeout = …`, for all connections of the client.
    fn set_busy_timeout(&self, kind: &Kind) {
        if let Some(value) = kind.pragma.as_ref().and_then(|pragma| pragma.value.as_deref()) {
            self.context.set_busy_timeout(value.trim().parse().unwrap_or(0));
        }
    }

    /// An error of SQLite, or the cancelling that stands behind it.
    fn error(&self, error: rusqlite::Error) -> Error {
        let code = error.sqlite_error().map(|failure| failure.extended_code & 0xff);
        match (code, self.cancel.reason()) {
            (
                Some(
                    ffi::SQLITE_INTERRUPT
                    | ffi::SQLITE_BUSY
                    | ffi::SQLITE_LOCKED
                    | ffi::SQLITE_CANTOPEN,
                ),
                Some(reason),
            ) => Error::Cancelled(reason),
            _ => error.into(),
        }
    }

    /// Closes the connection and proves it: SQLite must answer OK, with nothing left of it.
    ///
    /// # Errors
    /// SQLite's own, where it keeps the connection: a statement of ours was not finalized.
    pub fn close(mut self) -> Result<(), Error> {
        self.cancel.clear();
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
