//! A look at a database, and at everything beside it, that changes nothing: no recovery, no checkpoint,
//! no new file.
//!
//! A connection that only reads would still make a `-shm` beside a database in WAL mode, and leave it
//! there. So where there is no `-wal` the file is opened as immutable, which touches nothing else; where
//! there are both, others have the database open, or had, and one more reader adds nothing (at most it
//! rebuilds the `-shm`, which holds no data). A `-wal` without `-shm` was left by a process that died:
//! then the database is not opened, and the report says so.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::maintenance::{MaintenanceConnection, Reading};
use super::request::Limits;
use super::target::resolve;
use super::write_lock::sidecars;
use super::{new_database, openers, recovery};
use crate::files;
use crate::swap::error::{Problem, Result, Step};
use crate::swap::lock::{self, TargetLock};
use crate::swap::target::Target;

/// How many findings of a check are listed.
const MOST_FINDINGS: usize = 100;

/// Where the header says that the journal mode is WAL: twice, for reading and for writing.
const JOURNAL_MODE_AT: usize = 18;

/// What was found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The path that was given.
    path: PathBuf,
    /// Where it leads.
    target: PathBuf,
    is_symlink: bool,
    exists: bool,
    bytes: u64,
    /// How many names the file has.
    links: u64,
    openers: Vec<Opener>,
    /// Whether no opener can have been missed.
    openers_complete: bool,
    sidecars: Vec<Beside>,
    leftovers: Vec<Leftover>,
    /// "none", "held" (a swap is under way), "left" (one was killed), or "untrusted" (what has its name is
    /// no lock file of ours).
    lock_file: &'static str,
    database: Option<Database>,
    /// Why the database could not be looked at.
    problem: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Opener {
    pid: u32,
    name: String,
    is_self: bool,
}

#[derive(Debug, Serialize)]
struct Beside {
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
    /// How many pages the `-wal` has room for in its present size.
    wal_frames: u64,
    /// What is wrong; nothing where all is well.
    integrity: Vec<String>,
    foreign_keys: Vec<String>,
}

/// What cannot be looked at without changing something.
const LEFT_WAL: &str = "its -wal was left by a process that died, and is taken in by whoever opens the \
    database next; open it once and look again";
const LEFT_JOURNAL: &str = "its -journal was left by a process that died in a transaction, which is rolled \
    back by whoever opens the database next; open it once and look again";

/// Looks at a database.
pub fn examine(given: &Path, limits: &Limits) -> Result<Report> {
    let target = resolve(given)?;
    let path = &target.path;
    let found = openers::others(path);
    let mut who = found.others;
    if files::is_open_by_us(path) {
        who.insert(0, openers::this_process());
    }
    let (database, problem) = match &target.found {
        None => (None, Some("there is no such file".to_owned())),
        Some(_) => match look(path, limits) {
            Ok(database) => (Some(database), None),
            Err(problem) => (None, Some(problem)),
        },
    };
    let as_listed = |opener: crate::swap::error::database::Opener| Opener {
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
        openers: who.into_iter().map(as_listed).collect(),
        openers_complete: found.is_complete,
        sidecars: sidecars(path).map(|path| Beside { bytes: size(&path), path }).collect(),
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

fn look(path: &Path, limits: &Limits) -> std::result::Result<Database, String> {
    let sidecar =
        |suffix: &str| sidecars(path).find(|path| path.to_string_lossy().ends_with(suffix));
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
        let integrity = connection.texts("PRAGMA integrity_check", MOST_FINDINGS)?;
        let database = Database {
            journal_mode: match reading {
                // An immutable file has none.
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
        };
        connection.close()?;
        Ok(database)
    };
    database().map_err(|error: crate::swap::error::SwapError| {
        if error.code() == "READ_ONLY" && sidecar("-journal").is_some() {
            return LEFT_JOURNAL.to_owned();
        }
        error.to_string()
    })
}

/// Whether the header says so. None where it was not looked at: this process has the file open, and a
/// plain handle would drop its locks.
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
