//! The new database's content takes the place of the old one's, in the same file: for a database that
//! others have open, or of which nobody can tell.
//!
//! It is one transaction of SQLite's, so that whoever reads sees all of the old or all of the new, and
//! after a crash SQLite's own recovery leaves one of the two.

use std::path::Path;

use super::backup::{self, Settled};
use super::guard::{Facts, Guard};
use super::new::New;
use super::own::Own;
use super::pages::Copy;
use super::proof::Handle;
use super::request::{Mode, Swapped};
use super::{Swap, recovery};
use crate::saboteur::{Sabotage, has_taken_out};
use crate::swap::error::database::DatabaseProblem;
use crate::swap::error::{At, Result, Step, SwapError};
use crate::swap::staging::StagingFile;
use crate::swap::{durability, metadata, rename};

/// Copies the new content in.
pub fn swap(mut swap: Swap<'_>, guard: Guard, handle: &Handle, mut new: New) -> Result<Swapped> {
    swap.note.backup = swap.backup_name(&guard.facts, &new)?;
    let swapped = transfer(&mut swap, guard, handle, &mut new);
    match &swapped {
        Ok(_) => swap.lock.forget_note(),
        Err(error) if error.committed => {}
        Err(_) => {
            let found = recovery::settle(&swap.target, Some(&swap.note), &swap.patience);
            if found.iter().all(|found| found.done != "failed") {
                swap.lock.forget_note();
            }
        }
    }
    swapped
}

/// The same, for those who have begun otherwise, and whose note says so.
pub fn transfer(
    swap: &mut Swap<'_>,
    mut guard: Guard,
    handle: &Handle,
    new: &mut New,
) -> Result<Swapped> {
    let path = swap.target.path.clone();
    if let Some(facts) = &new.facts {
        let (old, new) = (guard.facts.page_size, facts.page_size);
        if guard.facts.is_wal && old != new {
            let problem = DatabaseProblem::PageSize { old, new };
            return Err(swap.wrong(Step::Transfer, problem.into()));
        }
    }
    let watch = Watch::begin(swap, &guard.facts, handle)?;
    swap.note.in_place = Some(guard.facts.schema_version);
    swap.write_note()?;
    if swap.note.backup.is_some() {
        swap.caller.begin(Step::Backup);
        back_up(swap)?;
    }
    let bytes = new.path().metadata().at(Step::Transfer, new.path())?.len();
    swap.caller.begin(Step::Transfer);
    let source = Own::open(new.path(), Step::Transfer, &swap.patience)?;
    guard.unlock(Step::Transfer)?;
    if swap.is_durable() {
        // With a rollback journal a commit is the removal of the journal: that must be on the disk.
        guard.own().set("synchronous", "EXTRA")?;
    }
    let copy = Copy::begin(&source, guard.own(), swap.caller)?;
    // The write lock is there again: whoever has committed since the guard let go of it has done so
    // by now.
    if !watch.is_unchanged(&path)? && !has_taken_out(Sabotage::SkipChangeCheck) {
        return Err(swap.wrong(Step::Transfer, DatabaseProblem::Changed.into()));
    }
    copy.finish(swap.caller)?;
    let committed = |error| SwapError { committed: true, ..error };
    watch.end().map_err(committed)?;
    source.close().map_err(committed)?;
    // It would be done by the next one to close the database else.
    let _ = guard.own().checkpoint();
    guard.close().map_err(committed)?;
    let backup = end(swap).map_err(committed)?;
    let durable = swap.is_durable();
    Ok(Swapped { mode: Mode::InPlace, durable, bytes, backup, opener_came: false })
}

/// Names the backup, and puts the journal mode back where it was changed before it came to this.
fn end(swap: &Swap<'_>) -> Result<Option<std::path::PathBuf>> {
    let settled = backup::settle(&swap.target, Some(&swap.note), &swap.patience)?;
    recovery::settle(&swap.target, Some(&swap.note), &swap.patience);
    swap.sync_directory(Step::SyncDirectory)?;
    Ok(match settled {
        Some(Settled::Named(path)) => Some(path),
        Some(Settled::Removed(_)) | None => None,
    })
}

/// Copies the old database to the fixed name of its backup, whole and synced before it has that name.
/// The guard keeps it as it is.
fn back_up(swap: &mut Swap<'_>) -> Result<()> {
    let old = Own::open(&swap.target.path, Step::Backup, &swap.patience)?;
    let (staging, file) = StagingFile::create(&swap.target, false)?;
    drop(file);
    let mut copy = Own::open(staging.path(), Step::Backup, &swap.patience)?;
    Copy::begin(&old, &mut copy, swap.caller)?.finish(swap.caller)?;
    // One file, that needs no other.
    copy.journal_mode("delete")?;
    copy.close()?;
    old.close()?;
    let (file, found) = staging.reopen()?;
    metadata::carry_over(&swap.target, (&file, &found), staging.path(), None, None)?;
    durability::sync_file(&file, swap.request.durability).at(Step::Backup, staging.path())?;
    drop(file);
    let unnamed = backup::unnamed(&swap.target);
    rename::to_new_name(staging.path(), &unnamed).at(Step::Backup, &unnamed)?;
    staging.committed();
    swap.sync_directory(Step::Backup)
}

/// Tells whether somebody else has committed since the guard was taken. The guard's own connection
/// cannot: it is the one that the new content is copied through.
enum Watch<'a> {
    /// In WAL mode by a second connection, which sees whenever another one has committed.
    Connection(Own, i64),
    /// Else by the counter in the file: no connection may read while the file is written.
    Counter(&'a Handle, Option<u32>),
}

impl<'a> Watch<'a> {
    /// While the guard is there.
    fn begin(swap: &Swap<'_>, old: &Facts, handle: &'a Handle) -> Result<Self> {
        let path = &swap.target.path;
        if !old.is_wal {
            return Ok(Self::Counter(handle, handle.change_counter(path)?));
        }
        let own = Own::open(path, Step::Transfer, &swap.patience)?;
        let version = own.pragma("data_version")?;
        Ok(Self::Connection(own, version))
    }

    fn is_unchanged(&self, path: &Path) -> Result<bool> {
        Ok(match self {
            Self::Connection(own, version) => own.pragma::<i64>("data_version")? == *version,
            Self::Counter(handle, counter) => handle.change_counter(path)? == *counter,
        })
    }

    fn end(self) -> Result<()> {
        match self {
            Self::Connection(own, _) => own.close(),
            Self::Counter(..) => Ok(()),
        }
    }
}
