//! The connections that a swap has of its own: entered in `open_files` like every other, with waits
//! and statements that a cancel ends.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::types::FromSql;
use rusqlite::{Connection, OpenFlags, ffi};

use super::guard::sidecars;
use super::request::Patience;
use crate::open_files::{self, Link, OpenFile, PlainFile};
use crate::swap::error::database::DatabaseProblem;
use crate::swap::error::{At, Problem, Result, Step, SwapError};

/// How soon a lock is tried again.
const PAUSE: Duration = Duration::from_millis(5);

/// How long it is tried again where nothing depends on it.
const SOON: Duration = Duration::from_millis(100);

/// Every how many steps of SQLite's virtual machine a statement looks at its cancel flag.
const STEPS_BETWEEN_CHECKS: i32 = 1000;

/// See the module's own text.
#[derive(Debug)]
pub struct Own {
    // Closed before its entry goes.
    raw: Connection,
    _entry: OpenFile,
    path: PathBuf,
    step: Step,
    patience: Patience,
}

impl Own {
    /// Opens a database that is there; errors are said to be those of `step`. A file that may not be
    /// written to is opened for reading.
    pub fn open(path: &Path, step: Step, patience: &Patience) -> Result<Self> {
        Self::open_with(path, path.as_os_str(), OpenFlags::SQLITE_OPEN_READ_WRITE, step, patience)
    }

    /// Opens a database that is there for reading.
    pub fn open_to_read(
        path: &Path,
        step: Step,
        patience: &Patience,
        how: Reading,
    ) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        match (how, path.to_str()) {
            (Reading::Immutable, Some(text)) => {
                let uri = OsString::from(immutable_uri(text));
                Self::open_with(path, &uri, flags | OpenFlags::SQLITE_OPEN_URI, step, patience)
            }
            _ => Self::open_with(path, path.as_os_str(), flags, step, patience),
        }
    }

    fn open_with(
        path: &Path,
        name: &OsStr,
        flags: OpenFlags,
        step: Step,
        patience: &Patience,
    ) -> Result<Self> {
        let wrong = |error: rusqlite::Error| SwapError::new(error.into(), step, path);
        open_files::before_open();
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut raw = Connection::open_with_flags(name, flags).map_err(|error| {
            // SQLite says only "unable to open database file": the system says why.
            match open_files::open_by(path).is_none().then(|| open_to_see(path)) {
                Some(Err(refused)) => SwapError::new(Problem::Io(refused), step, path),
                Some(Ok(_)) if is_too_long(path) => {
                    SwapError::new(Problem::Io(name_too_long()), step, path)
                }
                Some(Ok(_)) | None => wrong(error),
            }
        })?;
        let entry = OpenFile::enter(path).at(step, path)?;
        let cancel = patience.cancel.clone();
        let is_cancelled = move || cancel.check().is_err();
        raw.progress_handler(STEPS_BETWEEN_CHECKS, Some(is_cancelled)).map_err(wrong)?;
        wait_for_locks(&mut raw, patience).map_err(wrong)?;
        let own =
            Self { raw, _entry: entry, path: path.to_owned(), step, patience: patience.clone() };
        // The connection is never handed to anybody, but what is in the database may be anybody's.
        own.set("trusted_schema", 0)?;
        if cfg!(target_vendor = "apple") {
            own.set("fullfsync", 1)?;
            own.set("checkpoint_fullfsync", 1)?;
        }
        Ok(own)
    }

    /// Errors are those of this step from now on.
    pub fn begin(&mut self, step: Step) {
        self.step = step;
    }

    /// Whose errors they are.
    pub fn step(&self) -> Step {
        self.step
    }

    /// SQLite's connection.
    pub fn raw(&self) -> &Connection {
        &self.raw
    }

    /// The same, for what changes the connection itself.
    pub fn raw_mut(&mut self) -> &mut Connection {
        &mut self.raw
    }

    /// Where its file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs statements without rows.
    pub fn run(&self, sql: &str) -> Result<()> {
        self.raw.execute_batch(sql).map_err(|error| self.wrong(error))
    }

    /// The same without waiting for a lock: false where others are in the way.
    pub fn run_at_once(&mut self, sql: &str) -> Result<bool> {
        self.at_once(|raw| raw.execute_batch(sql).map(|()| true))
    }

    /// Runs something without waiting for a lock: false where others are in the way.
    fn at_once(
        &mut self,
        action: impl FnOnce(&Connection) -> rusqlite::Result<bool>,
    ) -> Result<bool> {
        self.raw.busy_timeout(Duration::ZERO).map_err(|error| self.wrong(error))?;
        let ran = match action(&self.raw) {
            Err(error) if is_busy(&error) => Ok(false),
            ran => ran.map_err(|error| self.wrong(error)),
        };
        wait_for_locks(&mut self.raw, &self.patience).map_err(|error| self.wrong(error))?;
        ran
    }

    /// The value of a PRAGMA.
    pub fn pragma<T: FromSql>(&self, name: &str) -> Result<T> {
        let value = self.raw.pragma_query_value(None, name, |row| row.get(0));
        value.map_err(|error| self.wrong(error))
    }

    /// Sets a PRAGMA whose answer says nothing.
    pub fn set(&self, name: &str, value: impl rusqlite::ToSql) -> Result<()> {
        self.raw.pragma_update(None, name, value).map_err(|error| self.wrong(error))
    }

    /// Asks for a journal mode. Answers the mode that the database has then: where others have it open
    /// that may be the old one.
    pub fn journal_mode(&self, mode: &str) -> Result<String> {
        let answer = |row: &rusqlite::Row<'_>| row.get(0);
        match self.raw.pragma_update_and_check(None, "journal_mode", mode, answer) {
            Ok(mode) => Ok(mode),
            Err(error) if is_busy(&error) => self.pragma("journal_mode"),
            Err(error) => Err(self.wrong(error)),
        }
    }

    /// Removes a journal that holds nothing, by leaving the journal mode in which SQLite keeps it:
    /// PERSIST, TRUNCATE. There is none in WAL mode.
    pub fn remove_cold_journal(&self) -> Result<()> {
        if sidecars(&self.path).any(|path| open_files::sidecars::is_journal(&path))
            && self.pragma::<String>("journal_mode")? != "wal"
        {
            self.journal_mode("persist")?;
            self.journal_mode("delete")?;
        }
        Ok(())
    }

    /// Takes all of the `-wal` into the database. False where others are in the way: they are not waited
    /// for, as SQLite keeps every writer out while it waits for a reader.
    pub fn checkpoint(&mut self) -> Result<bool> {
        let row = |row: &rusqlite::Row<'_>| row.get::<_, bool>(0);
        self.at_once(|raw| {
            raw.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], row).map(|busy| !busy)
        })
    }

    /// The same for a while: who reads a few rows is soon done.
    pub fn checkpoint_soon(&mut self) -> Result<bool> {
        let until = Instant::now() + self.patience.timeout.min(SOON);
        loop {
            if self.checkpoint()? {
                return Ok(true);
            }
            if Instant::now() >= until || self.patience.cancel.sleep(PAUSE).is_err() {
                return Ok(false);
            }
        }
    }

    /// The first rows of a query whose answer is text.
    pub fn texts(&self, sql: &str, most: usize, text: Text) -> Result<Vec<String>> {
        let query = || {
            let mut statement = self.raw.prepare(sql)?;
            let rows = statement.query_map([], text)?;
            rows.take(most).collect::<rusqlite::Result<Vec<_>>>()
        };
        query().map_err(|error| self.wrong(error))
    }

    /// An error of SQLite, or the cancelling that stands behind it.
    pub fn wrong(&self, error: rusqlite::Error) -> SwapError {
        let code = error.sqlite_error().map(|failure| failure.extended_code & 0xff);
        let problem = match (code, self.patience.cancel.check()) {
            (Some(ffi::SQLITE_INTERRUPT | ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED), Err(reason)) => {
                Problem::Cancelled(reason)
            }
            _ => error.into(),
        };
        SwapError::new(problem, self.step, &self.path)
    }

    /// Something that is wrong with this database.
    pub fn problem(&self, problem: DatabaseProblem) -> SwapError {
        SwapError::new(problem.into(), self.step, &self.path)
    }

    /// Closes it, with proof.
    pub fn close(self) -> Result<()> {
        let Self { raw, _entry, path, step, .. } = self;
        raw.close().map_err(|(_, error)| SwapError::new(error.into(), step, &path))
    }
}

