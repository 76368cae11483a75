//! Functions of swaps, and of single steps of a swap.

use std::path::{Path, PathBuf};

use napi::bindgen_prelude::{Env, Error, Result};
use napi_derive::napi;

use super::arguments::{bytes as byte_count, milliseconds};
use crate::environment::{Environment, attachments};
use crate::jobs::channel::{JobChannel, Reply};
use crate::jobs::ids::JobId;
use crate::jobs::outbox::Outbox;
use crate::jobs::pool::Pool;
use crate::swap::answers;
use crate::swap::database::request::{Backup, DatabaseSwap, InUse};
use crate::swap::file::borrowed_bytes::BorrowedBytes;
use crate::swap::file::{Content, FileSwap};
use crate::swap::steps::durability::Durability;
use crate::swap::steps::error::{self, At, Step};
use crate::swap::tasks::FileTask;

/// What a swap guarantees after a power cut.
#[napi]
pub enum SwapDurability {
    /// The new file is on the disk when the swap ends.
    Full,
    /// The file is the old one or the new one, never a mixture.
    Barrier,
    /// No guarantee.
    None,
}

impl From<SwapDurability> for Durability {
    fn from(given: SwapDurability) -> Self {
        match given {
            SwapDurability::Full => Self::Full,
            SwapDurability::Barrier => Self::Barrier,
            SwapDurability::None => Self::None,
        }
    }
}

/// The options of `startSwap`.
#[napi(object)]
pub struct SwapRequest {
    /// The path of the file to replace.
    pub target: String,
    /// The path of the file whose content is copied. Without one, the content comes as bytes or in
    /// pieces.
    pub source: Option<String>,
    /// Whether the argument `bytes` is the whole content. Without it and without `source`, the swap asks
    /// for the content in pieces.
    pub has_bytes: bool,
    /// Whether the swap borrows `bytes` instead of copying them. JavaScript then keeps the object until the
    /// job is answered, and reports at the end whether its memory was attached all the time.
    pub is_lent: bool,
    /// The total number of bytes of the pieces, if it is known.
    pub total: Option<f64>,
    /// Whether the caller has a `prepare` step.
    pub prepare: bool,
    /// What the swap guarantees after a power cut.
    pub durability: SwapDurability,
    /// Whether a target that already has this content is left as it is.
    pub skip_if_same: bool,
    /// The permission bits of the new file.
    pub mode: Option<u32>,
    /// How long to retry while other programs block the rename, in milliseconds.
    pub retry: f64,
    /// Whether a target that is loaded as a program or a library may be moved aside.
    pub move_aside: bool,
    /// Whether the swap sends progress records.
    pub progress: bool,
}

/// Starts a swap of a file.
#[napi(catch_unwind)]
#[allow(clippy::needless_pass_by_value)]
pub fn start_swap(
    env: Env,
    attachment: u32,
    job: u32,
    request: SwapRequest,
    bytes: &[u8],
) -> Result<()> {
    start(env, attachment, job, || {
        let content = match request.source {
            Some(source) => Content::File(absolute(&source)?),
            // SAFETY: JavaScript holds the object until the job is answered. The thread sends that answer
            // after its last read of the bytes. An environment that ends joins the thread first, while
            // the object still lives. JavaScript may detach the memory. It then fails the swap instead of
            // continuing it; until then the bytes only reach write(2), which returns EFAULT.
            None if request.is_lent => Content::Borrowed(unsafe { BorrowedBytes::new(bytes) }),
            None if request.has_bytes => Content::Bytes(bytes.to_vec()),
            None => Content::Pieces { total: request.total.map(byte_count) },
        };
        let swap = FileSwap {
            target: absolute(&request.target)?,
            content,
            prepare: request.prepare,
            durability: request.durability.into(),
            skip_if_same: request.skip_if_same,
            mode: request.mode,
            retry: milliseconds(request.retry),
            move_aside: request.move_aside,
        };
        Ok(FileTask::Swap { request: swap, progress: request.progress })
    })
}

/// Sends a swap the next piece of its content, which the swap has asked for.
#[napi(catch_unwind)]
pub fn feed_swap(env: Env, attachment: u32, job: u32, piece: &[u8]) -> Result<()> {
    reply(env, attachment, job, |channel| channel.send_bytes(piece))
}

/// Continues a swap: the content has no more pieces, or the caller's own step is done.
#[napi(catch_unwind)]
pub fn continue_swap(env: Env, attachment: u32, job: u32) -> Result<()> {
    reply(env, attachment, job, |channel| channel.send(Reply::Continue))
}

