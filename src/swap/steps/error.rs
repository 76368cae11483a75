//! The errors of a swap: the step, the path, the cause and the remedy.

pub mod database;

use std::io;
use std::path::{Path, PathBuf};

use super::errno;
use crate::files::system_error::advice;
use crate::files::{NameTooLong, Refusal};
use crate::jobs::cancel::CancelReason;
use crate::sqlite::{self, codes};
use database::DatabaseProblem;

/// The steps of a swap, and the single steps that can be called separately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Step {
    /// Resolving the target's path, and opening the source.
    Resolve,
    /// Waiting for other swaps of the same target, and removing the files of killed ones.
    Lock,
    /// Creating the staging file.
    Stage,
    /// Writing the staging file.
    Write,
    /// The caller's `prepare`.
    Prepare,
    /// Setting the owner, mode and extended attributes of the old file.
    Metadata,
    /// Syncing the staging file.
    Sync,
    /// Renaming the staging file to the target: the commit point.
    Rename,
    /// Syncing the directory after the rename.
    SyncDirectory,
    /// Removing a file.
    Remove,
    /// Clearing the remains of a killed swap of a database.
    Recover,
    /// Proving that no other process or client has the old database open.
    Prove,
    /// Taking the write lock on the old database.
    Guard,
    /// The caller's `build` of the new database.
    Build,
    /// `integrity_check` and `foreign_key_check` of the new database.
    Check,
    /// The caller's `verify` of the new database.
    Verify,
    /// Moving the content of the old database's `-wal` into the database.
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

    fn action(self) -> &'static str {
        match self {
            Self::Resolve => "finding",
            Self::Lock => "locking",
            Self::Stage => "creating the staging file",
            Self::Write => "writing",
            Self::Prepare => "preparing",
            Self::Metadata => "setting owner, mode and attributes of",
            Self::Sync => "syncing",
            Self::Rename => "renaming to",
            Self::SyncDirectory => "syncing the directory",
            Self::Remove => "removing",
            Self::Recover => "recovering",
            Self::Prove => "checking for other openers of",
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

/// The cause of an error. Its text continues the sentence that names step and path.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// A system error without a variant of its own below.
    #[error("{0}")]
    Io(io::Error),
    /// The caller aborted the swap, or the environment is ending.
    #[error("{}", cancel_text(*.0))]
    Cancelled(CancelReason),
    /// The target's directory does not exist.
    #[error("the directory does not exist; create it first")]
    DirectoryMissing,
    /// A file has the name of the target's directory.
    #[error("it is a file, not a directory; name a file in a directory")]
    DirectoryIsFile,
    /// The path must name a file.
    #[error("it is a directory; name a file")]
    IsDirectory(&'static str),
    /// The path must name a directory.
    #[error("it is not a directory; name a directory")]
    NotADirectory,
    /// Something else than a regular file: the `code` property, and what it is.
    #[error("it is {kind}, where a regular file is needed; {remedy}", kind = .1, remedy = remedy(.0, "name one"))]
    NotAFile(&'static str, &'static str),
    /// The path leads through more symbolic links than the system follows.
    #[error("its symbolic links form a loop; remove one of them")]
    TooManyLinks,
    /// A file that the step needs does not exist.
    #[error("it does not exist; {}", remedy(.0, "name a file that does"))]
    Missing(&'static str),
    /// Source and target are names of one file.
    #[error("source and target are the same file; name another source")]
    SourceIsTarget,
    /// The source was written to during the copy.
    #[error("it changed while it was copied; make sure that nothing writes to it, and try again")]
    SourceChanged,
    /// Our SQLite has locks on the file, which plain file calls would drop.
    #[error(
        "this process has it open as a database, or the database that it belongs to; first close the clients that opened it, or DETACH it in the clients that attached it"
    )]
    OpenDatabase,
    /// Another SQLite library in this process has locks on the file.
    #[error(
        "another SQLite library in this process has it open as a database, or the database that it belongs to; close it there first"
    )]
    OpenElsewhereInProcess,
    /// The staging file could not get the old file's owner. Only root may change owners.
    #[error(
        "its owner cannot be changed to that of the old file (uid {uid}, gid {gid}): {cause}; swap as that user, or remove the old file first"
    )]
    #[cfg_attr(windows, expect(dead_code, reason = "a new file gets its owner from the directory"))]
    Owner {
        /// The old file's user.
        uid: u32,
        /// The old file's group.
        gid: u32,
        /// The system's error.
        cause: io::Error,
    },
    /// The staging file has not the size of the written content.
    #[error(
        "{written} bytes were written, but the file has {found}; make sure that nothing else writes to it"
    )]
    SizeMismatch {
        /// The number of bytes written.
        written: u64,
        /// The size of the file.
        found: u64,
    },
    /// Windows: a program has the file open.
    #[error(
        "a program, which may be this one, still has it open after {waited_ms} ms ({cause}); close it there, or allow more time with retryMs"
    )]
    #[cfg_attr(not(windows), expect(dead_code, reason = "only Windows refuses"))]
    InUse {
        /// How long the step was retried.
        waited_ms: u128,
        /// The system's error.
        cause: io::Error,
    },
    /// Windows: the file is loaded as a program or library.
    #[error(
        "it is loaded as a program or library, and Windows does not replace such a file ({0}); end the programs that use it, or allow moveAside"
    )]
    #[cfg_attr(not(windows), expect(dead_code, reason = "only Windows refuses"))]
    InUseAsImage(io::Error),
    /// The rename is done, but a later sync failed.
    #[error("the new file is in place, but a power cut may undo that: {0}")]
    NotDurable(io::Error),
    /// `prepare` linked another file instead of copying it.
    #[error(
        "it is a hard link to another file, which would become the target too; copy that file instead"
    )]
    StagingIsLink,
    /// `prepare` did not close a connection on the staging file.
    #[error(
        "it belongs to the staging file, a database that prepare did not close, and its transactions would be lost; close the database in prepare"
    )]
    StagingHasSidecar,
    /// A sidecar of the target holds transactions.
    #[error(
        "it belongs to the old database {}, and SQLite would read it into the new file; replace the database with swapDatabase (or replaceDatabase), or open and close it first", .0.display()
    )]
    TargetHasSidecar(PathBuf),
    /// A file has the name of one of our files or of a sidecar, but cannot be trusted as one.
    #[error("{0}")]
    Untrusted(Refusal),
    /// The name leaves no room for those of the files that SQLite keeps beside a database.
    #[error(transparent)]
    NameTooLong(#[from] NameTooLong),
    /// A path is not UTF-8. JavaScript's strings cannot hold such a path.
    #[error("the path is not valid UTF-8, and cannot be passed to JavaScript; use another path")]
    NotUtf8,
    /// A problem that only databases have.
    #[error(transparent)]
    Database(#[from] DatabaseProblem),
    /// A defect of latchdb.
    #[error("internal error: {0}")]
    Panicked(String),
}

/// What to do where a file is missing, or is no file. The staging file is named by nobody.
fn remedy(code: &str, otherwise: &'static str) -> &'static str {
    if code.starts_with("STAGING") {
        "what runs before this step (prepare, build or verify) must leave a regular file of this name"
    } else {
        otherwise
    }
}

fn cancel_text(reason: CancelReason) -> &'static str {
    match reason {
        CancelReason::Aborted => "it was aborted",
        _ => "the calling thread or process is ending",
    }
}

/// An error of a swap.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.text())]
pub struct SwapError {
    /// The cause.
    pub problem: Problem,
    /// The step that failed.
    pub step: Step,
    /// The file or directory of the step.
    pub path: PathBuf,
    /// Whether the target is the new file in spite of the error.
    pub committed: bool,
    /// What the step was doing with the file, for the text.
    pub doing: &'static str,
}

/// The result of a swap's functions.
pub type Result<T> = std::result::Result<T, SwapError>;

impl SwapError {
    /// An error before the commit point.
    pub fn new(problem: Problem, step: Step, path: &Path) -> Self {
        Self { problem, step, path: path.to_owned(), committed: false, doing: step.action() }
    }

    /// The same where the step has read the file, which is the source, and not written it.
    pub fn while_reading(self) -> Self {
        Self { doing: "reading", ..self }
    }

    /// The same, about the new database whose content is a copy of `source`: there the damage is.
    pub fn in_source(self, source: &Path) -> Self {
        Self { path: source.to_owned(), doing: "checking the content of", ..self }
    }

    /// The `code` property.
    pub fn code(&self) -> &'static str {
        match &self.problem {
            Problem::Io(error) | Problem::Owner { cause: error, .. } => errno::code(error),
            Problem::Cancelled(CancelReason::Aborted) => "ABORTED",
            Problem::Cancelled(_) => "ENVIRONMENT_CLOSING",
            Problem::DirectoryMissing | Problem::DirectoryIsFile => "DIRECTORY_MISSING",
            Problem::IsDirectory(code) | Problem::NotAFile(code, _) | Problem::Missing(code) => {
                code
            }
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
            Problem::NameTooLong(_) => "NAME_TOO_LONG",
            Problem::NotUtf8 => "PATH_NOT_UTF8",
            Problem::Database(problem) => problem.code(),
            Problem::Panicked(_) => "INTERNAL_ERROR",
        }
    }

    /// The name of the system's error, if the cause is one.
    pub fn errno(&self) -> Option<String> {
        match &self.problem {
            Problem::Io(error)
            | Problem::Owner { cause: error, .. }
            | Problem::InUse { cause: error, .. }
            | Problem::InUseAsImage(error)
            | Problem::NotDurable(error) => errno::name(error),
            Problem::Database(DatabaseProblem::Refused(_, Refusal::System(number))) => {
                errno::name(&io::Error::from_raw_os_error(*number))
            }
            _ => None,
        }
    }

    fn text(&self) -> String {
        let path = self.path.display();
        match &self.problem {
            Problem::Io(error) => {
                format!("{} {path}: {error}{}", self.doing, advice(error))
            }
            problem => format!("{} {path}: {problem}", self.doing),
        }
    }
}