/// For the system's word on it alone.
fn open_to_see(path: &Path) -> std::io::Result<PlainFile> {
    let mut options = std::fs::OpenOptions::new();
    options.read(true);
    PlainFile::open(options, Link::Follow, path)
}

/// How a database is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// As others read it.
    WithLocks,
    /// As a file that nobody changes: nothing but it is looked at, and nothing is made beside it.
    Immutable,
}

/// SQLite's name for it (<https://sqlite.org/uri.html>).
fn immutable_uri(path: &str) -> String {
    let mut uri = String::from(if cfg!(windows) { "file:///" } else { "file:" });
    for character in path.chars() {
        match character {
            '%' => uri.push_str("%25"),
            '?' => uri.push_str("%3f"),
            '#' => uri.push_str("%23"),
            '\\' if cfg!(windows) => uri.push('/'),
            _ => uri.push(character),
        }
    }
    uri.push_str("?immutable=1");
    uri
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

/// Has a connection wait for locks as long as the swap does.
fn wait_for_locks(raw: &mut Connection, patience: &Patience) -> rusqlite::Result<()> {
    let Patience { timeout, cancel } = patience.clone();
    let mut began = Instant::now();
    raw.busy_handler(Some(move |tries: i32| {
        if tries == 0 {
            began = Instant::now();
        }
        began.elapsed() < timeout && cancel.sleep(PAUSE).is_ok()
    }))
}

/// Makes a line of a row.
pub type Text = fn(&rusqlite::Row<'_>) -> rusqlite::Result<String>;

fn is_busy(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|failure| failure.extended_code & 0xff);
    matches!(code, Some(ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED))
}
