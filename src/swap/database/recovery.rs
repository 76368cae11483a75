//! Clearing the remains of a killed swap. The database itself needs no repair: it is the complete
//! old or the complete new one at every instant.
//!
//! A recovery runs only under the target's lock. A killed swap can leave:
//!
//! - `.staging-*` with its sidecars, and `.aside-*`: they are removed.
//! - The old database outside of WAL mode: its journal mode is restored.
//! - A backup with its fixed name: it is removed if it is another name of the database or a copy of
//!   the present content. Otherwise it gets the requested name.
//! - The lock file: it is removed last. If a part fails, the file is kept, and the next recovery
//!   tries again.
//!
//! After a power cut the lock file may be missing, if its name was not on the disk yet. The swap
//! syncs that name before any step that needs the record, so that only staging files can be left
//! without it. The next swap removes them. The lock file may also exist although all work is done.
//! The recovery then finds nothing to do.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::backup::{self, Settled};
use super::maintenance::MaintenanceConnection;
use super::recovery_record::{self, RecoveryRecord};
use super::request::Limits;
use super::sidecars;
use super::target::resolve;
use crate::files;
use crate::swap::steps::durability::{self, Durability};
use crate::swap::steps::error::{At, Result, Step};
use crate::swap::steps::lock::{self, TargetLock};
use crate::swap::steps::staging;
use crate::swap::steps::target::{Target, name_with};

/// The result of a recovery.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The database, by its real path.
    pub target: PathBuf,
    /// Whether a swap of the target is running. If so, nothing was examined.
    pub under_way: bool,
    /// The remains that were found.
    pub found: Vec<Finding>,
}

/// One of the remains of a killed swap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// "staging", "aside", "backup", "journal-mode" or "lock-file".
    pub what: &'static str,
    /// Its path. For a backup that got its name, the new path.
    pub path: PathBuf,
    /// "removed", "named", "restored" or "failed".
    pub done: &'static str,
    /// The error, if it failed.
    pub detail: String,
}

impl Finding {
    fn new(what: &'static str, path: &Path, done: &'static str) -> Self {
        Self { what, path: path.to_owned(), done, detail: String::new() }
    }

    fn failed(what: &'static str, path: &Path, why: &dyn std::fmt::Display) -> Self {
        Self { detail: why.to_string(), ..Self::new(what, path, "failed") }
    }
}

/// Clears the remains beside a database, unless a swap of it is running.
pub fn recover(given: &Path, limits: &Limits) -> Result<Report> {
    let target = resolve(given)?;
    let lock_file = target.beside(lock::PREFIX);
    let was_left = lock_file.symlink_metadata().is_ok();
    let Some(mut lock) = TargetLock::try_acquire(&target)? else {
        return Ok(Report { target: target.path, under_way: true, found: Vec::new() });
    };
    let mut found = clear(&target, &mut lock, limits)?;
    drop(lock);
    if was_left && lock_file.symlink_metadata().is_err() {
        found.push(Finding::new("lock-file", &lock_file, "removed"));
    }
    Ok(Report { target: target.path, under_way: false, found })
}

/// The same before a connection opens the file at this path. Without remains it costs two system
/// calls: whether the path is a symbolic link, and whether a lock file exists, which every swap has
/// from its beginning to its end. A running swap does not concern the opener. A failed recovery
/// does not prevent the open: the remains harm no connection, and the next recovery tries again.
/// The function does not wait, because it may run on the JavaScript thread.
pub fn before_open(path: &Path) {
    if has_leftovers(path) {
        let _patience = files::do_not_wait();
        let limits = Limits { timeout: Duration::ZERO, cancel: Arc::default() };
        let _ = recover(path, &limits);
    }
}

fn has_leftovers(path: &Path) -> bool {
    let is_locked = |path: &Path| {
        let name = path.file_name().map(|name| path.with_file_name(name_with(lock::PREFIX, name)));
        name.is_some_and(|lock| lock.symlink_metadata().is_ok())
    };
    if std::fs::read_link(path).is_err() {
        return is_locked(path);
    }
    Target::resolve(path).is_ok_and(|target| is_locked(&target.path))
}

