//! The new database's content takes the place of the old one's, in the same file: for a database that
//! others have open, or of which nobody can tell.
//!
//! It is one transaction of SQLite's, so that whoever reads sees all of the old or all of the new, and
//! after a crash SQLite's own recovery leaves one of the two.

use std::io;
use std::path::{Path, PathBuf};

use super::backup::{self, Settled};
use super::first::sync_last;
use super::job::Job;
use super::maintenance::MaintenanceConnection;
use super::new_database::NewDatabase;
use super::pages::Copy;
use super::proof::{self, OldFile};
use super::request::{DatabaseSwapped, Limits, Mode};
use super::write_lock::{Facts, WriteLock};
use crate::failpoints::{Safeguard, is_removed};
use crate::swap::error::database::DatabaseProblem;
use crate::swap::error::{At, Problem, Result, Step, SwapError};
use crate::swap::staging::StagingFile;
use crate::swap::{durability, metadata, rename};

/// Copies the new content in.
pub fn swap(
    mut swap: Job<'_>,
    write_lock: WriteLock,
    handle: &OldFile,
    mut new: NewDatabase,
) -> Result<DatabaseSwapped> {
    swap.record.backup = swap.backup_name(&write_lock.facts, &new)?;
    let swapped = transfer(&mut swap, write_lock, handle, &mut new);
    if swapped.as_ref().is_err_and(|error| !error.committed) {
        swap.undo();
    }
    swapped
}

/// The same, for those who have begun otherwise, and whose record says so.
pub fn transfer(
    swap: &mut Job<'_>,
    mut write_lock: WriteLock,
    handle: &OldFile,
    new: &mut NewDatabase,
) -> Result<DatabaseSwapped> {
    let path = swap.target.path.clone();
    if let Some(facts) = &new.facts {
        let (old, new) = (write_lock.facts.page_size, facts.page_size);
        if write_lock.facts.is_wal && old != new {
            let problem = DatabaseProblem::PageSize { old, new };
            return Err(swap.wrong(Step::Transfer, problem.into()));
        }
        let (old, new) = (&write_lock.facts.encoding, &facts.encoding);
        if old != new {
            let problem = DatabaseProblem::Encoding { old: old.clone(), new: new.clone() };
            return Err(swap.wrong(Step::Transfer, problem.into()));
        }
    }
    if !is_removed(Safeguard::ChangeCheck) {
        write_lock.check_kept(Step::Transfer)?;
    }
    let watch = ChangeWatch::begin(&path, &write_lock.facts, handle, &swap.limits)?;
    swap.record.in_place = Some(write_lock.facts.schema_version);
    swap.write_record()?;
    if swap.record.backup.is_some() {
        swap.caller.begin(Step::Backup);
        back_up(swap)?;
    }
    let bytes = new.path().metadata().at(Step::Transfer, new.path())?.len();
    swap.caller.begin(Step::Transfer);
    let source = MaintenanceConnection::open(new.path(), Step::Transfer, &swap.limits)?;
    // SQLite's locks keep other processes out, and no other SQLite of this one.
    let is_ours_alone = || proof::refuse_foreign_sqlite(&path, Step::Transfer);
    is_ours_alone()?;
    write_lock.unlock(Step::Transfer)?;
    if swap.is_durable() {
        // With a rollback journal a commit is the removal of the journal: that must be on the disk.
        write_lock.connection().set("synchronous", "EXTRA")?;
    }
    let copy = Copy::begin(&source, write_lock.connection(), swap.caller)?;
    // The write lock is there again: whoever has committed since the write_lock let go of it has done so
    // by now.
    if !watch.is_unchanged(&path)? && !is_removed(Safeguard::ChangeCheck) {
        return Err(swap.wrong(Step::Transfer, DatabaseProblem::Changed.into()));
    }
    let finished = copy.finish(swap.caller, is_ours_alone);
    finished.map_err(|error| {
        detect_commit(error, &path, write_lock.facts.schema_version, &swap.undo_limits())
    })?;
    let committed = |error| SwapError { committed: true, ..error };
    watch.end().map_err(committed)?;
    source.close().map_err(committed)?;
    // It would be done by the next one to close the database else.
    let _ = write_lock.connection().checkpoint_with_retries();
    write_lock.close().map_err(committed)?;
    let backup = end(swap).map_err(committed)?;
    let durable = swap.is_durable();
    Ok(DatabaseSwapped { mode: Mode::InPlace, durable, bytes, backup, opener_came: false })
}

/// Names the backup, and puts the journal mode back where it was changed before it came to this. What
/// cannot be done now is left to the next to open the database.
fn end(swap: &mut Job<'_>) -> Result<Option<PathBuf>> {
    let settled = backup::settle(&swap.target, Some(&swap.record), &swap.limits)?;
    sync_last(swap)?;
    swap.settle_record();
    Ok(match settled {
        Some(Settled::Named(path)) => Some(path),
        Some(Settled::Removed(_)) | None => None,
    })
}

