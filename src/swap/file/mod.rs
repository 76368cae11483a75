//! The protocol for a file. Its steps:
//!
//! 1. `target` resolves the path. `lock` allows one swap of the target at a time, in this process
//!    and between processes. `staging` removes the files of killed swaps.
//! 2. `staging` creates a file in the target's directory, which only its owner may read.
//! 3. `copy` writes the content and checks its size.
//! 4. The caller's `prepare` runs. It may replace the staging file.
//! 5. `metadata` sets the owner, mode and extended attributes of the old file.
//! 6. `durability` syncs the file, through a handle that was opened after step 4.
//! 7. `rename` renames it to the target: the commit point.
//! 8. `durability` syncs the directory.
//!
//! An error before step 7 leaves the target unchanged and removes the staging file. After step 7
//! the swap is committed, and an error has the flag `committed`.
//!
//! This module does not depend on JavaScript. [`FileSwapCaller`] has the questions to the caller.

pub mod borrowed_bytes;
pub mod by_hand;
mod copy;
#[cfg(test)]
mod tests;

use std::fs::{File, Metadata, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::steps::durability::{self, Durability};
use super::steps::error::{At, Problem, Result, Step, SwapError};
use super::steps::lock::TargetLock;
use super::steps::metadata;
use super::steps::rename::{self, Retry};
use super::steps::staging::{self, StagingFile};
use super::steps::target::{self, Target};
use crate::failpoints::{Safeguard, is_removed};
use crate::files::{Link, PlainFile};
use crate::jobs::cancel::{Cancel, CancelReason};
use borrowed_bytes::BorrowedBytes;
use copy::Source;

/// A request to replace a file.
#[derive(Debug)]
pub struct FileSwap {
    /// The file to replace, by its absolute path.
    pub target: PathBuf,
    /// The content of the new file.
    pub content: Content,
    /// Whether the caller has a `prepare` step.
    pub prepare: bool,
    /// What the swap guarantees after a power cut.
    pub durability: Durability,
    /// Whether a target with the same content is left unchanged.
    pub skip_if_same: bool,
    /// The permissions of the new file, if the caller sets them.
    pub mode: Option<u32>,
    /// How long to retry while other programs have the target open (Windows).
    pub retry: Duration,
    /// Whether a target that is loaded as a program may be moved aside (Windows).
    pub move_aside: bool,
}

/// The content of a new file.
#[derive(Debug)]
pub enum Content {
    /// Another file's content, by its absolute path.
    File(PathBuf),
    /// Bytes that the swap owns.
    Bytes(Vec<u8>),
    /// Bytes in the caller's memory. After the write, `next_piece` lets the caller report that it
    /// has taken the memory away. Otherwise it returns none.
    Borrowed(BorrowedBytes),
    /// Pieces that the caller supplies.
    Pieces {
        /// The total number of bytes, if it is known.
        total: Option<u64>,
    },
}

/// The questions and reports of a running swap to its caller.
pub trait FileSwapCaller {
    /// The flag by which the caller cancels the swap.
    fn cancel(&self) -> &Arc<Cancel>;
    /// The next piece of the content, or none at its end. The caller may reuse the memory of
    /// `last`, because allocating fresh memory takes as long as copying the bytes.
    fn next_piece(&mut self, last: Vec<u8>) -> std::result::Result<Option<Vec<u8>>, CancelReason>;
    /// Runs the caller's `prepare` on the staging file.
    fn prepare(&mut self, staging: &str) -> std::result::Result<(), CancelReason>;
    /// Reports that a step begins.
    fn begin(&mut self, step: Step);
    /// Reports the number of bytes written, and the total if it is known.
    fn wrote(&mut self, done: u64, total: Option<u64>);
}

/// The result of a swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileSwapped {
    /// Whether the target is the new file.
    pub committed: bool,
    /// Whether the target, as it is now, survives a power cut.
    pub durable: bool,
    /// The size of the new file.
    pub bytes: u64,
}