/// Clears the remains of the previous swap. The caller holds the lock.
pub fn clear(target: &Target, lock: &mut TargetLock, limits: &Limits) -> Result<Vec<Finding>> {
    let was_left = lock.has_record();
    let record = RecoveryRecord::read(lock, target)?;
    let mut found = settle(target, record.as_ref(), limits);
    found.extend(sweep(target)?);
    if was_left && found.iter().all(|one| one.done != "failed" || one.what == "aside") {
        lock.empty();
    }
    Ok(found)
}

/// Does the work of a record. Syncs the names before the record may be removed.
pub fn settle(target: &Target, record: Option<&RecoveryRecord>, limits: &Limits) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Some(record) = record {
        // If this fails, the journal is harmless: SQLite ignores it.
        let _ = remove_cold_journal(target, record, limits);
    }
    if record.is_some_and(|record| record.was_wal.is_some()) {
        found.extend(restore_journal_mode(target, record, limits));
    }
    match backup::settle(target, record, limits) {
        Ok(None) => {}
        Ok(Some(Settled::Named(path))) => found.push(Finding::new("backup", &path, "named")),
        Ok(Some(Settled::Removed(path))) => found.push(Finding::new("backup", &path, "removed")),
        Err(error) => found.push(Finding::failed("backup", &backup::unnamed(target), &error)),
    }
    if !found.is_empty()
        && let Err(error) = durability::sync_directory(&target.directory, Durability::Full)
    {
        found.push(Finding::failed("backup", &target.directory, &error));
    }
    found
}

/// Removes a journal that its process had not begun to use when it was killed. SQLite ignores such
/// a journal, but does not remove it.
fn remove_cold_journal(target: &Target, record: &RecoveryRecord, limits: &Limits) -> Result<()> {
    if !sidecars::existing(&target.path).any(|path| files::sidecars::is_journal(&path)) {
        return Ok(());
    }
    let connection = MaintenanceConnection::open(&target.path, Step::Recover, limits)?;
    // Reading the journal mode makes SQLite roll back a hot journal, which removes it.
    if connection.pragma::<String>("journal_mode")? == "wal" && record.was_wal.is_some() {
        connection.journal_mode("persist")?;
    }
    connection.remove_cold_journal()?;
    connection.close()
}

/// Restores WAL mode if the target is still the old database.
fn restore_journal_mode(
    target: &Target,
    record: Option<&RecoveryRecord>,
    limits: &Limits,
) -> Option<Finding> {
    let old = record.and_then(|record| record.was_wal.as_ref())?;
    if recovery_record::lasting_identity(&target.path).as_ref() != Some(old) {
        return None;
    }
    let set = || {
        let connection = MaintenanceConnection::open(&target.path, Step::Recover, limits)?;
        if connection.pragma::<String>("journal_mode")? == "wal" {
            return Ok(None);
        }
        let mode = connection.journal_mode("wal")?;
        connection.close()?;
        Ok(Some(mode == "wal"))
    };
    match set() {
        Ok(None) => None,
        Ok(Some(true)) => Some(Finding::new("journal-mode", &target.path, "restored")),
        Ok(Some(false)) => Some(Finding::failed(
            "journal-mode",
            &target.path,
            &"other connections are using the database; close them, and run recover again",
        )),
        Err::<_, crate::swap::steps::error::SwapError>(error) => {
            Some(Finding::failed("journal-mode", &target.path, &error))
        }
    }
}

/// Removes the leftovers.
fn sweep(target: &Target) -> Result<Vec<Finding>> {
    let removed = leftovers(target)?.into_iter().map(|(what, path)| {
        match staging::remove_with_sidecars(&path) {
            Ok(()) => Finding::new(what, &path, "removed"),
            Err(error) => Finding::failed(what, &path, &error),
        }
    });
    Ok(removed.collect())
}

/// The leftovers in the target's directory, by kind and path.
pub fn leftovers(target: &Target) -> Result<Vec<(&'static str, PathBuf)>> {
    let Some(name) = target.path.file_name() else { return Ok(Vec::new()) };
    let entries = std::fs::read_dir(&target.directory).at(Step::Recover, &target.directory)?;
    let kinds = entries.flatten().filter_map(|entry| {
        let kind = staging::kind_of_leftover(&entry.file_name(), name)?;
        Some((kind, entry.path()))
    });
    Ok(kinds.collect())
}
