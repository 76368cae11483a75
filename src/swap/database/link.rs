//! The new database's file takes the name of the old one's.
//!
//! What reaches the disk when, so that a power cut at any instant leaves all of the old or all of the
//! new:
//!
//! - the staging file, before any of this;
//! - the note, before the old database leaves WAL mode;
//! - the names beside the old database, before the rename: SQLite removes its `-wal` without syncing
//!   the directory, and one that comes back would be read into the new file;
//! - the new name, before anybody else can open it: what they commit, in a file that nothing but this
//!   name leads to, must not be lost with it;
//! - the backup's name, with it; the note goes last.

use std::path::Path;

use super::backup::{self, Settled};
use super::first::sync_last;
use super::guard::{Guard, sidecars_with_data};
use super::new::New;
use super::proof::{self, Gate, Handle, Verdict};
use super::request::{InUse, Mode, Swapped};
use super::{Swap, Wait, in_place, note};
use crate::saboteur::{Sabotage, has_taken_out};
use crate::swap::error::database::DatabaseProblem;
use crate::swap::error::{At, Problem, Result, Step, SwapError};
use crate::swap::rename::{self, Patience as Retry};

/// How often somebody who comes right before the rename is let in and waited for, whatever `inUse`
/// says: a look at the file (`ls`, a backup) is over at once.
const MOST_DISTURBANCES: usize = 20;

/// Swaps the new file in. Whatever was done to the old one is undone where that fails.
pub fn swap(mut swap: Swap<'_>, guard: Guard, handle: Handle, new: New) -> Result<Swapped> {
    let name = swap.backup_name(&guard.facts, &new)?;
    swap.note.backup = name;
    if guard.facts.is_wal {
        swap.note.was_wal = note::lasting_identity(&swap.target.path);
    }
    let swapped = swap.write_note().and_then(|()| attempt(&mut swap, guard, handle, new));
    if swapped.as_ref().is_err_and(|error| !error.committed) {
        swap.undo();
    }
    swapped
}

/// What came of one attempt to rename.
enum Attempt {
    Swapped(Swapped, New),
    /// Somebody came before the rename.
    Disturbed(Gate, New),
    /// The file system has no second names for a file.
    NoLinks(Gate, New),
}

fn attempt(
    swap: &mut Swap<'_>,
    mut guard: Guard,
    mut handle: Handle,
    mut new: New,
) -> Result<Swapped> {
    let path = swap.target.path.clone();
    let mut wait = None;
    let mut disturbances = 0;
    loop {
        proof::refuse_other_sqlite(&path, Step::Prove)?;
        swap.caller.begin(Step::Checkpoint);
        if !fold(&mut guard)? {
            guard.lock_again()?;
        } else {
            // In this order: a commit after the look at the counter changes the counter, one before it
            // the version.
            let counter = handle.change_counter(&path)?;
            if !has_taken_out(Sabotage::SkipChangeCheck) {
                guard.check_unchanged()?;
            }
            guard.close()?;
            swap.caller.begin(Step::Prove);
            let (again, is_in_use, goes_in_place);
            (again, is_in_use, goes_in_place) = match handle.prove(&path)? {
                Verdict::Alone(gate) => match rename(swap, gate, counter, new)? {
                    Attempt::Swapped(swapped, new) => {
                        new.committed();
                        return Ok(swapped);
                    }
                    Attempt::Disturbed(gate, same) => {
                        new = same;
                        disturbances += 1;
                        (gate.open(&path)?, disturbances >= MOST_DISTURBANCES, false)
                    }
                    Attempt::NoLinks(gate, same) => {
                        new = same;
                        (gate.open(&path)?, false, true)
                    }
                },
                Verdict::InUse(handle) => (handle, true, false),
                Verdict::Unknown(handle) => (handle, false, true),
            };
            handle = again;
            guard = Guard::take(&path, &swap.patience)?;
            if handle.change_counter(&path)? != counter {
                return Err(swap.wrong(Step::Prove, DatabaseProblem::Changed.into()));
            }
            if goes_in_place {
                return in_place::transfer(swap, guard, &handle, &mut new);
            }
            if !is_in_use {
                continue;
            }
        }
        match swap.request.in_use {
            InUse::InPlace => return in_place::transfer(swap, guard, &handle, &mut new),
            in_use @ (InUse::Refuse | InUse::Wait) => {
                // They cannot commit while they are waited for: the guard is there.
                let wait = wait.get_or_insert_with(|| Wait::new(&swap.patience, in_use));
                if !wait.goes_on() {
                    return Err(swap.in_use(1));
                }
                wait.pause().map_err(|reason| {
                    SwapError::new(Problem::Cancelled(reason), Step::Prove, &path)
                })?;
            }
        }
    }
}

fn fold(guard: &mut Guard) -> Result<bool> {
    if has_taken_out(Sabotage::NaiveRename) {
        return guard.unlock(Step::Checkpoint).map(|()| true);
    }
    guard.fold()
}

