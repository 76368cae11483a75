//! Creating a database where none exists.

use super::job::Job;
use super::request::{DatabaseSwapped, Mode};
use super::sidecars;
use crate::failpoints::{Safeguard, is_removed};
use crate::swap::steps::error::database::DatabaseProblem;
use crate::swap::steps::error::{At, Problem, Result, Step, SwapError};
use crate::swap::steps::target::refuse_open_database;
use crate::swap::steps::{durability, rename};

/// Builds the database and gives it its name. Fails if the name exists by then.
pub fn swap(mut swap: Job<'_>) -> Result<DatabaseSwapped> {
    let new = swap.build_new(None, true)?;
    let target = swap.target.path.clone();
    // Remove the sidecars of a deleted database, as SQLite does before it creates a database.
    // Otherwise SQLite would take them for the new database's. Sync the removal before the new name
    // exists.
    let mut is_changed = false;
    for sidecar in sidecars::existing(&target) {
        // If another process has created the database meanwhile, the sidecar belongs to it.
        if target.symlink_metadata().is_ok() {
            return Err(swap.error(Step::Rename, DatabaseProblem::TargetExists.into()));
        }
        // Our SQLite may still have a deleted database open.
        refuse_open_database(&sidecar, Step::Rename)?;
        // A directory of this name is not SQLite's, and `remove_file` leaves it alone.
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
            swap.error(Step::Rename, DatabaseProblem::TargetExists.into())
        }
        _ => swap.error(Step::Rename, Problem::Io(error)),
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

/// Syncs the new name to the disk. The swap is committed even if this fails.
pub fn sync_last(swap: &Job<'_>) -> Result<()> {
    if is_removed(Safeguard::LastDirectorySync) {
        return Ok(());
    }
    let directory = &swap.target.directory;
    durability::sync_directory(directory, swap.request.durability).map_err(|error| {
        let error = SwapError::new(Problem::NotDurable(error), Step::SyncDirectory, directory);
        SwapError { committed: true, ..error }
    })
}