/// Replaces a file. Blocks, and must run on a thread of its own.
pub fn swap_file(request: &FileSwap, caller: &mut dyn FileSwapCaller) -> Result<FileSwapped> {
    caller.begin(Step::Resolve);
    let (mut target, _lock) = lock(request, caller)?;
    let source = match &request.content {
        Content::File(path) => Some(open_source(path, &target)?),
        Content::Bytes(_) | Content::Borrowed(_) | Content::Pieces { .. } => None,
    };
    if request.skip_if_same
        && !request.prepare
        && let Some(bytes) = same_already(request, &target, source.as_ref(), caller)?
    {
        return skip(request, &target, bytes);
    }

    caller.begin(Step::Stage);
    let needs_default = target.found.is_none() && request.mode.is_none();
    let (staging, mut file) = StagingFile::create(&target, needs_default)?;
    caller.begin(Step::Write);
    let written = write(request, source.as_ref(), &mut file, staging.path(), caller)?;
    let found = copy::check_size(&file, staging.path(), written)?;
    drop(source);

    let new =
        ready(request, &target, &staging, NewFile { file: PlainFile::from(file), found }, caller)?;
    let bytes = new.found.len();
    // The steps so far can take long, and the target may have been replaced meanwhile.
    target.refresh()?;
    if request.skip_if_same
        && is_same_as_staging(request, &target, staging.path(), caller.cancel())?
    {
        return skip(request, &target, bytes);
    }
    commit(request, &target, staging, new, caller)?;
    Ok(FileSwapped { committed: true, durable: request.durability == Durability::Full, bytes })
}

/// Resolves the target and locks it. Repeats this if the path resolves differently once the lock is
/// taken.
fn lock(request: &FileSwap, caller: &mut dyn FileSwapCaller) -> Result<(Target, TargetLock)> {
    let mut target = Target::resolve(&request.target)?;
    loop {
        caller.begin(Step::Lock);
        let lock = TargetLock::acquire(&target, caller.cancel())?;
        if lock.has_waited() || !target.reload()? {
            let now = Target::resolve(&request.target)?;
            let has_moved = now.path != target.path;
            target = now;
            if has_moved {
                continue;
            }
        }
        target.refuse_open_database()?;
        target::refuse_sidecars(&target.path, Step::Lock)?;
        staging::sweep(&target)?;
        return Ok((target, lock));
    }
}

fn open_source<'a>(path: &'a Path, target: &Target) -> Result<Source<'a>> {
    let source = Source::open(path)?;
    let is_same_file = match &target.found {
        Some(found) => is_same_file(found, source.metadata(), &target.path, path),
        None => false,
    };
    if is_same_file {
        return Err(SwapError::new(Problem::SourceIsTarget, Step::Resolve, path));
    }
    Ok(source)
}

