//! The connections of a swap. The swap's cancel flag ends their waits and statements, and their
//! errors carry the swap's step and path.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::request::Limits;
use super::sidecars;
use crate::files::{self, Link, PlainFile};
use crate::jobs::cancel::CancelReason;
use crate::sqlite::{self, Access, Connection, FromValue, Hooks, IndexName, LockWait};
use crate::swap::steps::error::database::DatabaseProblem;
use crate::swap::steps::error::{Problem, Result, Step, SwapError};

/// The pause between two attempts to take a lock.
const PAUSE: Duration = Duration::from_millis(5);

/// How long an optional checkpoint is retried.
const RETRY_LIMIT: Duration = Duration::from_millis(100);

/// A connection of a swap on one database.
#[derive(Debug)]
pub struct MaintenanceConnection {
    connection: Connection,
    hooks: Arc<SwapHooks>,
    path: PathBuf,
    step: Step,
    /// Whether it reads the source of a copy, for the texts of errors.
    is_source: bool,
}

/// The engine's hooks, which apply the swap's limits.
#[derive(Debug)]
struct SwapHooks {
    limits: Limits,
    /// Whether statements currently fail instead of waiting for a lock.
    without_waiting: AtomicBool,
}

impl Hooks for SwapHooks {
    fn cancelled(&self) -> Option<CancelReason> {
        self.limits.cancel.reason()
    }

    fn wait_for_lock(&self, wait: LockWait) -> bool {
        !self.without_waiting.load(Ordering::Relaxed)
            && wait.began.elapsed() < self.limits.timeout
            && self.limits.cancel.sleep(PAUSE).is_ok()
    }
}

impl MaintenanceConnection {
    /// Opens an existing database. Errors carry `step`. A file without write permission is opened
    /// for reading.
    pub fn open(path: &Path, step: Step, limits: &Limits) -> Result<Self> {
        Self::open_with(path, Access::Write, step, limits)
    }

    /// Opens an existing database for reading.
    pub fn open_to_read(path: &Path, step: Step, limits: &Limits, how: Reading) -> Result<Self> {
        let access = match how {
            Reading::WithLocks => Access::Read,
            Reading::Immutable => Access::Immutable,
        };
        Self::open_with(path, access, step, limits)
    }

    /// Opens the database that is copied.
    pub fn open_source(path: &Path, step: Step, limits: &Limits) -> Result<Self> {
        let opened = Self::open(path, step, limits).map_err(SwapError::while_reading)?;
        Ok(Self { is_source: true, ..opened })
    }

    fn open_with(path: &Path, access: Access, step: Step, limits: &Limits) -> Result<Self> {
        let hooks =
            Arc::new(SwapHooks { limits: limits.clone(), without_waiting: AtomicBool::new(false) });
        let connection = Connection::open_for_maintenance(path, access, Arc::clone(&hooks) as _)
            .map_err(|error| {
                SwapError::new(cause_of_failed_open(path, error, limits), step, path)
            })?;
        let path = path.to_owned();
        let connection = Self { connection, hooks, path, step, is_source: false };
        // Only this module uses the connection, but the database's schema may come from anywhere.
        connection.set("trusted_schema", 0)?;
        if cfg!(target_vendor = "apple") {
            connection.set("fullfsync", 1)?;
            connection.set("checkpoint_fullfsync", 1)?;
        }
        Ok(connection)
    }

    /// Sets the step for later errors.
    pub fn begin(&mut self, step: Step) {
        self.step = step;
    }

    /// The step for errors.
    pub fn step(&self) -> Step {
        self.step
    }

    /// The engine's connection.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The engine's connection, for calls that need it exclusively.
    pub fn connection_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Fails if libSQL has made a vector index in the database, which a check would find wrong.
    pub fn refuse_indexes_of_libsql(&self) -> Result<()> {
        self.connection.refuse_indexes_of_libsql().map_err(|error| self.error(error))
    }

    /// Whether libSQL has made vector indexes in the database, or has left tables of some.
    pub fn has_vector_indexes_of_libsql(&self) -> Result<bool> {
        self.connection.has_vector_indexes_of_libsql().map_err(|error| self.error(error))
    }

    /// The vector indexes that libSQL has made.
    pub fn vector_indexes_of_libsql(&self) -> Result<Vec<IndexName>> {
        self.connection.names_of_indexes_of_libsql().map_err(|error| self.error(error))
    }

    /// Takes over the vector indexes that libSQL has made.
    pub fn adopt_vector_indexes(&self) -> Result<Vec<IndexName>> {
        self.connection.adopt().map_err(|error| self.error(error))
    }

    /// The path of the database.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs statements without rows.
    pub fn run(&self, sql: &str) -> Result<()> {
        self.connection.run_all(sql).map_err(|error| self.error(error))
    }

    /// The same without waiting for a lock. Returns false if another connection holds the lock.
    pub fn run_without_waiting(&self, sql: &str) -> Result<bool> {
        self.without_waiting(|connection| connection.run_all(sql).map(|()| true))
    }

