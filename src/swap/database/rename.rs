//! The new database's file takes the name of the old one's.
//!
//! What reaches the disk when, so that a power cut at any instant leaves all of the old or all of the
//! new:
//!
//! - the staging file, before any of this;
//! - the record, before the old database leaves WAL mode;
//! - the names beside the old database, before the rename: SQLite removes its `-wal` without syncing
//!   the directory, and one that comes back would be read into the new file;
//! - the new name, before anybody else can open it: what they commit, in a file that nothing but this
//!   name leads to, must not be lost with it;
//! - the backup's name, with it; the record goes last.

use std::path::Path;

use super::backup::{self, Settled};
use super::first::sync_last;
use super::job::{Job, Wait};
use super::new_database::NewDatabase;
use super::proof::{self, Lease, OldFile, Verdict};
use super::request::{DatabaseSwapped, InUse, Mode};
use super::write_lock::{WriteLock, sidecars_with_data};
use super::{in_place, recovery_record};
use crate::failpoints::{Safeguard, is_removed};
use crate::swap::error::database::DatabaseProblem;
use crate::swap::error::{At, Problem, Result, Step, SwapError};
use crate::swap::rename::{self, Retry};

/// How often somebody who comes right before the rename is let in and waited for, whatever `inUse`
/// says: a look at the file (`ls`, a backup) is over at once.
const MOST_DISTURBANCES: usize = 20;

/// Swaps the new file in. Whatever was done to the old one is undone where that fails.
pub fn swap(
    mut swap: Job<'_>,
    write_lock: WriteLock,
    handle: OldFile,
    new: NewDatabase,
) -> Result<DatabaseSwapped> {
    let name = swap.backup_name(&write_lock.facts, &new)?;
    swap.record.backup = name;
    if write_lock.facts.is_wal {
        swap.record.was_wal = recovery_record::lasting_identity(&swap.target.path);
    }
    let swapped = swap.write_record().and_then(|()| attempt(&mut swap, write_lock, handle, new));
    if swapped.as_ref().is_err_and(|error| !error.committed) {
        swap.undo();
    }
    swapped
}

/// What came of one attempt to rename.
enum Attempt {
    Committed(DatabaseSwapped, NewDatabase),
    /// Somebody came before the rename.
    Disturbed(Lease, NewDatabase),
    /// The file system has no second names for a file.
    NoLinks(Lease, NewDatabase),
}

fn attempt(
    swap: &mut Job<'_>,
    mut write_lock: WriteLock,
    mut handle: OldFile,
    mut new: NewDatabase,
) -> Result<DatabaseSwapped> {
    let path = swap.target.path.clone();
    let mut wait = None;
    let mut disturbances = 0;
    loop {
        proof::refuse_foreign_sqlite(&path, Step::Prove)?;
        swap.caller.begin(Step::Checkpoint);
        if !checkpoint_and_leave_wal(&mut write_lock)? {
            write_lock.lock_again()?;
        } else {
            // In this order: a commit after the look at the counter changes the counter, one before it
            // the version.
            let counter = handle.change_counter(&path)?;
            if !is_removed(Safeguard::ChangeCheck) {
                write_lock.check_unchanged()?;
            }
            write_lock.close()?;
            swap.caller.begin(Step::Prove);
            let (again, is_in_use, goes_in_place);
            (again, is_in_use, goes_in_place) = match handle.prove(&path)? {
                Verdict::Alone(lease) => match rename(swap, lease, counter, new)? {
                    Attempt::Committed(swapped, new) => {
                        new.committed();
                        return Ok(swapped);
                    }
                    Attempt::Disturbed(lease, same) => {
                        new = same;
                        disturbances += 1;
                        (lease.release(&path)?, disturbances >= MOST_DISTURBANCES, false)
                    }
                    Attempt::NoLinks(lease, same) => {
                        new = same;
                        (lease.release(&path)?, false, true)
                    }
                },
                Verdict::InUse(handle) => (handle, true, false),
                Verdict::Unknown(handle) => (handle, false, true),
            };
            handle = again;
            write_lock = WriteLock::take(&path, &swap.limits)?;
            if handle.change_counter(&path)? != counter {
                return Err(swap.wrong(Step::Prove, DatabaseProblem::Changed.into()));
            }
            if goes_in_place {
                return in_place::transfer(swap, write_lock, &handle, &mut new);
            }
            if !is_in_use {
                continue;
            }
        }
        match swap.request.in_use {
            InUse::InPlace => return in_place::transfer(swap, write_lock, &handle, &mut new),
            in_use @ (InUse::Refuse | InUse::Wait) => {
                // They cannot commit while they are waited for: the write_lock is there.
                let wait = wait.get_or_insert_with(|| Wait::new(&swap.limits, in_use));
                if !wait.has_time() {
                    return Err(swap.in_use(1));
                }
                wait.pause().map_err(|reason| {
                    SwapError::new(Problem::Cancelled(reason), Step::Prove, &path)
                })?;
            }
        }
    }
}

