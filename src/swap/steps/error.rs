//! What can go wrong in a swap: where, why, and what to do about it.

pub mod database;

use std::io;
use std::path::{Path, PathBuf};

use super::errno;
use crate::files::Refusal;
use crate::jobs::cancel::CancelReason;
use crate::sqlite::{self, codes};
use database::DatabaseProblem;

/// The steps of a swap, in their order, and those that can be called by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Step {
    /// Finding the file that the target's path leads to, and looking at the source.
    Resolve,
    /// Waiting for other swaps of the same target, and clearing up after those that were killed.
    Lock,
    /// Making the staging file.
    Stage,
    /// Writing it.
    Write,
    /// The caller's own step.
    Prepare,
    /// Giving it the old file's owner, mode and extended attributes.
    Metadata,
    /// Having it reach the disk.
    Sync,
    /// Putting it in the target's place: the commit point.
    Rename,
    /// Having the new name reach the disk.
    SyncDirectory,
    /// Removing a file.
    Remove,
    /// Setting right what a killed swap of a database left.
    Recover,
    /// Finding out whether anybody else has the old database open.
    Prove,
    /// Keeping others from committing to the old database.
    Guard,
    /// The caller's own making of the new database.
    Build,
    /// `integrity_check` and `foreign_key_check` of the new database.
    Check,
    /// The caller's own look at the new database.
    Verify,
    /// Taking the old database's `-wal` in.
    Checkpoint,
    /// Giving the old database a second name, or copying it.
    Backup,
    /// Copying the new database into the old file, in one transaction.
    Transfer,
}

impl Step {
    /// The name that JavaScript sees.
    pub fn name(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Lock => "lock",
            Self::Stage => "stage",
            Self::Write => "write",
            Self::Prepare => "prepare",
            Self::Metadata => "metadata",
            Self::Sync => "sync",
            Self::Rename => "rename",
            Self::SyncDirectory => "sync-directory",
            Self::Remove => "remove",
            Self::Recover => "recover",
            Self::Prove => "prove",
            Self::Guard => "guard",
            Self::Build => "build",
            Self::Check => "check",
            Self::Verify => "verify",
            Self::Checkpoint => "checkpoint",
            Self::Backup => "backup",
            Self::Transfer => "transfer",
        }
    }

    fn doing(self) -> &'static str {
        match self {
            Self::Resolve => "finding",
            Self::Lock => "locking",
            Self::Stage => "making the staging file",
            Self::Write => "writing",
            Self::Prepare => "preparing",
            Self::Metadata => "setting owner, mode and attributes of",
            Self::Sync => "syncing",
            Self::Rename => "renaming to",
            Self::SyncDirectory => "syncing the directory",
            Self::Remove => "removing",
            Self::Recover => "recovering",
            Self::Prove => "finding out who else has open",
            Self::Guard => "locking the database",
            Self::Build => "building",
            Self::Check => "checking",
            Self::Verify => "verifying",
            Self::Checkpoint => "checkpointing",
            Self::Backup => "backing up to",
            Self::Transfer => "copying the new database into",
        }
    }
}

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The system refused, in a way that has no name of its own below.
    #[error("{0}")]
    Io(io::Error),
    /// The caller or the environment ended it.
    #[error("{}", cancel_text(*.0))]
    Cancelled(CancelReason),
    /// The target's directory.
    #[error("the directory is not there; create it first")]
    DirectoryMissing,
    /// A file was asked for.
    #[error("it is a directory; name a file")]
    IsDirectory(&'static str),
    /// A directory was asked for.
    #[error("it is no directory")]
    NotADirectory,
    /// Neither file nor directory.
    #[error("it is a device, pipe or socket; only regular files can be swapped")]
    NotAFile(&'static str),
    /// A circle.
    #[error("its symbolic links lead in circles")]
    TooManyLinks,
    /// A file that must be there.
    #[error("it is not there")]
    Missing(&'static str),
    /// Both names lead to one file.
    #[error("source and target are the same file; swap in another one")]
    SourceIsTarget,
    /// Somebody wrote to the source meanwhile.
    #[error("it was changed while it was copied; make sure that nobody writes to it and try again")]
    SourceChanged,
    /// SQLite has locks on it, which plain file calls would drop.
    #[error(
        "this process has it open as a database, or the database that it belongs to; close the clients that have opened it, or DETACH it in those that have attached it, first"
    )]
    OpenDatabase,
    /// The same of another SQLite in the process.
    #[error(
        "something else in this process has it open as a database (another SQLite library), or the database that it belongs to; close it there first"
    )]
    OpenElsewhereInProcess,
    /// Only root gives files away.
    #[error(
        "it cannot be given to the owner of the old file (uid {uid}, gid {gid}): {cause}; swap as that user, or remove the old file first"
    )]
    #[cfg_attr(windows, expect(dead_code, reason = "owners are the directory's matter there"))]
    Owner {
        /// The old file's user.
        uid: u32,
        /// The old file's group.
        gid: u32,
        /// What the system says.
        cause: io::Error,
    },
    /// What was written is not what is there.
    #[error("{written} bytes were written, but the file has {found}")]
    SizeMismatch {
        /// How many bytes went in.
        written: u64,
        /// How many are there.
        found: u64,
    },
    /// Windows: whoever has it open.
    #[error(
        "a program, which may be this one, still has it open after {waited_ms} ms ({cause}); close it there, or allow more time with retryMs"
    )]
    #[cfg_attr(not(windows), expect(dead_code, reason = "only Windows refuses"))]
    InUse {
        /// How long it was tried.
        waited_ms: u128,
        /// What the system says.
        cause: io::Error,
    },
    /// Windows: a program or library that runs.
    #[error(
        "it is loaded as a program or library, and Windows replaces no such file ({0}); end what runs it, or allow moveAside"
    )]
    #[cfg_attr(not(windows), expect(dead_code, reason = "only Windows refuses"))]
    InUseAsImage(io::Error),
    /// The name is another one already, but may be the old one after a power cut.
    #[error("the file is in its place, but that may not outlive a power cut: {0}")]
    NotDurable(io::Error),
    /// `prepare` linked another file instead of copying it.
    #[error(
        "it is a hard link to another file, which would become the target too; copy that file instead"
    )]
    StagingIsLink,
    /// A database whose last connection did not end in order.
    #[error(
        "prepare left it beside the staging file, which is a database that was not closed: what it holds would be lost; close the database in prepare"
    )]
    StagingHasSidecar,
    /// What a database that was there holds beside its file.
    #[error(
        "it is left of the database {}, and would be read into the new one; replace that with swapDatabase (or replaceDatabase), or open and close it first", .0.display()
    )]
    TargetHasSidecar(PathBuf),
    /// What has the name of a file of ours, or of SQLite's, and is none.
    #[error("{0}")]
    Untrusted(Refusal),
    /// JavaScript's strings cannot hold every path.
    #[error("the path is not valid UTF-8, and prepare could not be told of it")]
    NotUtf8,
    /// What only databases have.
    #[error(transparent)]
    Database(#[from] DatabaseProblem),
    /// A defect of ours.
    #[error("internal error: {0}")]
    Panicked(String),
}