/// Cancels a swap or another file job, unless the job is past its commit point.
#[napi(catch_unwind)]
pub fn abort_file_job(env: Env, attachment: u32, job: u32) -> Result<()> {
    with_jobs(env, attachment, |jobs| jobs.abort(JobId(job)))
}

/// Cancels all swaps and other file jobs, and waits for their threads. To be called when the process
/// ends.
#[napi(catch_unwind)]
pub fn end_file_jobs(env: Env, attachment: u32) -> Result<()> {
    with_jobs(env, attachment, |jobs| {
        jobs.stop();
        jobs.join();
    })
}

/// Syncs a file.
#[napi(catch_unwind)]
#[allow(clippy::needless_pass_by_value)]
pub fn fsync_file(env: Env, attachment: u32, job: u32, path: String) -> Result<()> {
    start(env, attachment, job, || Ok(FileTask::SyncFile(absolute(&path)?)))
}

/// Syncs a directory.
#[napi(catch_unwind)]
#[allow(clippy::needless_pass_by_value)]
pub fn fsync_directory(env: Env, attachment: u32, job: u32, path: String) -> Result<()> {
    start(env, attachment, job, || Ok(FileTask::SyncDirectory(absolute(&path)?)))
}

/// Renames a file durably.
#[napi(catch_unwind)]
#[allow(clippy::needless_pass_by_value)]
pub fn rename_durably(
    env: Env,
    attachment: u32,
    job: u32,
    from: String,
    to: String,
    retry: f64,
) -> Result<()> {
    start(env, attachment, job, || {
        Ok(FileTask::Rename {
            from: absolute(&from)?,
            to: absolute(&to)?,
            retry: milliseconds(retry),
        })
    })
}

/// Removes a file. `committed` in the answer says whether the file existed.
#[napi(catch_unwind)]
#[allow(clippy::needless_pass_by_value)]
pub fn remove_file(env: Env, attachment: u32, job: u32, path: String, retry: f64) -> Result<()> {
    start(env, attachment, job, || {
        Ok(FileTask::Remove { path: absolute(&path)?, retry: milliseconds(retry) })
    })
}

/// Whether a swap of a database keeps the old database, and under which name.
#[napi]
pub enum DatabaseBackup {
    /// The old database is not kept.
    None,
    /// The old database is kept under a name made of both versions and the time.
    Pattern,
    /// The old database is kept under the name `backupName`.
    Named,
}

/// What a swap does if the old database is open in another process or another client.
#[napi]
pub enum DatabaseInUse {
    /// The swap fails.
    Refuse,
    /// The swap waits until the others have closed the database.
    Wait,
    /// The swap copies the new database into the old file.
    InPlace,
}

/// The options of `startDatabaseSwap`.
#[napi(object)]
pub struct DatabaseSwapRequest {
    /// The path of the database to replace.
    pub target: String,
    /// The path of a database that is copied to be the beginning of the new one.
    pub source: Option<String>,
    /// Whether the caller has a `build` step.
    pub build: bool,
    /// Whether the caller has a `verify` step.
    pub verify: bool,
    /// Whether the old database is kept.
    pub backup: DatabaseBackup,
    /// The file name of the backup, in the directory of the target. Without one, `Named` is `Pattern`.
    pub backup_name: Option<String>,
    /// What the swap does if the old database is in use.
    pub in_use: DatabaseInUse,
    /// What the swap guarantees after a power cut.
    pub durability: SwapDurability,
    /// The longest time of each wait for others, in milliseconds.
    pub timeout: f64,
    /// Whether the swap sends progress records.
    pub progress: bool,
}

/// Starts a swap of a database.
#[napi(catch_unwind)]
#[allow(clippy::needless_pass_by_value)]
pub fn start_database_swap(
    env: Env,
    attachment: u32,
    job: u32,
    request: DatabaseSwapRequest,
) -> Result<()> {
    start(env, attachment, job, || {
        let swap = DatabaseSwap {
            target: absolute(&request.target)?,
            source: request.source.as_deref().map(absolute).transpose()?,
            build: request.build,
            verify: request.verify,
            check: true,
            constraints: true,
            backup: match (request.backup, request.backup_name) {
                (DatabaseBackup::None, _) => Backup::None,
                (DatabaseBackup::Named, Some(name)) => Backup::Named(PathBuf::from(name)),
                (DatabaseBackup::Pattern | DatabaseBackup::Named, _) => Backup::Pattern,
            },
            in_use: match request.in_use {
                DatabaseInUse::Refuse => InUse::Refuse,
                DatabaseInUse::Wait => InUse::Wait,
                DatabaseInUse::InPlace => InUse::InPlace,
            },
            overwrite: true,
            durability: request.durability.into(),
            timeout: milliseconds(request.timeout),
        };
        Ok(FileTask::SwapDatabase { request: swap, progress: request.progress })
    })
}

