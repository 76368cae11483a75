//! Setting right what a killed swap left, which never includes the database itself: that is old or
//! new, whole, at every instant.
//!
//! It runs only under the target's lock. What a swap can leave, and what becomes of it:
//!
//! - `.staging-*` with what SQLite has beside it, `.aside-*`: removed;
//! - the old database, no longer in WAL mode: it is put back;
//! - a backup that has no name yet: removed where it is another name of the database itself, or a copy
//!   of what is still there; else it gets the name that was asked for;
//! - the lock file: removed last, when all of that is done. Until then the next one tries again.
//!
//! After a power cut the lock file may be missing where the last names were not on the disk yet. What
//! needs its record has waited for that, so only what nobody needs can be left without it, and goes with
//! the next swap. Or it is still there where all is done: then it is found that nothing is to do.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::backup::{self, Settled};
use super::maintenance::MaintenanceConnection;
use super::recovery_record::{self, RecoveryRecord};
use super::request::Limits;
use super::target::resolve;
use super::write_lock::sidecars;
use crate::files;
use crate::swap::durability::{self, Durability};
use crate::swap::error::{At, Result, Step};
use crate::swap::lock::{self, TargetLock};
use crate::swap::staging;
use crate::swap::target::{Target, name_with};

/// What was found and done.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The database, by its real path.
    pub target: PathBuf,
    /// Whether a swap of it is under way: then nothing was looked at.
    pub under_way: bool,
    /// What was there.
    pub found: Vec<Found>,
}

/// A leftover.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    /// "staging", "aside", "backup", "journal-mode" or "lock-file".
    pub what: &'static str,
    /// Where it was, or for a backup that is kept: where it is.
    pub path: PathBuf,
    /// "removed", "named", "restored" or "failed".
    pub done: &'static str,
    /// Why, where it failed.
    pub detail: String,
}

impl Found {
    fn new(what: &'static str, path: &Path, done: &'static str) -> Self {
        Self { what, path: path.to_owned(), done, detail: String::new() }
    }

    fn failed(what: &'static str, path: &Path, why: &dyn std::fmt::Display) -> Self {
        Self { detail: why.to_string(), ..Self::new(what, path, "failed") }
    }
}

/// Sets right what is left beside a database, unless a swap of it is under way.
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
        found.push(Found::new("lock-file", &lock_file, "removed"));
    }
    Ok(Report { target: target.path, under_way: false, found })
}

/// The same before a connection opens the file at this path. Where nothing is left it costs two looks
/// at names: whether the path is a link, and whether there is a lock file, which each swap has from
/// its beginning to its end. One that is under way is none of the opener's business, and a recovery
/// that fails is no reason not to open: what it did not do harms nobody, and stays to be done. It waits
/// for nothing: the opener may be the JavaScript thread.
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

/// Sets everything right that the lock's last owner has left.
pub fn clear(target: &Target, lock: &mut TargetLock, limits: &Limits) -> Result<Vec<Found>> {
    let was_left = lock.has_record();
    let record = RecoveryRecord::read(lock, target)?;
    let mut found = settle(target, record.as_ref(), limits);
    found.extend(sweep(target)?);
    if was_left && found.iter().all(|one| one.done != "failed" || one.what == "aside") {
        lock.empty();
    }
    Ok(found)
}

/// Does what a record asks for. The names reach the disk before the record may go.
pub fn settle(target: &Target, record: Option<&RecoveryRecord>, limits: &Limits) -> Vec<Found> {
    let mut found = Vec::new();
    if let Some(record) = record {
        // One that stays harms nobody: SQLite takes no notice of it.
        let _ = remove_cold_journal(target, record, limits);
    }
    if record.is_some_and(|record| record.was_wal.is_some()) {
        found.extend(restore_journal_mode(target, record, limits));
    }
    match backup::settle(target, record, limits) {
        Ok(None) => {}
        Ok(Some(Settled::Named(path))) => found.push(Found::new("backup", &path, "named")),
        Ok(Some(Settled::Removed(path))) => found.push(Found::new("backup", &path, "removed")),
        Err(error) => found.push(Found::failed("backup", &backup::unnamed(target), &error)),
    }
    if !found.is_empty()
        && let Err(error) = durability::sync_directory(&target.directory, Durability::Full)
    {
        found.push(Found::failed("backup", &target.directory, &error));
    }
    found
}

/// Removes a journal that its writer had not begun to count on when it was killed. SQLite itself only
/// lets it lie.
fn remove_cold_journal(target: &Target, record: &RecoveryRecord, limits: &Limits) -> Result<()> {
    if !sidecars(&target.path).any(|path| files::sidecars::is_journal(&path)) {
        return Ok(());
    }
    let connection = MaintenanceConnection::open(&target.path, Step::Recover, limits)?;
    // A hot one is gone with the first look at the database.
    if connection.pragma::<String>("journal_mode")? == "wal" && record.was_wal.is_some() {
        connection.journal_mode("persist")?;
    }
    connection.remove_cold_journal()?;
    connection.close()
}

/// Puts the old database back into WAL mode, if it is still the one that is there.
fn restore_journal_mode(
    target: &Target,
    record: Option<&RecoveryRecord>,
    limits: &Limits,
) -> Option<Found> {
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
        Ok(Some(true)) => Some(Found::new("journal-mode", &target.path, "restored")),
        Ok(Some(false)) => {
            Some(Found::failed("journal-mode", &target.path, &"others are using the database"))
        }
        Err::<_, crate::swap::error::SwapError>(error) => {
            Some(Found::failed("journal-mode", &target.path, &error))
        }
    }
}

/// Removes what lies about.
fn sweep(target: &Target) -> Result<Vec<Found>> {
    let removed = leftovers(target)?.into_iter().map(|(what, path)| {
        match staging::remove_with_sidecars(&path) {
            Ok(()) => Found::new(what, &path, "removed"),
            Err(error) => Found::failed(what, &path, &error),
        }
    });
    Ok(removed.collect())
}

/// What lies about: kinds and paths.
pub fn leftovers(target: &Target) -> Result<Vec<(&'static str, PathBuf)>> {
    let Some(name) = target.path.file_name() else { return Ok(Vec::new()) };
    let entries = std::fs::read_dir(&target.directory).at(Step::Recover, &target.directory)?;
    let kinds = entries.flatten().filter_map(|entry| {
        let kind = staging::kind_of_leftover(&entry.file_name(), name)?;
        Some((kind, entry.path()))
    });
    Ok(kinds.collect())
}
