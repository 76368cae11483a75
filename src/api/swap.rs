//! Swaps, and single steps of them by hand.

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

/// How sure a swap is to outlive a power cut.
#[napi]
pub enum SwapDurability {
    /// It does.
    Full,
    /// Afterwards the file is old or new, never torn.
    Barrier,
    /// Nothing is promised.
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

/// What a swap is asked for.
#[napi(object)]
pub struct SwapRequest {
    /// The file to replace.
    pub target: String,
    /// The file whose content is copied; else see `bytes`.
    pub source: Option<String>,
    /// Whether the bytes that are given are all of the content; else it is asked for in pieces.
    pub has_bytes: bool,
    /// Whether they are lent, not copied: JavaScript keeps them until the job's answer, and says at the
    /// end whether they were there all the time.
    pub is_lent: bool,
    /// How many bytes the pieces will be, where it is known.
    pub total: Option<f64>,
    /// Whether the caller has a step of its own.
    pub prepare: bool,
    /// How sure it is to outlive a power cut.
    pub durability: SwapDurability,
    /// Whether a target of the same content is left as it is.
    pub skip_if_same: bool,
    /// The permissions of the new file.
    pub mode: Option<u32>,
    /// How long to try again while other programs are in the way, in milliseconds.
    pub retry: f64,
    /// Whether a target that is loaded as a program may be moved aside.
    pub move_aside: bool,
    /// Whether progress is to be told.
    pub progress: bool,
}

/// Begins a swap.
#[napi]
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
            // SAFETY: JavaScript holds the object until the job is answered, which is after the
            // thread's last look; an environment that ends joins the thread first, while the object
            // lives. Where its memory was transferred away, JavaScript says so instead of letting
            // the swap go on.
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

/// Gives a swap the piece of its content that it wanted.
#[napi]
pub fn feed_swap(env: Env, attachment: u32, job: u32, piece: &[u8]) -> Result<()> {
    reply(env, attachment, job, |channel| channel.send_bytes(piece))
}

/// Lets a swap go on: there are no more pieces, or the caller's own step is done.
#[napi]
pub fn continue_swap(env: Env, attachment: u32, job: u32) -> Result<()> {
    reply(env, attachment, job, |channel| channel.send(Reply::Continue))
}

/// Ends a swap, or another job on files, unless it is past its commit point.
#[napi]
pub fn abort_file_job(env: Env, attachment: u32, job: u32) -> Result<()> {
    with_jobs(env, attachment, |jobs| jobs.abort(JobId(job)))
}

/// Ends all swaps and other jobs on files, when the process ends.
#[napi]
pub fn end_file_jobs(env: Env, attachment: u32) -> Result<()> {
    with_jobs(env, attachment, |jobs| {
        jobs.stop();
        jobs.join();
    })
}

/// Syncs a file.
#[napi]
#[allow(clippy::needless_pass_by_value)]
pub fn fsync_file(env: Env, attachment: u32, job: u32, path: String) -> Result<()> {
    start(env, attachment, job, || Ok(FileTask::SyncFile(absolute(&path)?)))
}

/// Syncs a directory.
#[napi]
#[allow(clippy::needless_pass_by_value)]
pub fn fsync_directory(env: Env, attachment: u32, job: u32, path: String) -> Result<()> {
    start(env, attachment, job, || Ok(FileTask::SyncDirectory(absolute(&path)?)))
}

/// Renames a file durably.
#[napi]
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

/// Removes a file. Its answer's `committed` says whether there was one.
#[napi]
#[allow(clippy::needless_pass_by_value)]
pub fn remove_file(env: Env, attachment: u32, job: u32, path: String, retry: f64) -> Result<()> {
    start(env, attachment, job, || {
        Ok(FileTask::Remove { path: absolute(&path)?, retry: milliseconds(retry) })
    })
}

/// What becomes of the old database.
#[napi]
pub enum DatabaseBackup {
    /// It goes.
    None,
    /// It stays, under a name made of both versions and the time.
    Pattern,
    /// It stays, under the name that is given.
    Named,
}

/// What to do where somebody else has the old database open.
#[napi]
pub enum DatabaseInUse {
    /// Nothing is done.
    Refuse,
    /// They are waited for.
    Wait,
    /// The new database is copied into the old file.
    InPlace,
}

/// What the swap of a database is asked for.
#[napi(object)]
pub struct DatabaseSwapRequest {
    /// The database to replace.
    pub target: String,
    /// A database whose content the new one has before it is built on.
    pub source: Option<String>,
    /// Whether the caller builds the new one.
    pub build: bool,
    /// Whether the caller looks at it before it is swapped in.
    pub verify: bool,
    /// What becomes of the old one.
    pub backup: DatabaseBackup,
    /// Its name, where it is given: in the target's directory.
    pub backup_name: Option<String>,
    /// What to do where somebody else has the old one open.
    pub in_use: DatabaseInUse,
    /// How sure it is to outlive a power cut.
    pub durability: SwapDurability,
    /// How long each wait for others lasts at most, in milliseconds.
    pub timeout: f64,
    /// Whether progress is to be told.
    pub progress: bool,
}

/// Begins the swap of a database.
#[napi]
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

/// What the copy of a database is asked for.
#[napi(object)]
pub struct DatabaseCopyRequest {
    /// The database that is copied.
    pub source: String,
    /// The copy.
    pub target: String,
    /// Whether a database that is there is replaced.
    pub overwrite: bool,
    /// How sure it is to outlive a power cut.
    pub durability: SwapDurability,
    /// How long each wait for others lasts at most, in milliseconds.
    pub timeout: f64,
    /// Whether progress is to be told.
    pub progress: bool,
}

/// Begins the copy of a database: a swap whose new database is as another one is.
#[napi]
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

/// Sets right what a killed swap left beside a database. Answers a report.
#[napi]
#[allow(clippy::needless_pass_by_value)]
pub fn start_recovery(env: Env, attachment: u32, job: u32, target: String) -> Result<()> {
    start(env, attachment, job, || Ok(FileTask::Recover(absolute(&target)?)))
}

/// Looks at a database and everything beside it, and changes nothing. Answers a report.
#[napi]
#[allow(clippy::needless_pass_by_value)]
pub fn start_doctor(env: Env, attachment: u32, job: u32, target: String) -> Result<()> {
    start(env, attachment, job, || Ok(FileTask::Examine(absolute(&target)?)))
}

/// A task that cannot be is answered as one that failed.
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

/// Without an attachment there is no job that could be meant.
fn with_jobs(env: Env, attachment: u32, action: impl FnOnce(&Pool<FileTask>)) -> Result<()> {
    attachments::with(env, attachment, |environment| action(&environment.file_jobs))?;
    Ok(())
}

/// Without its channel the job has ended.
fn reply(env: Env, attachment: u32, job: u32, action: impl FnOnce(&JobChannel)) -> Result<()> {
    with_jobs(env, attachment, |jobs| {
        if let Some(channel) = jobs.channel(JobId(job)) {
            action(&channel);
        }
    })
}

/// Made absolute when it is called with: a later `chdir` must not lead elsewhere.
fn absolute(path: &str) -> error::Result<PathBuf> {
    std::path::absolute(path).at(Step::Resolve, Path::new(path))
}