/// Copies the old database to the fixed name of its backup, whole and synced before it has that name.
/// The write_lock keeps it as it is.
fn back_up(swap: &mut Job<'_>) -> Result<()> {
    // It may have been made somebody else's, or private, meanwhile.
    swap.target.refresh()?;
    let old = MaintenanceConnection::open(&swap.target.path, Step::Backup, &swap.limits)?;
    let (staging, file) = StagingFile::create(&swap.target, false)?;
    drop(file);
    let mut copy = MaintenanceConnection::open(staging.path(), Step::Backup, &swap.limits)?;
    Copy::begin(&old, &mut copy, swap.caller)?.finish(swap.caller, || Ok(()))?;
    // One file, that needs no other.
    copy.journal_mode("delete")?;
    copy.close()?;
    old.close()?;
    let (file, found) = staging.reopen()?;
    match metadata::carry_over(&swap.target, (&file, &found), staging.path(), None, None) {
        // Somebody else's database has a backup of ours, which nobody else may read.
        #[cfg(unix)]
        Err(SwapError { problem: Problem::Owner { .. }, .. }) => {}
        carried => carried?,
    }
    durability::sync_file(&file, swap.request.durability).at(Step::Backup, staging.path())?;
    drop(file);
    let unnamed = backup::unnamed(&swap.target);
    rename::to_new_name(staging.path(), &unnamed).at(Step::Backup, &unnamed)?;
    staging.committed();
    swap.has_unnamed = true;
    swap.sync_directory(Step::Backup)
}

/// What an error of the copy means: SQLite says that a commit failed also where it is only not certain to
/// be on the disk. The database's `schema_version` is the next one then.
fn detect_commit(error: SwapError, path: &Path, before: i64, limits: &Limits) -> SwapError {
    if error.code() != "IO_ERROR" {
        return error;
    }
    let now = MaintenanceConnection::open(path, Step::Transfer, limits)
        .and_then(|connection| connection.pragma::<i64>("schema_version"));
    if now.is_ok_and(|now| now == before + 1) {
        let problem = Problem::NotDurable(io::Error::other(error));
        return SwapError { committed: true, ..SwapError::new(problem, Step::Transfer, path) };
    }
    error
}

/// Tells whether somebody else has committed since the write_lock was taken. The write_lock's own connection
/// cannot: it is the one that the new content is copied through.
enum ChangeWatch<'a> {
    /// In WAL mode by a second connection, which sees whenever another one has committed.
    Connection(Box<MaintenanceConnection>, i64),
    /// Else by the counter in the file: no connection may read while the file is written.
    Counter(&'a OldFile, Option<u32>),
}

impl<'a> ChangeWatch<'a> {
    /// While the write_lock is there.
    fn begin(path: &Path, old: &Facts, handle: &'a OldFile, limits: &Limits) -> Result<Self> {
        if !old.is_wal {
            return Ok(Self::Counter(handle, handle.change_counter(path)?));
        }
        let connection = MaintenanceConnection::open(path, Step::Transfer, limits)?;
        let version = connection.pragma("data_version")?;
        Ok(Self::Connection(Box::new(connection), version))
    }

    fn is_unchanged(&self, path: &Path) -> Result<bool> {
        Ok(match self {
            Self::Connection(connection, version) => {
                connection.pragma::<i64>("data_version")? == *version
            }
            Self::Counter(handle, counter) => handle.change_counter(path)? == *counter,
        })
    }

    fn end(self) -> Result<()> {
        match self {
            Self::Connection(connection, _) => connection.close(),
            Self::Counter(..) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::process::Process;
    use super::*;
    use std::sync::Arc;
    use std::time::Duration;

    #[test]
    fn an_error_behind_the_commit_says_that_it_is_committed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let database = rusqlite::Connection::open(&path).unwrap();
        let limits = Limits { timeout: Duration::ZERO, cancel: Arc::default() };
        let error = || {
            let failed = io::Error::other("fsync failed");
            let error = SwapError::new(Problem::Io(failed), Step::Transfer, &path);
            detect_commit(error, &path, 0, &limits)
        };
        let before = error();
        assert_eq!((before.code(), before.committed), ("IO_ERROR", false));
        database.execute_batch("CREATE TABLE t (x)").unwrap();
        let after = error();
        assert_eq!((after.code(), after.committed), ("NOT_DURABLE", true));
        assert!(after.to_string().contains("fsync failed"), "{after}");
    }

    /// Between the write_lock's lock and the copy's there is a moment without a lock.
    #[test]
    fn a_commit_in_between_is_seen() {
        for mode in ["wal", "delete"] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a.db");
            let setup = rusqlite::Connection::open(&path).unwrap();
            setup.pragma_update(None, "journal_mode", mode).unwrap();
            setup.execute_batch("CREATE TABLE t (x)").unwrap();
            setup.close().unwrap();
            let mut other = Process::start();
            other.open(&path);
            let limits = Limits { timeout: Duration::ZERO, cancel: Arc::default() };
            for commits in [false, true] {
                let handle = OldFile::open(&path).unwrap();
                let mut write_lock = WriteLock::take(&path, &limits).unwrap();
                let watch = ChangeWatch::begin(&path, &write_lock.facts, &handle, &limits).unwrap();
                write_lock.unlock(Step::Transfer).unwrap();
                if commits {
                    other.run("INSERT INTO t VALUES (1)");
                }
                write_lock.connection().run("BEGIN IMMEDIATE").unwrap();
                assert_eq!(watch.is_unchanged(&path).unwrap(), !commits, "{mode}");
                assert_eq!(write_lock.check_unchanged().is_ok(), !commits, "{mode}");
                write_lock.close().unwrap();
            }
        }
    }
}