/// Renames behind the gate: nobody has the old file open.
fn rename(swap: &mut Swap<'_>, gate: Gate, counter: Option<u32>, new: New) -> Result<Attempt> {
    let path = swap.target.path.clone();
    let is_unchanged = gate.change_counter(&path)? == counter
        && gate.is_at(&path)
        && (sidecars_with_data(&path).next().is_none() || has_taken_out(Sabotage::NaiveRename));
    if !is_unchanged && !has_taken_out(Sabotage::SkipChangeCheck) {
        return Err(swap.wrong(Step::Prove, DatabaseProblem::Changed.into()));
    }
    swap.caller.begin(Step::Backup);
    let unnamed = backup::unnamed(&swap.target);
    let has_backup = swap.note.backup.is_some();
    if has_backup {
        match std::fs::hard_link(&path, &unnamed) {
            Err(error) if has_no_links(&error) => return Ok(Attempt::NoLinks(gate, new)),
            linked => linked.at(Step::Backup, &unnamed)?,
        }
        swap.has_unnamed = true;
    }
    if !has_taken_out(Sabotage::SkipEarlyDirectorySync) {
        swap.sync_directory(Step::Backup)?;
    }
    let bytes = new.path().metadata().at(Step::Rename, new.path())?.len();
    swap.check_cancel(Step::Rename)?;
    swap.caller.begin(Step::Rename);
    // Whoever waits at the gate has looked the name up already, and gets the old file.
    if !gate.is_undisturbed(Some(&path)) {
        if has_backup {
            swap.remove_unnamed()?;
        }
        return Ok(Attempt::Disturbed(gate, new));
    }
    let old_name = has_backup.then_some(unnamed.as_path());
    let renamed = match rename_behind(gate, swap, &new, old_name)? {
        Behind::Renamed(renamed) => renamed,
        Behind::Disturbed(gate) => {
            if has_backup {
                swap.remove_unnamed()?;
            }
            // Whoever is let in now may commit to the old file: that the new one had its name must not
            // come back after a power cut.
            swap.sync_directory(Step::Rename)?;
            return Ok(Attempt::Disturbed(gate, new));
        }
    };
    let backup = match backup::settle(&swap.target, Some(&swap.note), &swap.patience) {
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
    let Renamed { gates, opener_came } = renamed;
    drop(gates);
    swap.lock.forget_notes();
    let durable = swap.is_durable();
    Ok(Attempt::Swapped(Swapped { mode: Mode::Link, durable, bytes, backup, opener_came }, new))
}

/// What came of the rename itself.
enum Behind {
    Renamed(Renamed),
    /// Somebody had looked the name up before, and waits for the old file, which has the name again.
    Disturbed(Gate),
}

/// The new file has the name.
struct Renamed {
    /// Those before the old and the new file, where there still are such.
    gates: [Option<Gate>; 2],
    /// Whether somebody gets the old file.
    opener_came: bool,
}

/// An opener who has looked the name up before it changed, and waits at the gate, gets the old file; and
/// finds the new one's sidecars by name. So the two files change their names, with a gate before each:
/// while nobody waits for the new one that can be taken back.
fn rename_behind(
    gate: Gate,
    swap: &Swap<'_>,
    new: &New,
    old_name: Option<&Path>,
) -> Result<Behind> {
    let (staging, target) = (new.path(), &swap.target.path);
    let exchanged = Gate::before_unknown(staging)
        .and_then(|new_gate| rename::exchange(staging, target).ok().map(|()| new_gate));
    let Some(new_gate) = exchanged else {
        return rename_over(gate, swap, new, old_name).map(Behind::Renamed);
    };
    let mut opener_came = false;
    if !gate.is_undisturbed(Some(staging)) {
        let is_back =
            new_gate.is_undisturbed(Some(target)) && rename::exchange(staging, target).is_ok();
        // Somebody may wait for either: for the old one by its name again, or for the new one.
        if is_back && new_gate.is_undisturbed(Some(staging)) {
            return Ok(Behind::Disturbed(gate));
        }
        if is_back {
            rename::exchange(staging, target).at(Step::Rename, target)?;
        }
        opener_came = true;
    }
    // The old file. Where that fails the next swap removes it.
    let _ = std::fs::remove_file(staging);
    Ok(Behind::Renamed(Renamed { gates: [Some(gate), Some(new_gate)], opener_came }))
}

fn rename_over(gate: Gate, swap: &Swap<'_>, new: &New, old_name: Option<&Path>) -> Result<Renamed> {
    let gate = rename_and_keep(gate, swap, new)?;
    let opener_came = gate.as_ref().is_some_and(|gate| !gate.is_undisturbed(old_name));
    Ok(Renamed { gates: [gate, None], opener_came })
}

/// Where Windows cannot rename over a file that has an open handle, the gate is let go first: whoever
/// comes in that instant keeps the rename itself from happening.
fn rename_and_keep(gate: Gate, swap: &Swap<'_>, new: &New) -> Result<Option<Gate>> {
    let cancel = &swap.patience.cancel;
    let at_once = Retry { retry: std::time::Duration::ZERO, cancel };
    match rename::replace(new.path(), &swap.target.path, &at_once) {
        // The gate itself looks like a program that runs: nobody can write to it, and it can be removed.
        #[cfg(windows)]
        Err(SwapError {
            problem: Problem::InUse { .. } | Problem::InUseAsImage(_) | Problem::Io(_),
            ..
        }) => {
            drop(gate);
            let retry = Retry { retry: swap.patience.timeout, cancel };
            rename::replace(new.path(), &swap.target.path, &retry).map(|()| None)
        }
        renamed => renamed.map(|()| Some(gate)),
    }
}

/// Whether a file cannot have a second name here, or no further one.
fn has_no_links(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{PermissionDenied, TooManyLinks, Unsupported};
    matches!(error.kind(), Unsupported | TooManyLinks | PermissionDenied)
}
