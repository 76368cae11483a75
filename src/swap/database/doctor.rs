//! A report on a database and the files beside it. It changes nothing: no recovery, no checkpoint,
//! no new file.
//!
//! Even a read-only connection on a WAL database creates a `-shm` and leaves it. Therefore:
//!
//! - Without a `-wal`, the file is opened as immutable, which touches no other file.
//! - With `-wal` and `-shm`, other connections have or had the database open. Another reader adds
//!   no file; at most it rebuilds the `-shm`, which holds no data.
//! - A `-wal` without a `-shm` was left by a process that was killed. The database is not opened,
//!   and the report says so.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::maintenance::{MaintenanceConnection, Reading};
use super::request::Limits;
use super::sidecars;
use super::target::resolve;
use super::{new_database, openers, recovery};
use crate::files;
use crate::sqlite::IndexName;
use crate::swap::steps::error::database::Opener;
use crate::swap::steps::error::{Problem, Result, Step};
use crate::swap::steps::lock::{self, TargetLock};
use crate::swap::steps::target::Target;

/// The largest number of findings of a check in a report.
const MOST_FINDINGS: usize = 100;

/// The offset of the two bytes of the header that have the value 2 in WAL mode, one for reading and
/// one for writing.
const JOURNAL_MODE_AT: usize = 18;

/// The report.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The given path.
    path: PathBuf,
    /// The real path.
    target: PathBuf,
    is_symlink: bool,
    exists: bool,
    bytes: u64,
    /// The number of the file's names.
    links: u64,
    openers: Vec<ReportedOpener>,
    /// Whether the list of openers is certainly complete.
    openers_complete: bool,
    sidecars: Vec<Sidecar>,
    leftovers: Vec<Leftover>,
    /// "none", "held" (a swap is running), "left" (a swap was killed), or "untrusted" (the file of
    /// this name is not a lock file of latchdb).
    lock_file: &'static str,
    database: Option<Database>,
    /// Why the database could not be examined.
    problem: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ReportedOpener {
    pid: u32,
    name: String,
    is_self: bool,
}

#[derive(Debug, Serialize)]
struct Sidecar {
    path: PathBuf,
    bytes: u64,
}