fn cancel_text(reason: CancelReason) -> &'static str {
    match reason {
        CancelReason::Aborted => "it was aborted",
        _ => "the thread or process that called is ending",
    }
}

/// An error of a swap.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.text())]
pub struct SwapError {
    /// What is wrong.
    pub problem: Problem,
    /// At which step.
    pub step: Step,
    /// With which file or directory.
    pub path: PathBuf,
    /// Whether the target is the new file all the same.
    pub committed: bool,
}

/// What the functions of this module give.
pub type Result<T> = std::result::Result<T, SwapError>;

impl SwapError {
    /// An error before the commit point.
    pub fn new(problem: Problem, step: Step, path: &Path) -> Self {
        Self { problem, step, path: path.to_owned(), committed: false }
    }

    /// The `code` property.
    pub fn code(&self) -> &'static str {
        match &self.problem {
            Problem::Io(error) | Problem::Owner { cause: error, .. } => errno::code(error),
            Problem::Cancelled(CancelReason::Aborted) => "ABORTED",
            Problem::Cancelled(_) => "ENVIRONMENT_CLOSING",
            Problem::DirectoryMissing => "DIRECTORY_MISSING",
            Problem::IsDirectory(code) | Problem::NotAFile(code) | Problem::Missing(code) => code,
            Problem::NotADirectory => "NOT_A_DIRECTORY",
            Problem::TooManyLinks => "TOO_MANY_LINKS",
            Problem::SourceIsTarget => "SOURCE_IS_TARGET",
            Problem::SourceChanged => "SOURCE_CHANGED",
            Problem::OpenDatabase => "FILE_IS_OPEN_DATABASE",
            Problem::OpenElsewhereInProcess => "OPEN_ELSEWHERE_IN_PROCESS",
            Problem::SizeMismatch { .. } => "SIZE_MISMATCH",
            Problem::InUse { .. } => "TARGET_IN_USE",
            Problem::InUseAsImage(_) => "TARGET_IN_USE_AS_IMAGE",
            Problem::NotDurable(_) => "NOT_DURABLE",
            Problem::StagingIsLink => "STAGING_IS_LINK",
            Problem::StagingHasSidecar => "STAGING_HAS_SIDECAR",
            Problem::TargetHasSidecar(_) => "TARGET_HAS_SIDECAR",
            Problem::Untrusted(_) => "UNTRUSTED_FILE",
            Problem::NotUtf8 => "PATH_NOT_UTF8",
            Problem::Database(problem) => problem.code(),
            Problem::Panicked(_) => "INTERNAL_ERROR",
        }
    }

    /// The name of the system's error, where the system refused.
    pub fn errno(&self) -> Option<String> {
        match &self.problem {
            Problem::Io(error)
            | Problem::Owner { cause: error, .. }
            | Problem::InUse { cause: error, .. }
            | Problem::InUseAsImage(error)
            | Problem::NotDurable(error) => errno::name(error),
            _ => None,
        }
    }

    fn text(&self) -> String {
        let place = self.path.display();
        match &self.problem {
            Problem::Io(error) => {
                let advice = errno::advice(error);
                format!("{} {place}: {error}{advice}", self.step.doing())
            }
            problem => format!("{} {place}: {problem}", self.step.doing()),
        }
    }
}