#[cfg(unix)]
fn is_same_file(one: &std::fs::Metadata, other: &std::fs::Metadata, _: &Path, _: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn is_same_file(_: &std::fs::Metadata, _: &std::fs::Metadata, one: &Path, other: &Path) -> bool {
    dunce::canonicalize(other).is_ok_and(|other| other == one)
}

/// Whether the file has other names. After a rename they would be further names of the target, and
/// would get its owner and mode.
#[cfg(unix)]
fn has_other_links(found: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    found.nlink() > 1
}

#[cfg(not(unix))]
fn has_other_links(_: &Metadata) -> bool {
    false
}

/// The size of the target, if it already has the requested content and mode.
fn same_already(
    request: &FileSwap,
    target: &Target,
    source: Option<&Source<'_>>,
    caller: &dyn FileSwapCaller,
) -> Result<Option<u64>> {
    let Some(found) = &target.found else { return Ok(None) };
    let size = match (&request.content, source) {
        (Content::Bytes(bytes), _) => bytes.len() as u64,
        (_, Some(source)) => source.len(),
        _ => return Ok(None),
    };
    if found.len() != size || !has_mode(found, request.mode) {
        return Ok(None);
    }
    let Some(old) = open_target_to_read(target)? else { return Ok(None) };
    let is_same = match (&request.content, source) {
        (Content::Bytes(bytes), _) => copy::same_bytes(&*old, &bytes[..], caller.cancel()),
        (_, Some(source)) => {
            // Use a second handle: if the contents differ, the first one is read from the
            // beginning.
            let again = open_to_read(source.path())?;
            copy::same_bytes(&*old, &*again, caller.cancel())
        }
        _ => Ok(false),
    };
    Ok(is_same.at(Step::Resolve, &target.path)?.then_some(size))
}

/// Whether the target already has the content of the staging file, and the requested mode.
fn is_same_as_staging(
    request: &FileSwap,
    target: &Target,
    staging: &Path,
    cancel: &Cancel,
) -> Result<bool> {
    let Some(found) = &target.found else { return Ok(false) };
    if !has_mode(found, request.mode) {
        return Ok(false);
    }
    let Some(old) = open_target_to_read(target)? else { return Ok(false) };
    let new = open_to_read(staging)?;
    if old.metadata().at(Step::Resolve, &target.path)?.len()
        != new.metadata().at(Step::Resolve, staging)?.len()
    {
        return Ok(false);
    }
    copy::same_bytes(&*old, &*new, cancel).at(Step::Resolve, &target.path)
}

#[cfg(unix)]
fn has_mode(found: &std::fs::Metadata, mode: Option<u32>) -> bool {
    use std::os::unix::fs::MetadataExt;
    mode.is_none_or(|mode| found.mode() & 0o7777 == mode & 0o7777)
}

#[cfg(not(unix))]
fn has_mode(found: &std::fs::Metadata, mode: Option<u32>) -> bool {
    mode.is_none_or(|mode| found.permissions().readonly() == (mode & 0o222 == 0))
}

/// Returns none if this process may not read the target, so that it cannot be compared.
fn open_target_to_read(target: &Target) -> Result<Option<PlainFile>> {
    match open_to_read(&target.path) {
        Err(SwapError { problem: Problem::Io(error), .. })
            if error.kind() == std::io::ErrorKind::PermissionDenied =>
        {
            Ok(None)
        }
        opened => opened.map(Some),
    }
}

fn open_to_read(path: &Path) -> Result<PlainFile> {
    target::refuse_open_database(path, Step::Resolve)?;
    let mut options = OpenOptions::new();
    options.read(true);
    PlainFile::open(options, Link::Follow, path).at(Step::Resolve, path)
}

/// Leaves the target unchanged. It may have been written a moment ago, so it is synced here to make
/// it durable. On Windows a file without write permission cannot be synced.
fn skip(request: &FileSwap, target: &Target, bytes: u64) -> Result<FileSwapped> {
    let mut durable = request.durability == Durability::Full;
    if durable {
        match by_hand::fsync_file(&target.path) {
            Err(_) if cfg!(windows) => durable = false,
            synced => synced?,
        }
        by_hand::fsync_directory(&target.directory)?;
    }
    Ok(FileSwapped { committed: false, durable, bytes })
}

/// Writes the content, and returns its size.
fn write(
    request: &FileSwap,
    source: Option<&Source<'_>>,
    file: &mut File,
    path: &Path,
    caller: &mut dyn FileSwapCaller,
) -> Result<u64> {
    let cancel = Arc::clone(caller.cancel());
    match (&request.content, source) {
        (Content::Bytes(bytes), _) => {
            let total = bytes.len() as u64;
            copy::write_bytes(bytes, file, path, &cancel, |done| caller.wrote(done, Some(total)))?;
            Ok(total)
        }
        (_, Some(source)) => {
            let total = Some(source.len());
            source.copy_to(file, path, &cancel, |done| caller.wrote(done, total))
        }
        (Content::Borrowed(borrowed), _) => {
            let total = borrowed.len() as u64;
            let wrote = |done| caller.wrote(done, Some(total));
            let written = copy::write_bytes(borrowed.bytes(), file, path, &cancel, wrote);
            // Ask even after an error (EFAULT): a caller that has taken the memory away reports
            // that as the cause.
            let more = write_pieces(Some(total), file, path, caller)?;
            written?;
            Ok(total + more)
        }
        (Content::Pieces { total }, None) => write_pieces(*total, file, path, caller),
        // Unreachable: a file's source was opened by `swap_file`.
        (Content::File(_), None) => Ok(0),
    }
}

fn write_pieces(
    total: Option<u64>,
    file: &mut File,
    path: &Path,
    caller: &mut dyn FileSwapCaller,
) -> Result<u64> {
    let cancel = Arc::clone(caller.cancel());
    let mut done = 0;
    let cancelled = |reason| SwapError::new(Problem::Cancelled(reason), Step::Write, path);
    let mut last = Vec::new();
    while let Some(piece) = caller.next_piece(last).map_err(cancelled)? {
        copy::write_bytes(&piece, file, path, &cancel, |_| {})?;
        done += piece.len() as u64;
        caller.wrote(done, total);
        last = piece;
    }
    Ok(done)
}

/// The new file, and its metadata.
struct NewFile {
    file: PlainFile,
    found: Metadata,
}

/// Lets the caller prepare the staging file, and reopens it.
fn ready(
    request: &FileSwap,
    target: &Target,
    staging: &StagingFile,
    written: NewFile,
    caller: &mut dyn FileSwapCaller,
) -> Result<NewFile> {
    if !request.prepare {
        return Ok(written);
    }
    let failure = |problem| SwapError::new(problem, Step::Prepare, staging.path());
    let name = staging.path().to_str().ok_or_else(|| failure(Problem::NotUtf8))?;
    if is_removed(Safeguard::SyncAfterPrepare) {
        durability::sync_file(&written.file, request.durability).at(Step::Sync, &target.path)?;
    }
    // Close the file: on Windows a tool cannot open it while we have it open for writing.
    drop(written);
    caller.begin(Step::Prepare);
    caller.prepare(name).map_err(|reason| failure(Problem::Cancelled(reason)))?;
    let (file, found) = staging.reopen()?;
    Ok(NewFile { file, found })
}

/// Completes the swap with the final staging file: metadata, sync, rename, sync.
fn commit(
    request: &FileSwap,
    target: &Target,
    staging: StagingFile,
    NewFile { file, found }: NewFile,
    caller: &mut dyn FileSwapCaller,
) -> Result<()> {
    let is_link_to_target = target
        .found
        .as_ref()
        .is_some_and(|old| is_same_file(old, &found, &target.path, staging.path()));
    if !is_link_to_target && has_other_links(&found) {
        return Err(SwapError::new(Problem::StagingIsLink, Step::Prepare, staging.path()));
    }
    caller.begin(Step::Metadata);
    let (mode, default_mode) = (request.mode, staging.default_mode());
    metadata::carry_over(target, (&file, &found), staging.path(), mode, default_mode)?;
    if request.durability != Durability::None
        && !(request.prepare && is_removed(Safeguard::SyncAfterPrepare))
    {
        caller.begin(Step::Sync);
        durability::sync_file(&file, request.durability).at(Step::Sync, staging.path())?;
    }
    drop(file);
    // A client may have opened the target meanwhile, or a killed program may have left a sidecar. A
    // full check costs a few percent of a short swap, so it is made only if the swap can have taken
    // long.
    let may_have_taken_long =
        request.prepare || matches!(request.content, Content::File(_) | Content::Pieces { .. });
    if may_have_taken_long {
        target.refuse_open_database()?;
        target::refuse_sidecars(&target.path, Step::Rename)?;
    } else {
        target.refuse_own_open_database()?;
    }
    let cancel = Arc::clone(caller.cancel());
    cancel
        .check()
        .map_err(|reason| SwapError::new(Problem::Cancelled(reason), Step::Rename, &target.path))?;
    caller.begin(Step::Rename);
    rename_staging(request, target, staging.path(), &cancel)?;
    // `rename(2)` does nothing between two links to one file. Both names exist then, and dropping
    // `staging` removes ours.
    if !is_link_to_target {
        staging.committed();
    }
    if request.durability == Durability::Full {
        caller.begin(Step::SyncDirectory);
        durability::sync_directory(&target.directory, request.durability).map_err(|error| {
            let problem = Problem::NotDurable(error);
            let error = SwapError::new(problem, Step::SyncDirectory, &target.directory);
            SwapError { committed: true, ..error }
        })?;
    }
    Ok(())
}

fn rename_staging(
    request: &FileSwap,
    target: &Target,
    staging: &Path,
    cancel: &Cancel,
) -> Result<()> {
    let retry = Retry { limit: request.retry, cancel };
    match rename::replace(staging, &target.path, &retry) {
        Err(SwapError { problem: Problem::InUseAsImage(_), .. }) if request.move_aside => {
            rename::move_aside(staging, target, &retry)
        }
        Err(SwapError { problem: Problem::Io(error), .. })
            if error.kind() == std::io::ErrorKind::NotFound && !staging.exists() =>
        {
            Err(SwapError::new(Problem::Missing("STAGING_MISSING"), Step::Rename, staging))
        }
        renamed => renamed,
    }
}
