//! Renaming the new database's file to the target.
//!
//! The order of the syncs ensures that a power cut at any instant leaves the complete old or the
//! complete new database:
//!
//! - The staging file is synced before all of these steps.
//! - The record is synced before the old database leaves WAL mode.
//! - The names beside the old database are synced before the rename. SQLite removes the `-wal`
//!   without syncing the directory. A `-wal` that reappears would be read into the new file.
//! - The new name is synced before other processes can open the file. Otherwise a power cut could
//!   undo the name, and with it what they have committed.
//! - The backup's name is synced together with the new name. The record is removed last.

use std::path::Path;

use super::backup::{self, Settled};
use super::first::sync_last;
use super::job::{Job, Wait};
use super::new_database::NewDatabase;
use super::proof::{self, Lease, OldFile, Verdict};
use super::request::{DatabaseSwapped, InUse, Mode};
use super::sidecars;
use super::write_lock::WriteLock;
use super::{in_place, recovery_record};
use crate::failpoints::{Safeguard, is_removed};
use crate::swap::steps::error::database::DatabaseProblem;
use crate::swap::steps::error::{At, Problem, Result, Step, SwapError};
use crate::swap::steps::rename::{self, Retry};

/// How often the rename is retried if a process opens the file right before it, whatever `inUse`
/// says. A program that only inspects the file (`ls`, a backup program) closes it soon.
const MOST_DISTURBANCES: usize = 20;

/// Renames the new file to the target. Undoes the changes to the old database if that fails.
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

/// The result of one attempt to rename.
enum Attempt {
    Committed(DatabaseSwapped, NewDatabase),
    /// A process opened the old file before the rename.
    Disturbed(Lease, NewDatabase),
    /// The file system has no hard links.
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
            // The order matters: a commit after the counter is read changes the counter, and a
            // commit before that changes `data_version`.
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
                return Err(swap.error(Step::Prove, DatabaseProblem::Changed.into()));
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
                // The write lock keeps the others from committing during the wait.
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

/// Renames under the lease, which proves that no other process or client has the old file open.
fn rename(
    swap: &mut Job<'_>,
    lease: Lease,
    counter: Option<u32>,
    new: NewDatabase,
) -> Result<Attempt> {
    let path = swap.target.path.clone();
    let is_unchanged = lease.change_counter(&path)? == counter
        && lease.is_at(&path)
        && (sidecars::with_data(&path).next().is_none() || is_removed(Safeguard::Checkpoint));
    if !is_unchanged && !is_removed(Safeguard::ChangeCheck) {
        return Err(swap.error(Step::Prove, DatabaseProblem::Changed.into()));
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
    // A process that waits for the lease has resolved the name already, and will open the old file.
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
            // The waiting process may commit to the old file. A power cut must not bring back the
            // new file's short time under this name.
            swap.sync_directory(Step::Rename)?;
            return Ok(Attempt::Disturbed(lease, new));
        }
    };
    let backup = match backup::settle(&swap.target, Some(&swap.record), &swap.limits) {
        Ok(Some(Settled::Named(backup))) => Some(backup),
        Ok(_) => None,
        Err(error) => {
            // Sync before the lease is released, as below.
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

/// The result of the rename itself.
enum RenameOutcome {
    Renamed(Renamed),
    /// A process had resolved the name before, and waits for the old file, which has its name
    /// again.
    Disturbed(Lease),
}

/// The new file has the target's name.
struct Renamed {
    /// The leases on the old and the new file, as far as they still exist.
    leases: [Option<Lease>; 2],
    /// Whether a process opens the old file.
    opener_came: bool,
}

/// Exchanges the names of the two files, with a lease on each. A process that resolved the name
/// before the exchange and waits for the lease opens the old file, but would find the new file's
/// sidecars by name. As long as no process waits for the new file, the exchange can be undone for
/// it.
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
        // After the second exchange, check again that no process waits for the new file.
        if is_back && new_lease.is_undisturbed(Some(staging)) {
            return Ok(RenameOutcome::Disturbed(lease));
        }
        if is_back {
            rename::exchange(staging, target).at(Step::Rename, target)?;
        }
        opener_came = true;
    }
    // Remove the old file. If this fails, the next swap removes it.
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

/// Renames over the old file, and keeps the lease. If Windows cannot rename over a file with an
/// open handle, releases the lease first. A process that opens the file in that instant makes the
/// rename fail.
fn rename_and_keep(lease: Lease, swap: &Job<'_>, new: &NewDatabase) -> Result<Option<Lease>> {
    let cancel = &swap.limits.cancel;
    let no_retry = Retry { limit: std::time::Duration::ZERO, cancel };
    match rename::replace(new.path(), &swap.target.path, &no_retry) {
        // The leased file looks like a loaded program: it cannot be opened for writing, but for
        // deletion.
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

/// Whether the file cannot get another name here.
fn has_no_links(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{PermissionDenied, TooManyLinks, Unsupported};
    matches!(error.kind(), Unsupported | TooManyLinks | PermissionDenied)
}
