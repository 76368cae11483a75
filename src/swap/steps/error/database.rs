//! The problems that only swaps of databases have.

use std::path::PathBuf;

use crate::files::{Refusal, sidecars};
use crate::sqlite::codes;
use crate::swap::steps::errno;

/// A process that has a database open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opener {
    /// The process number.
    pub pid: u32,
    /// The program's name, if it is known.
    pub name: String,
}

impl Opener {
    /// Whether the opener is this process.
    pub fn is_self(&self) -> bool {
        self.pid == std::process::id()
    }
}

/// The cause of an error.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseProblem {
    /// Another process or another client has the old database open.
    #[error(
        "{} it open{}; close it there, wait with inUse \"wait\", or allow \"in-place\"",
        subject(.openers),
        if *.is_attached { ATTACHED } else { "" }
    )]
    InUse {
        /// The processes that have it open.
        openers: Vec<Opener>,
        /// Whether this process has it open only by ATTACH to other databases.
        is_attached: bool,
    },
    /// Another SQLite library in this process has it open. Closing a file in one library drops the
    /// locks of the other.
    #[error(
        "another SQLite library in this process has it open, and the two drop each other's locks (https://sqlite.org/howtocorrupt.html, section 2.2); close it there first"
    )]
    ForeignSqlite,
    /// Another connection committed during the swap, or the file was replaced.
    #[error(
        "another process changed it during the swap, and nothing was replaced; run the swap again"
    )]
    Changed,
    /// A lock was not released in time.
    #[error(
        "another connection holds a lock on it, and has not released it in time; try again, or allow more time with timeoutMs"
    )]
    Busy,
    /// The file is not a database.
    #[error("it is not a SQLite database (or it is encrypted); name a database file")]
    NotADatabase,
    /// SQLite found damage.
    #[error(
        "it is damaged: {0}; use a backup, or save what can be read with .recover of the program sqlite3 (https://sqlite.org/recovery.html)"
    )]
    Corrupt(String),
    /// The new database fails a check.
    #[error("the new database fails integrity_check: {}; correct its content", .0.join("; "))]
    IntegrityCheck(Vec<String>),
    /// The database that was copied fails a check.
    #[error(
        "it fails integrity_check: {}; mend it first, by REINDEX where indexes are wrong, or use a backup", .0.join("; ")
    )]
    SourceIntegrity(Vec<String>),
    /// The new database fails a check.
    #[error("the new database fails foreign_key_check: {}; correct its content", .0.join("; "))]
    ForeignKeyCheck(Vec<String>),
    /// A client of this process has the new database open.
    #[error(
        "this process still has the new database open; close its clients before build or verify ends"
    )]
    StagingOpen,
    /// Another process or library has the new database open.
    #[error(
        "{} still exists beside the new database, so another program has it open; close it there", .0.display()
    )]
    StagingSidecar(PathBuf),
    /// The page sizes differ, and the old file must take the new content.
    #[error(
        "its page size is {old}, and that of the new database is {new}; SQLite cannot change the page size of a WAL database that others have open: build the new one with PRAGMA page_size = {old}"
    )]
    PageSize {
        /// The old database's page size.
        old: i64,
        /// The new database's page size.
        new: i64,
    },
    /// The text encodings differ, and the old file must take the new content.
    #[error(
        "its text encoding is {old}, and that of the new database is {new}; the connections that have it open could not continue: build the new one with PRAGMA encoding = '{old}'"
    )]
    Encoding {
        /// The old database's encoding.
        old: String,
        /// The new database's encoding.
        new: String,
    },
    /// The file is a sidecar of another database.
    #[error("it is a sidecar of the database {}; name that database", .0.display())]
    Sidecar(PathBuf),
    /// The requested name of the backup exists.
    #[error("it exists, and a backup does not overwrite a file; choose another name")]
    BackupExists,
    /// The requested name of the backup has a sidecar.
    #[error(
        "{} exists, and SQLite would read it into the backup; remove it, or choose another name", .0.display()
    )]
    BackupSidecar(PathBuf),
    /// An earlier swap has left its backup.
    #[error(
        "it is the backup of an earlier swap, which could not be given its name; move it elsewhere first"
    )]
    BackupUnnamed,
    /// The requested name of the backup is reserved.
    #[error("the name is reserved for a file of SQLite or of a swap; choose another name")]
    BackupName,
    /// The requested name of the backup is in another directory. The backup is a hard link, or is
    /// renamed, which works only in one directory.
    #[error("the backup must be in the directory of the database; give only a file name")]
    BackupNotBeside,
    /// The target exists, but the caller has not allowed overwriting.
    #[error("it exists already; remove it, or allow overwriting it")]
    TargetExists,
    /// Our checks refused to let SQLite open the database or a sidecar.
    #[error("{}{} cannot be opened: {}", .0.display(), sidecars::remark(.0), .1)]
    Refused(PathBuf, Refusal),
    /// Another error of SQLite.
    #[error("{message}")]
    Sqlite {
        /// SQLite's extended result code (<https://sqlite.org/rescode.html>).
        code: i32,
        /// SQLite's message.
        message: String,
    },
}

