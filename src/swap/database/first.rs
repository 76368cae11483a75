//! A first database, where there is none.

use super::job::Job;
use super::request::{DatabaseSwapped, Mode};
use super::sidecars;
use crate::failpoints::{Safeguard, is_removed};
use crate::swap::steps::error::database::DatabaseProblem;
use crate::swap::steps::error::{At, Problem, Result, Step, SwapError};
use crate::swap::steps::target::refuse_open_database;
use crate::swap::steps::{durability, rename};

/// Makes it, and gives it its name, unless somebody else has taken that meanwhile.
pub fn swap(mut swap: Job<'_>) -> Result<DatabaseSwapped> {
    let new = swap.make(None, true)?;
    let target = swap.target.path.clone();
    // What a database that is gone has left: SQLite itself removes such a journal or -wal unread
    // before it makes a database of that name, and would take it for the new one's else. Gone from the
    // disk, too, before the new name is there.
    let mut is_changed = false;
    for sidecar in sidecars::existing(&target) {
        // Somebody has made one meanwhile: then it is theirs.
        if target.symlink_metadata().is_ok() {
            return Err(swap.wrong(Step::Rename, DatabaseProblem::TargetExists.into()));
        }
        // The database was removed while our SQLite had it open, and goes on.
        refuse_open_database(&sidecar, Step::Rename)?;
        // A directory is none of SQLite's, and is not removed with all that is in it.
        std::fs::remove_file(&sidecar).at(Step::Rename, &sidecar)?;
        is_changed = true;
    }
    if is_changed {
        swap.sync_directory(Step::Rename)?;
    }
    let bytes = new.path().metadata().at(Step::Rename, new.path())?.len();
    swap.check_cancel(Step::Rename)?;
    swap.caller.begin(Step::Rename);
    rename::to_new_name(new.path(), &target).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            swap.wrong(Step::Rename, DatabaseProblem::TargetExists.into())
        }
        _ => swap.wrong(Step::Rename, Problem::Io(error)),
    })?;
    new.committed();
    swap.caller.begin(Step::SyncDirectory);
    sync_last(&swap)?;
    Ok(DatabaseSwapped {
        mode: Mode::First,
        durable: swap.is_durable(),
        bytes,
        backup: None,
        opener_came: false,
    })
}

/// Has the new name reach the disk. It is there whatever comes of that.
pub fn sync_last(swap: &Job<'_>) -> Result<()> {
    if is_removed(Safeguard::LastDirectorySync) {
        return Ok(());
    }
    let directory = &swap.target.directory;
    durability::sync_directory(directory, swap.request.durability).map_err(|error| SwapError {
        problem: Problem::NotDurable(error),
        step: Step::SyncDirectory,
        path: directory.clone(),
        committed: true,
    })
}
