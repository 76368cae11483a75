//! The connections that a swap has of its own: their waits and statements end with the swap's cancel,
//! their errors are those of its steps.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::request::Limits;
use super::write_lock::sidecars;
use crate::files::{self, Link, PlainFile};
use crate::jobs::cancel::CancelReason;
use crate::sqlite::{self, Access, Connection, FromValue, Hooks, LockWait};
use crate::swap::error::database::DatabaseProblem;
use crate::swap::error::{Problem, Result, Step, SwapError};

/// How soon a lock is tried again.
const PAUSE: Duration = Duration::from_millis(5);

/// How long it is tried again where nothing depends on it.
const RETRY_LIMIT: Duration = Duration::from_millis(100);

/// See the module's documentation.
#[derive(Debug)]
pub struct MaintenanceConnection {
    connection: Connection,
    hooks: Arc<SwapHooks>,
    path: PathBuf,
    step: Step,
}

/// What the connection asks the swap.
#[derive(Debug)]
struct SwapHooks {
    limits: Limits,
    /// Nothing waits for a lock now.
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
    /// Opens a database that is there; errors are said to be those of `step`. A file that may not be
    /// written to is opened for reading.
    pub fn open(path: &Path, step: Step, limits: &Limits) -> Result<Self> {
        Self::open_with(path, Access::Write, step, limits)
    }

    /// Opens a database that is there for reading.
    pub fn open_to_read(path: &Path, step: Step, limits: &Limits, how: Reading) -> Result<Self> {
        let access = match how {
            Reading::WithLocks => Access::Read,
            Reading::Immutable => Access::Immutable,
        };
        Self::open_with(path, access, step, limits)
    }

    fn open_with(path: &Path, access: Access, step: Step, limits: &Limits) -> Result<Self> {
        let hooks =
            Arc::new(SwapHooks { limits: limits.clone(), without_waiting: AtomicBool::new(false) });
        let connection = Connection::open_for_maintenance(path, access, Arc::clone(&hooks) as _)
            .map_err(|error| {
                SwapError::new(cause_of_failed_open(path, error, limits), step, path)
            })?;
        let connection = Self { connection, hooks, path: path.to_owned(), step };
        // The connection is never handed to anybody, but what is in the database may be anybody's.
        connection.set("trusted_schema", 0)?;
        if cfg!(target_vendor = "apple") {
            connection.set("fullfsync", 1)?;
            connection.set("checkpoint_fullfsync", 1)?;
        }
        Ok(connection)
    }

    /// Errors are those of this step from now on.
    pub fn begin(&mut self, step: Step) {
        self.step = step;
    }

    /// Whose errors they are.
    pub fn step(&self) -> Step {
        self.step
    }

    /// The engine's connection.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The same, for what changes the connection itself.
    pub fn connection_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Where its file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs statements without rows.
    pub fn run(&self, sql: &str) -> Result<()> {
        self.connection.run_all(sql).map_err(|error| self.wrong(error))
    }

    /// The same without waiting for a lock: false where others are in the way.
    pub fn run_without_waiting(&self, sql: &str) -> Result<bool> {
        self.without_waiting(|connection| connection.run_all(sql).map(|()| true))
    }

    /// Runs something without waiting for a lock: false where others are in the way.
    fn without_waiting(
        &self,
        action: impl FnOnce(&Connection) -> std::result::Result<bool, sqlite::Error>,
    ) -> Result<bool> {
        self.hooks.without_waiting.store(true, Ordering::Relaxed);
        let ran = match action(&self.connection) {
            Err(error) if error.is_busy() => Ok(false),
            ran => ran.map_err(|error| self.wrong(error)),
        };
        self.hooks.without_waiting.store(false, Ordering::Relaxed);
        ran
    }

    /// The value of a PRAGMA.
    pub fn pragma<T: FromValue>(&self, name: &str) -> Result<T> {
        self.connection.pragma(name).map_err(|error| self.wrong(error))
    }

    /// Sets a PRAGMA whose answer says nothing.
    pub fn set(&self, name: &str, value: impl sqlite::ToValue) -> Result<()> {
        self.connection.set_pragma(name, value).map_err(|error| self.wrong(error))
    }

    /// Asks for a journal mode. Answers the mode that the database has then: where others have it open
    /// that may be the old one.
    pub fn journal_mode(&self, mode: &str) -> Result<String> {
        match self.connection.set_journal_mode(mode) {
            Ok(mode) => Ok(mode),
            Err(error) if error.is_busy() => self.pragma("journal_mode"),
            Err(error) => Err(self.wrong(error)),
        }
    }

    /// Removes a journal that holds nothing, by leaving the journal mode in which SQLite keeps it:
    /// PERSIST, TRUNCATE. There is none in WAL mode.
    pub fn remove_cold_journal(&self) -> Result<()> {
        if sidecars(&self.path).any(|path| files::sidecars::is_journal(&path))
            && self.pragma::<String>("journal_mode")? != "wal"
        {
            self.journal_mode("persist")?;
            self.journal_mode("delete")?;
        }
        Ok(())
    }

    /// Takes all of the `-wal` into the database. False where others are in the way: they are not waited
    /// for, as SQLite keeps every writer out while it waits for a reader.
    pub fn checkpoint(&self) -> Result<bool> {
        self.without_waiting(|connection| {
            let busy = connection.query::<bool>("PRAGMA wal_checkpoint(TRUNCATE)", 1)?;
            Ok(busy == [false])
        })
    }

    /// The same for a while: who reads a few rows is soon done.
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
        self.connection.query(sql, most).map_err(|error| self.wrong(error))
    }

    /// An error of the engine, at this step.
    pub fn wrong(&self, error: sqlite::Error) -> SwapError {
        SwapError::new(error.into(), self.step, &self.path)
    }

    /// Something that is wrong with this database.
    pub fn problem(&self, problem: DatabaseProblem) -> SwapError {
        SwapError::new(problem.into(), self.step, &self.path)
    }

    /// Closes it, with proof.
    pub fn close(self) -> Result<()> {
        let Self { connection, path, step, .. } = self;
        connection.close().map_err(|error| SwapError::new(error.into(), step, &path))
    }
}

/// SQLite says only "unable to open database file": the system says why.
fn cause_of_failed_open(path: &Path, error: sqlite::Error, limits: &Limits) -> Problem {
    if matches!(error, sqlite::Error::Refused { .. }) {
        return limits.cancel.reason().map_or_else(|| error.into(), Problem::Cancelled);
    }
    match files::open_by(path).is_none().then(|| open_to_read(path)) {
        Some(Err(refused)) => Problem::Io(refused),
        Some(Ok(_)) if is_too_long(path) => Problem::Io(name_too_long()),
        Some(Ok(_)) | None => error.into(),
    }
}

/// How a database is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// As others read it.
    WithLocks,
    /// As a file that nobody changes: nothing but it is looked at, and nothing is made beside it.
    Immutable,
}

fn open_to_read(path: &Path) -> std::io::Result<PlainFile> {
    let mut options = std::fs::OpenOptions::new();
    options.read(true);
    PlainFile::open(options, Link::Refuse, path)
}

/// SQLite's own limit (os_unix.c, MAX_PATHNAME), with room for the name of a journal.
fn is_too_long(path: &Path) -> bool {
    cfg!(unix) && path.as_os_str().len() + "-journal".len() >= 512
}

#[cfg(unix)]
fn name_too_long() -> std::io::Error {
    rustix::io::Errno::NAMETOOLONG.into()
}

#[cfg(not(unix))]
fn name_too_long() -> std::io::Error {
    std::io::ErrorKind::InvalidFilename.into()
}