/// Adds the step and the path to a system call's error.
pub trait At<T> {
    /// Adds them.
    fn at(self, step: Step, path: &Path) -> Result<T>;
}

impl<T, E: Into<io::Error>> At<T> for std::result::Result<T, E> {
    fn at(self, step: Step, path: &Path) -> Result<T> {
        self.map_err(|error| SwapError::new(Problem::of(error.into()), step, path))
    }
}

impl Problem {
    /// The problem that an error of a file call stands for.
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
            sqlite::Error::Refused { refusal: Refusal::NameTooLong(problem), .. } => {
                return Self::NameTooLong(problem);
            }
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

/// The system error behind SQLITE_FULL.
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
    fn an_error_has_code_step_path_errno_and_remedy() {
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
    fn a_committed_error_mentions_the_power_cut() {
        let problem = Problem::NotDurable(io::Error::other("no"));
        let error = SwapError {
            committed: true,
            ..SwapError::new(problem, Step::SyncDirectory, Path::new("/d"))
        };
        assert_eq!(error.code(), "NOT_DURABLE");
        assert!(error.to_string().contains("power cut"));
    }

    #[test]
    fn a_full_disk_has_one_code_from_sqlite_and_the_system() {
        let full = sqlite::Error::Sqlite { code: codes::SQLITE_FULL, message: String::new() };
        let error = SwapError::new(full.into(), Step::Build, Path::new("a"));
        assert_eq!((error.code(), error.errno().as_deref()), ("DISK_FULL", Some("ENOSPC")));
    }
}