fn checkpoint_and_leave_wal(write_lock: &mut WriteLock) -> Result<bool> {
    if is_removed(Safeguard::Checkpoint) {
        return write_lock.unlock(Step::Checkpoint).map(|()| true);
    }
    write_lock.checkpoint_and_leave_wal()
}

/// Renames behind the lease: nobody has the old file open.
fn rename(
    swap: &mut Job<'_>,
    lease: Lease,
    counter: Option<u32>,
    new: NewDatabase,
) -> Result<Attempt> {
    let path = swap.target.path.clone();
    let is_unchanged = lease.change_counter(&path)? == counter
        && lease.is_at(&path)
        && (sidecars_with_data(&path).next().is_none() || is_removed(Safeguard::Checkpoint));
    if !is_unchanged && !is_removed(Safeguard::ChangeCheck) {
        return Err(swap.wrong(Step::Prove, DatabaseProblem::Changed.into()));
    }
    swap.caller.begin(Step::Backup);
    let unnamed = backup::unnamed(&swap.target);
    let has_backup = swap.record.backup.is_some();
    if has_backup {
        match std::fs::hard_link(&path, &unnamed) {
            Err(error) if has_no_links(&error) => return Ok(Attempt::NoLinks(lease, new)),
            linked => linked.at(Step::Backup, &unnamed)?,
        }
        swap.has_unnamed = true;
    }
    if !is_removed(Safeguard::EarlyDirectorySync) {
        swap.sync_directory(Step::Backup)?;
    }
    let bytes = new.path().metadata().at(Step::Rename, new.path())?.len();
    swap.check_cancel(Step::Rename)?;
    swap.caller.begin(Step::Rename);
    // Whoever waits at the lease has looked the name up already, and gets the old file.
    if !lease.is_undisturbed(Some(&path)) {
        if has_backup {
            swap.remove_unnamed()?;
        }
        return Ok(Attempt::Disturbed(lease, new));
    }
    let old_name = has_backup.then_some(unnamed.as_path());
    let renamed = match rename_under_lease(lease, swap, &new, old_name)? {
        RenameOutcome::Renamed(renamed) => renamed,
        RenameOutcome::Disturbed(lease) => {
            if has_backup {
                swap.remove_unnamed()?;
            }
            // Whoever is let in now may commit to the old file: that the new one had its name must not
            // come back after a power cut.
            swap.sync_directory(Step::Rename)?;
            return Ok(Attempt::Disturbed(lease, new));
        }
    };
    let backup = match backup::settle(&swap.target, Some(&swap.record), &swap.limits) {
        Ok(Some(Settled::Named(backup))) => Some(backup),
        Ok(_) => None,
        Err(error) => {
            // Before others can open it, as below.
            sync_last(swap)?;
            return Err(SwapError { committed: true, ..error });
        }
    };
    swap.caller.begin(Step::SyncDirectory);
    sync_last(swap)?;
    let Renamed { leases, opener_came } = renamed;
    drop(leases);
    swap.lock.forget_records();
    let durable = swap.is_durable();
    Ok(Attempt::Committed(
        DatabaseSwapped { mode: Mode::Rename, durable, bytes, backup, opener_came },
        new,
    ))
}

