//! Copying the new database's content into the old file. This is for a database that others have
//! open, or for which that cannot be determined.
//!
//! The copy is one transaction of SQLite. A reader sees the complete old or the complete new
//! content, and after a crash SQLite's own recovery restores one of the two.

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
use crate::swap::steps::error::database::DatabaseProblem;
use crate::swap::steps::error::{At, Problem, Result, Step, SwapError};
use crate::swap::steps::staging::StagingFile;
use crate::swap::steps::{durability, metadata, rename};

/// Copies the new content into the old file. Undoes the swap if that fails.
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

/// The same without undoing. A swap by rename also ends here if it cannot rename; its record is
/// complete already.
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
            return Err(swap.error(Step::Transfer, problem.into()));
        }
        let (old, new) = (&write_lock.facts.encoding, &facts.encoding);
        if old != new {
            let problem = DatabaseProblem::Encoding { old: old.clone(), new: new.clone() };
            return Err(swap.error(Step::Transfer, problem.into()));
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
    // SQLite's locks exclude other processes, but not another SQLite library in this process.
    let check_foreign = || proof::refuse_foreign_sqlite(&path, Step::Transfer);
    check_foreign()?;
    write_lock.unlock(Step::Transfer)?;
    if swap.is_durable() {
        // With a rollback journal, removing the journal is the commit. EXTRA syncs the removal too.
        write_lock.connection().set("synchronous", "EXTRA")?;
    }
    let copy = Copy::begin(&source, write_lock.connection(), swap.caller)?;
    // The copy holds SQLite's write lock again. A commit in between is complete by now, so that the
    // check detects it.
    if !watch.is_unchanged(&path)? && !is_removed(Safeguard::ChangeCheck) {
        return Err(swap.error(Step::Transfer, DatabaseProblem::Changed.into()));
    }
    let finished = copy.finish(swap.caller, check_foreign);
    finished.map_err(|error| {
        detect_commit(error, &path, write_lock.facts.schema_version, &swap.undo_limits())
    })?;
    let committed = |error| SwapError { committed: true, ..error };
    watch.end().map_err(committed)?;
    source.close().map_err(committed)?;
    // If this fails, the next connection that closes the database does it.
    let _ = write_lock.connection().checkpoint_with_retries();
    write_lock.close().map_err(committed)?;
    let backup = finish(swap).map_err(committed)?;
    let durable = swap.is_durable();
    Ok(DatabaseSwapped { mode: Mode::InPlace, durable, bytes, backup, opener_came: false })
}

/// Names the backup, and restores the journal mode if an attempt to rename has changed it. If that
/// fails, the next client that opens the database does it.
fn finish(swap: &mut Job<'_>) -> Result<Option<PathBuf>> {
    let settled = backup::settle(&swap.target, Some(&swap.record), &swap.limits)?;
    sync_last(swap)?;
    swap.settle_record();
    Ok(match settled {
        Some(Settled::Named(path)) => Some(path),
        Some(Settled::Removed(_)) | None => None,
    })
}

/// Copies the old database to the fixed name of its backup. The copy is complete and synced before
/// it gets that name. The write lock prevents changes meanwhile.
fn back_up(swap: &mut Job<'_>) -> Result<()> {
    // The owner or the mode may have changed since the swap began.
    swap.target.refresh()?;
    let old = MaintenanceConnection::open(&swap.target.path, Step::Backup, &swap.limits)?;
    let (staging, file) = StagingFile::create(&swap.target, false)?;
    drop(file);
    let mut copy = MaintenanceConnection::open(staging.path(), Step::Backup, &swap.limits)?;
    Copy::begin(&old, &mut copy, swap.caller)?.finish(swap.caller, || Ok(()))?;
    // Outside of WAL mode the copy is a single file.
    copy.journal_mode("delete")?;
    copy.close()?;
    old.close()?;
    let (file, found) = staging.reopen()?;
    match metadata::carry_over(&swap.target, (&file, &found), staging.path(), None, None) {
        // If the owner cannot be changed, the backup belongs to this user, and only this user may
        // read it.
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

/// Marks an error of the copy as committed if the transaction has committed. SQLite also reports a
/// failed commit if only a sync failed. In that case the `schema_version` has increased by one.
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

/// Detects commits of other connections since the write lock was taken. The connection of the write
/// lock cannot, because the new content is copied through it.
enum ChangeWatch<'a> {
    /// In WAL mode, a second connection, whose `data_version` changes with the commits of others.
    Connection(Box<MaintenanceConnection>, i64),
    /// In other modes, the change counter in the file, because no connection may read during the
    /// copy.
    Counter(&'a OldFile, Option<u32>),
}

impl<'a> ChangeWatch<'a> {
    /// Begins to watch. The caller holds the write lock.
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
    fn an_error_after_the_commit_has_the_flag_committed() {
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

    /// There is a moment without a lock between the write lock and the copy's own lock.
    #[test]
    fn a_commit_between_the_two_locks_is_detected() {
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