    /// Runs an action without waiting for a lock. Returns false if another connection holds the
    /// lock.
    fn without_waiting(
        &self,
        action: impl FnOnce(&Connection) -> std::result::Result<bool, sqlite::Error>,
    ) -> Result<bool> {
        self.hooks.without_waiting.store(true, Ordering::Relaxed);
        let ran = match action(&self.connection) {
            Err(error) if error.is_busy() => Ok(false),
            ran => ran.map_err(|error| self.error(error)),
        };
        self.hooks.without_waiting.store(false, Ordering::Relaxed);
        ran
    }

    /// The value of a PRAGMA.
    pub fn pragma<T: FromValue>(&self, name: &str) -> Result<T> {
        self.connection.pragma(name).map_err(|error| self.error(error))
    }

    /// Sets a PRAGMA, and ignores its result.
    pub fn set(&self, name: &str, value: impl sqlite::ToValue) -> Result<()> {
        self.connection.set_pragma(name, value).map_err(|error| self.error(error))
    }

    /// Requests a journal mode. Returns the resulting mode, which is the old one if other
    /// connections prevent the change.
    pub fn journal_mode(&self, mode: &str) -> Result<String> {
        match self.connection.set_journal_mode(mode) {
            Ok(mode) => Ok(mode),
            Err(error) if error.is_busy() => self.pragma("journal_mode"),
            Err(error) => Err(self.error(error)),
        }
    }

    /// Removes a journal without a transaction, by leaving the journal mode in which SQLite keeps
    /// it (PERSIST or TRUNCATE). In WAL mode there is none.
    pub fn remove_cold_journal(&self) -> Result<()> {
        if sidecars::existing(&self.path).any(|path| files::sidecars::is_journal(&path))
            && self.pragma::<String>("journal_mode")? != "wal"
        {
            self.journal_mode("persist")?;
            self.journal_mode("delete")?;
        }
        Ok(())
    }

    /// Moves the content of the `-wal` into the database. Returns false if other connections
    /// prevent it. Does not wait for them, because SQLite excludes all writers while it waits for a
    /// reader.
    pub fn checkpoint(&self) -> Result<bool> {
        self.without_waiting(|connection| {
            let busy = connection.query::<bool>("PRAGMA wal_checkpoint(TRUNCATE)", 1)?;
            Ok(busy == [false])
        })
    }

    /// The same with retries for a short time, in which a short read ends.
    pub fn checkpoint_with_retries(&self) -> Result<bool> {
        let limits = &self.hooks.limits;
        let until = Instant::now() + limits.timeout.min(RETRY_LIMIT);
        loop {
            if self.checkpoint()? {
                return Ok(true);
            }
            if Instant::now() >= until || limits.cancel.sleep(PAUSE).is_err() {
                return Ok(false);
            }
        }
    }

    /// The first column of the first rows of a query, as text.
    pub fn texts(&self, sql: &str, most: usize) -> Result<Vec<String>> {
        self.connection.query(sql, most).map_err(|error| self.error(error))
    }

    /// Adds the step and the path to an error of the engine.
    pub fn error(&self, error: sqlite::Error) -> SwapError {
        let error = SwapError::new(error.into(), self.step, &self.path);
        if self.is_source { error.while_reading() } else { error }
    }

    /// An error about this database.
    pub fn problem(&self, problem: DatabaseProblem) -> SwapError {
        SwapError::new(problem.into(), self.step, &self.path)
    }

    /// Closes the connection. Fails if SQLite reports that it is still in use.
    pub fn close(self) -> Result<()> {
        let Self { connection, path, step, .. } = self;
        connection.close().map_err(|error| SwapError::new(error.into(), step, &path))
    }
}

/// The cause of a failed open. SQLite only reports "unable to open database file", so that the
/// system is asked for its error.
fn cause_of_failed_open(path: &Path, error: sqlite::Error, limits: &Limits) -> Problem {
    if matches!(&error, sqlite::Error::Refused { refusal, .. } if !refusal.is_systems()) {
        return limits.cancel.reason().map_or_else(|| error.into(), Problem::Cancelled);
    }
    match files::open_by(path).is_none().then(|| open_to_read(path)) {
        Some(Err(refused)) => Problem::Io(refused),
        Some(Ok(_)) if sqlite::is_too_long(path) => Problem::Io(name_too_long()),
        Some(Ok(_)) | None => error.into(),
    }
}

/// How a database is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// With SQLite's locks.
    WithLocks,
    /// As an immutable file: SQLite reads no other file, and creates none.
    Immutable,
}

fn open_to_read(path: &Path) -> std::io::Result<PlainFile> {
    let mut options = std::fs::OpenOptions::new();
    options.read(true);
    PlainFile::open(options, Link::Refuse, path)
}

#[cfg(unix)]
fn name_too_long() -> std::io::Error {
    rustix::io::Errno::NAMETOOLONG.into()
}

#[cfg(not(unix))]
fn name_too_long() -> std::io::Error {
    std::io::ErrorKind::InvalidFilename.into()
}