impl DatabaseProblem {
    /// The `code` property.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InUse { .. } | Self::ForeignSqlite => "DATABASE_IN_USE",
            Self::Changed => "DATABASE_CHANGED",
            Self::Busy => "DATABASE_BUSY",
            #[cfg(unix)]
            Self::Refused(_, Refusal::Leased) => "DATABASE_BUSY",
            Self::Refused(_, Refusal::System(number)) => {
                errno::code(&std::io::Error::from_raw_os_error(*number))
            }
            Self::Refused(..) => "UNTRUSTED_FILE",
            Self::NotADatabase | Self::Sidecar(_) => "NOT_A_DATABASE",
            Self::Corrupt(_) => "DATABASE_CORRUPT",
            Self::IntegrityCheck(_) | Self::SourceIntegrity(_) => "INTEGRITY_CHECK_FAILED",
            Self::ForeignKeyCheck(_) => "FOREIGN_KEY_CHECK_FAILED",
            Self::StagingOpen => "STAGING_OPEN",
            Self::StagingSidecar(_) => "STAGING_SIDECAR",
            Self::PageSize { .. } => "PAGE_SIZE_MISMATCH",
            Self::Encoding { .. } => "ENCODING_MISMATCH",
            Self::BackupExists | Self::BackupSidecar(_) | Self::BackupUnnamed => "BACKUP_EXISTS",
            Self::BackupName => "BACKUP_NAME_RESERVED",
            Self::BackupNotBeside => "BACKUP_NOT_BESIDE",
            Self::TargetExists => "TARGET_EXISTS",
            Self::Sqlite { code, .. } => match codes::primary(*code) {
                codes::SQLITE_CANTOPEN | codes::SQLITE_IOERR => "IO_ERROR",
                codes::SQLITE_READONLY => "READ_ONLY",
                codes::SQLITE_PERM | codes::SQLITE_AUTH => "NO_PERMISSION",
                _ => "SQLITE_ERROR",
            },
        }
    }

    /// The processes that have the database open, if that is the problem.
    pub fn openers(&self) -> &[Opener] {
        match self {
            Self::InUse { openers, .. } => openers,
            _ => &[],
        }
    }
}

/// Added if this process has the database open only by ATTACH or VACUUM INTO.
const ATTACHED: &str = " (this process by ATTACH in a client of another database: DETACH it, or close \
    that client)";

/// The subject and verb of the error text: "process 7 (node) has".
fn subject(openers: &[Opener]) -> String {
    let names: Vec<_> = openers
        .iter()
        .map(|opener| match (opener.is_self(), opener.name.as_str()) {
            (true, _) => "this process".to_owned(),
            (false, "") => format!("process {}", opener.pid),
            (false, name) => format!("process {} ({name})", opener.pid),
        })
        .collect();
    match &names[..] {
        [] => "another process, which cannot be seen from here, has".to_owned(),
        [one] => format!("{one} has"),
        several => format!("{} have", several.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_names_the_openers() {
        let opener = |pid, name: &str| Opener { pid, name: name.to_owned() };
        let text = |openers| DatabaseProblem::InUse { openers, is_attached: false }.to_string();
        assert!(text(vec![]).starts_with("another process"));
        assert!(text(vec![opener(7, "")]).starts_with("process 7 has it open"));
        let two = vec![opener(7, "node"), opener(std::process::id(), "me")];
        assert!(text(two).starts_with("process 7 (node), this process have it open"));
    }
}