/// What came of the rename itself.
enum RenameOutcome {
    Renamed(Renamed),
    /// Somebody had looked the name up before, and waits for the old file, which has the name again.
    Disturbed(Lease),
}

/// The new file has the name.
struct Renamed {
    /// Those before the old and the new file, where there still are such.
    leases: [Option<Lease>; 2],
    /// Whether somebody gets the old file.
    opener_came: bool,
}

/// An opener who has looked the name up before it changed, and waits at the lease, gets the old file; and
/// finds the new one's sidecars by name. So the two files change their names, with a lease before each:
/// while nobody waits for the new one that can be taken back.
fn rename_under_lease(
    lease: Lease,
    swap: &Job<'_>,
    new: &NewDatabase,
    old_name: Option<&Path>,
) -> Result<RenameOutcome> {
    let (staging, target) = (new.path(), &swap.target.path);
    let exchanged = Lease::on_new_file(staging)
        .and_then(|new_lease| rename::exchange(staging, target).ok().map(|()| new_lease));
    let Some(new_lease) = exchanged else {
        return rename_over(lease, swap, new, old_name).map(RenameOutcome::Renamed);
    };
    let mut opener_came = false;
    if !lease.is_undisturbed(Some(staging)) {
        let is_back =
            new_lease.is_undisturbed(Some(target)) && rename::exchange(staging, target).is_ok();
        // Somebody may wait for either: for the old one by its name again, or for the new one.
        if is_back && new_lease.is_undisturbed(Some(staging)) {
            return Ok(RenameOutcome::Disturbed(lease));
        }
        if is_back {
            rename::exchange(staging, target).at(Step::Rename, target)?;
        }
        opener_came = true;
    }
    // The old file. Where that fails the next swap removes it.
    let _ = std::fs::remove_file(staging);
    Ok(RenameOutcome::Renamed(Renamed { leases: [Some(lease), Some(new_lease)], opener_came }))
}

fn rename_over(
    lease: Lease,
    swap: &Job<'_>,
    new: &NewDatabase,
    old_name: Option<&Path>,
) -> Result<Renamed> {
    let lease = rename_and_keep(lease, swap, new)?;
    let opener_came = lease.as_ref().is_some_and(|lease| !lease.is_undisturbed(old_name));
    Ok(Renamed { leases: [lease, None], opener_came })
}

/// Where Windows cannot rename over a file that has an open handle, the lease is let go first: whoever
/// comes in that instant keeps the rename itself from happening.
fn rename_and_keep(lease: Lease, swap: &Job<'_>, new: &NewDatabase) -> Result<Option<Lease>> {
    let cancel = &swap.limits.cancel;
    let without_waiting = Retry { limit: std::time::Duration::ZERO, cancel };
    match rename::replace(new.path(), &swap.target.path, &without_waiting) {
        // The lease itself looks like a program that runs: nobody can write to it, and it can be removed.
        #[cfg(windows)]
        Err(SwapError {
            problem: Problem::InUse { .. } | Problem::InUseAsImage(_) | Problem::Io(_),
            ..
        }) => {
            drop(lease);
            let retry = Retry { limit: swap.limits.timeout, cancel };
            rename::replace(new.path(), &swap.target.path, &retry).map(|()| None)
        }
        renamed => renamed.map(|()| Some(lease)),
    }
}

/// Whether a file cannot have a second name here, or no further one.
fn has_no_links(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{PermissionDenied, TooManyLinks, Unsupported};
    matches!(error.kind(), Unsupported | TooManyLinks | PermissionDenied)
}