#[derive(Debug, Serialize)]
struct Leftover {
    what: &'static str,
    path: PathBuf,
    bytes: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Database {
    journal_mode: String,
    page_size: i64,
    page_count: i64,
    freelist_count: i64,
    encoding: String,
    auto_vacuum: i64,
    application_id: i64,
    user_version: i64,
    schema_version: i64,
    /// The number of frames that fit into the `-wal` at its present size.
    wal_frames: u64,
    /// The findings of `integrity_check`; empty if there are none.
    integrity: Vec<String>,
    foreign_keys: Vec<String>,
    /// The vector indexes that libSQL has made. The integrity of a database with one is not checked, because SQLite
    /// finds the index empty.
    vector_indexes: Vec<IndexName>,
}

/// Reading these databases would change them.
const LEFT_WAL: &str = "its -wal was left by a process that was killed, and the next connection recovers \
    it; open and close the database, and run the report again";
const LEFT_JOURNAL: &str = "its -journal was left by a process that was killed in a transaction, and the \
    next connection rolls it back; open and close the database, and run the report again";

/// Examines a database.
pub fn examine(given: &Path, limits: &Limits) -> Result<Report> {
    let target = resolve(given)?;
    let path = &target.path;
    let found = openers::others(path);
    let mut openers = found.others;
    if files::is_open_by_us(path) {
        openers.insert(0, openers::this_process());
    }
    let (database, problem) = match &target.found {
        None => (None, Some("there is no such file".to_owned())),
        Some(_) => match examine_content(path, limits) {
            Ok(database) => (Some(database), None),
            Err(problem) => (None, Some(problem)),
        },
    };
    let reported = |opener: Opener| ReportedOpener {
        is_self: opener.is_self(),
        pid: opener.pid,
        name: opener.name,
    };
    Ok(Report {
        path: given.to_owned(),
        is_symlink: given.is_symlink(),
        exists: target.found.is_some(),
        bytes: target.found.as_ref().map_or(0, std::fs::Metadata::len),
        links: target.found.as_ref().map_or(0, links),
        openers: openers.into_iter().map(reported).collect(),
        openers_complete: found.is_complete,
        sidecars: sidecars::existing(path)
            .map(|path| Sidecar { bytes: size(&path), path })
            .collect(),
        leftovers: recovery::leftovers(&target)?
            .into_iter()
            .map(|(what, path)| Leftover { what, bytes: size(&path), path })
            .collect(),
        lock_file: state_of_lock(&target),
        database,
        problem,
        target: target.path,
    })
}

fn examine_content(path: &Path, limits: &Limits) -> std::result::Result<Database, String> {
    let sidecar = |suffix: &str| {
        sidecars::existing(path).find(|path| path.to_string_lossy().ends_with(suffix))
    };
    let wal_bytes = sidecar("-wal").map_or(0, |wal| size(&wal));
    let reading = match (is_wal(path), wal_bytes, sidecar("-shm")) {
        (Some(false), ..) | (_, _, Some(_)) | (None, ..) => Reading::WithLocks,
        (Some(true), 0, None) => Reading::Immutable,
        (Some(true), _, None) => {
            return Err(LEFT_WAL.to_owned());
        }
    };
    let database = || {
        let connection = MaintenanceConnection::open_to_read(path, Step::Check, limits, reading)?;
        let page_size: i64 = connection.pragma("page_size")?;
        let frame = 24 + u64::try_from(page_size).unwrap_or(0);
        let vector_indexes = connection.vector_indexes_of_libsql()?;
        let integrity = match vector_indexes.is_empty() {
            true => connection.texts("PRAGMA integrity_check", MOST_FINDINGS)?,
            false => vec!["ok".to_owned()],
        };
        let database = Database {
            journal_mode: match reading {
                // SQLite reports no journal mode for an immutable file.
                Reading::Immutable => "wal".to_owned(),
                Reading::WithLocks => connection.pragma("journal_mode")?,
            },
            page_size,
            page_count: connection.pragma("page_count")?,
            freelist_count: connection.pragma("freelist_count")?,
            encoding: connection.pragma("encoding")?,
            auto_vacuum: connection.pragma("auto_vacuum")?,
            application_id: connection.pragma("application_id")?,
            user_version: connection.pragma("user_version")?,
            schema_version: connection.pragma("schema_version")?,
            wal_frames: wal_bytes.saturating_sub(32) / frame,
            integrity: if integrity == ["ok"] { Vec::new() } else { integrity },
            foreign_keys: connection.texts(new_database::FOREIGN_KEYS, MOST_FINDINGS)?,
            vector_indexes,
        };
        connection.close()?;
        Ok(database)
    };
    database().map_err(|error: crate::swap::steps::error::SwapError| {
        if error.code() == "READ_ONLY" && sidecar("-journal").is_some() {
            return LEFT_JOURNAL.to_owned();
        }
        error.to_string()
    })
}

/// Whether the header has WAL mode. None if the header was not read, because this process has the
/// file open and closing a plain handle would drop its locks.
fn is_wal(path: &Path) -> Option<bool> {
    if files::open_by(path).is_some() {
        return None;
    }
    let mut options = std::fs::OpenOptions::new();
    options.read(true);
    let file = files::PlainFile::open(options, files::Link::Follow, path).ok()?;
    let mut header = [0; JOURNAL_MODE_AT + 2];
    (&*file).read_exact(&mut header).ok()?;
    Some(header[JOURNAL_MODE_AT..] == [2, 2])
}

fn state_of_lock(target: &Target) -> &'static str {
    let lock = target.beside(lock::PREFIX);
    if lock.symlink_metadata().is_err() {
        return "none";
    }
    match TargetLock::is_held(target) {
        Ok(false) => "left",
        Err(error) if matches!(error.problem, Problem::Untrusted(_)) => "untrusted",
        Ok(true) | Err(_) => "held",
    }
}

fn size(path: &Path) -> u64 {
    path.symlink_metadata().map_or(0, |found| found.len())
}

#[cfg(unix)]
fn links(found: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::nlink(found)
}

#[cfg(not(unix))]
fn links(_found: &std::fs::Metadata) -> u64 {
    1
}