/// The options of `startDatabaseCopy`.
#[napi(object)]
pub struct DatabaseCopyRequest {
    /// The path of the database to copy.
    pub source: String,
    /// The path of the copy.
    pub target: String,
    /// Whether an existing target is replaced. Otherwise an existing target is an error.
    pub overwrite: bool,
    /// What the copy guarantees after a power cut.
    pub durability: SwapDurability,
    /// The longest time of each wait for others, in milliseconds.
    pub timeout: f64,
    /// Whether the copy sends progress records.
    pub progress: bool,
}

/// Starts a copy of a database: a swap whose new database is a copy of `source`.
#[napi(catch_unwind)]
#[allow(clippy::needless_pass_by_value)]
pub fn start_database_copy(
    env: Env,
    attachment: u32,
    job: u32,
    request: DatabaseCopyRequest,
) -> Result<()> {
    start(env, attachment, job, || {
        let swap = DatabaseSwap {
            target: absolute(&request.target)?,
            source: Some(absolute(&request.source)?),
            build: false,
            verify: false,
            check: true,
            constraints: false,
            backup: Backup::None,
            in_use: InUse::Refuse,
            overwrite: request.overwrite,
            durability: request.durability.into(),
            timeout: milliseconds(request.timeout),
        };
        Ok(FileTask::SwapDatabase { request: swap, progress: request.progress })
    })
}

/// Starts a recovery: undoes or finishes a killed swap of a database. The answer is a report.
#[napi(catch_unwind)]
#[allow(clippy::needless_pass_by_value)]
pub fn start_recovery(env: Env, attachment: u32, job: u32, target: String) -> Result<()> {
    start(env, attachment, job, || Ok(FileTask::Recover(absolute(&target)?)))
}

/// Starts to take over the vector indexes that libSQL has made in a database, behind a backup. The answer is a
/// report.
#[napi(catch_unwind)]
#[allow(clippy::needless_pass_by_value)]
pub fn start_adoption(env: Env, attachment: u32, job: u32, target: String) -> Result<()> {
    start(env, attachment, job, || Ok(FileTask::Adopt(absolute(&target)?)))
}

/// Starts an examination of a database and the files beside it, without changing them. The answer is a
/// report.
#[napi(catch_unwind)]
#[allow(clippy::needless_pass_by_value)]
pub fn start_doctor(env: Env, attachment: u32, job: u32, target: String) -> Result<()> {
    start(env, attachment, job, || Ok(FileTask::Examine(absolute(&target)?)))
}

/// Starts a file job. If `task` fails, the job is answered with that error.
fn start(
    env: Env,
    attachment: u32,
    job: u32,
    task: impl FnOnce() -> error::Result<FileTask>,
) -> Result<()> {
    let job = JobId(job);
    attachments::with(env, attachment, |environment: &mut Environment| {
        let outbox = environment.mailbox();
        environment.begin_wait(env);
        match task() {
            Ok(task) => environment.file_jobs.start(job, task, outbox),
            Err(error) => outbox.post(answers::ended(job, &Err(error)), true),
        }
    })?
    .ok_or_else(|| Error::from_reason("latchdb is not attached to this environment"))
}

/// Runs `action` on the file jobs of an attachment. Does nothing if there is no attachment: then there
/// are no jobs either.
fn with_jobs(env: Env, attachment: u32, action: impl FnOnce(&Pool<FileTask>)) -> Result<()> {
    attachments::with(env, attachment, |environment| action(&environment.file_jobs))?;
    Ok(())
}

/// Runs `action` on the channel of a job. Does nothing if the job has ended: then it has no channel.
fn reply(env: Env, attachment: u32, job: u32, action: impl FnOnce(&JobChannel)) -> Result<()> {
    with_jobs(env, attachment, |jobs| {
        if let Some(channel) = jobs.channel(JobId(job)) {
            action(&channel);
        }
    })
}

/// Makes a path absolute at the time of the call, so that a later `chdir` does not change its meaning.
fn absolute(path: &str) -> error::Result<PathBuf> {
    std::path::absolute(path).at(Step::Resolve, Path::new(path))
}