/// Says of a system call's error where it came up.
pub trait At<T> {
    /// At this step, with this file or directory.
    fn at(self, step: Step, path: &Path) -> Result<T>;
}

impl<T, E: Into<io::Error>> At<T> for std::result::Result<T, E> {
    fn at(self, step: Step, path: &Path) -> Result<T> {
        self.map_err(|error| SwapError::new(Problem::of(error.into()), step, path))
    }
}

impl Problem {
    /// What an error of a file call means.
    fn of(error: io::Error) -> Self {
        match Refusal::of(&error) {
            Some(refusal) if error.kind() != io::ErrorKind::WouldBlock => {
                Self::Untrusted(refusal.clone())
            }
            _ => Self::Io(error),
        }
    }
}

impl From<sqlite::Error> for Problem {
    fn from(error: sqlite::Error) -> Self {
        let (code, message) = match error {
            sqlite::Error::Cancelled(reason) => return Self::Cancelled(reason),
            sqlite::Error::Refused { path, refusal, .. } => {
                return DatabaseProblem::Refused(path, refusal).into();
            }
            sqlite::Error::LibsqlSchema { code, message } => {
                return DatabaseProblem::Sqlite { code, message }.into();
            }
            sqlite::Error::Sqlite { code, message } => (code, message),
            other => (other.code().unwrap_or(codes::SQLITE_ERROR), other.to_string()),
        };
        match codes::primary(code) {
            codes::SQLITE_FULL => Self::Io(disk_full()),
            codes::SQLITE_BUSY | codes::SQLITE_LOCKED => DatabaseProblem::Busy.into(),
            codes::SQLITE_NOTADB => DatabaseProblem::NotADatabase.into(),
            codes::SQLITE_CORRUPT => DatabaseProblem::Corrupt(message).into(),
            _ => DatabaseProblem::Sqlite { code, message }.into(),
        }
    }
}

/// What the system said when SQLite says that the disk is full.
fn disk_full() -> io::Error {
    #[cfg(unix)]
    return rustix::io::Errno::NOSPC.into();
    #[cfg(windows)]
    io::Error::from_raw_os_error(windows_sys::Win32::Foundation::ERROR_DISK_FULL.cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn an_error_names_code_step_path_errno_and_what_to_do() {
        let full = io::Error::from(rustix::io::Errno::NOSPC);
        let error = Err::<(), _>(full).at(Step::Write, Path::new("/d/.staging-x")).unwrap_err();
        assert_eq!(error.code(), "DISK_FULL");
        assert_eq!(error.errno().as_deref(), Some("ENOSPC"));
        assert_eq!(error.step.name(), "write");
        let text = error.to_string();
        assert!(text.starts_with("writing /d/.staging-x: "), "{text}");
        assert!(text.contains("make room"), "{text}");
    }

    #[test]
    fn a_committed_error_says_so() {
        let problem = Problem::NotDurable(io::Error::other("no"));
        let error =
            SwapError { problem, step: Step::SyncDirectory, path: "/d".into(), committed: true };
        assert_eq!(error.code(), "NOT_DURABLE");
        assert!(error.to_string().contains("power cut"));
    }

    #[test]
    fn a_full_disk_is_that_whoever_says_so() {
        let full = sqlite::Error::Sqlite { code: codes::SQLITE_FULL, message: String::new() };
        let error = SwapError::new(full.into(), Step::Build, Path::new("a"));
        assert_eq!((error.code(), error.errno().as_deref()), ("DISK_FULL", Some("ENOSPC")));
    }
}
