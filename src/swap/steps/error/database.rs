//! What can be wrong with a database that is swapped, beyond what can be wrong with a file.

use std::path::PathBuf;

use crate::files::Refusal;
use crate::sqlite::codes;

/// A process that has a database open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opener {
    /// Its number.
    pub pid: u32,
    /// Its name, where it is known.
    pub name: String,
}

impl Opener {
    /// Whether it is this process.
    pub fn is_self(&self) -> bool {
        self.pid == std::process::id()
    }
}

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseProblem {
    /// Somebody else has the old database open.
    #[error(
        "{} it open{}; close it there, wait with inUse \"wait\", or allow \"in-place\"",
        whoever(.openers),
        if *.is_attached { ATTACHED } else { "" }
    )]
    InUse {
        /// They.
        openers: Vec<Opener>,
        /// Whether this process is one of them for nothing but what is attached to other databases.
        is_attached: bool,
    },
    /// Another copy of SQLite in this process has it open, whose locks every closing of ours drops.
    #[error(
        "another SQLite library in this process has it open, and the two drop each other's locks (https://sqlite.org/howtocorrupt.html, section 2.2); close it there first"
    )]
    OtherCopy,
    /// Somebody else committed while the new database was made, or replaced the file.
    #[error(
        "another process changed it while the new one was made; nothing is replaced: run the swap again"
    )]
    Changed,
    /// A lock that was not to be had.
    #[error(
        "it is locked by another connection, and was not free in time; try again, or allow more time with timeoutMs"
    )]
    Busy,
    /// Something else.
    #[error("it is not a SQLite database (or it is encrypted); name a database file")]
    NotADatabase,
    /// SQLite found damage.
    #[error("it is damaged: {0}; see what `npx latchdb doctor` says of it")]
    Corrupt(String),
    /// The new database.
    #[error("the new database fails integrity_check: {}", .0.join("; "))]
    IntegrityCheck(Vec<String>),
    /// The new database.
    #[error("the new database fails foreign_key_check: {}", .0.join("; "))]
    ForeignKeyCheck(Vec<String>),
    /// The new database.
    #[error(
        "this process still has the new database open; close its clients before build or verify ends"
    )]
    StagingOpen,
    /// The new database.
    #[error("{} is left beside the new database: somebody still has it open", .0.display())]
    StagingSidecar(PathBuf),
    /// The new database, where the old one must take its content.
    #[error(
        "its page size is {old}, the new one's is {new}: a database in WAL mode that others have open takes only its own; build the new one with PRAGMA page_size = {old}"
    )]
    PageSize {
        /// The old database's.
        old: i64,
        /// The new one's.
        new: i64,
    },
    /// The new database, where the old one must take its content.
    #[error(
        "its text is {old}, the new one's is {new}: those who have the database open could not go on; build the new one with PRAGMA encoding = '{old}'"
    )]
    Encoding {
        /// The old database's.
        old: String,
        /// The new one's.
        new: String,
    },
    /// The file is another database's.
    #[error("SQLite keeps it beside the database {}; name that one", .0.display())]
    Sidecar(PathBuf),
    /// Of the name that was asked for.
    #[error("the backup is not to overwrite it; name another one")]
    BackupExists,
    /// Of the name that was asked for.
    #[error("{} is there, and SQLite would read it into the backup; remove it, or name another one", .0.display())]
    BackupSidecar(PathBuf),
    /// Of an earlier swap's.
    #[error(
        "it is the backup of an earlier swap, which could not be given its name; move it elsewhere first"
    )]
    BackupUnnamed,
    /// Of the name that was asked for.
    #[error("SQLite or a later swap would take it for a file of theirs; name the backup otherwise")]
    BackupName,
    /// A backup is a second name of the old file, or takes one in the same directory.
    #[error("the backup must be in the directory of the database; give a file name alone")]
    BackupNotBeside,
    /// Where nothing was to be replaced.
    #[error("it is there already; remove it, or allow overwriting it")]
    TargetExists,
    /// A file that SQLite was not let open: the database, or one beside it.
    #[error("{} cannot be opened: {}", .0.display(), .1)]
    Refused(PathBuf, Refusal),
    /// Anything else that SQLite says.
    #[error("{message}")]
    Sqlite {
        /// Its extended result code (<https://sqlite.org/rescode.html>).
        code: i32,
        /// Its text.
        message: String,
    },
}

impl DatabaseProblem {
    /// The `code` property.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InUse { .. } | Self::OtherCopy => "DATABASE_IN_USE",
            Self::Changed => "DATABASE_CHANGED",
            Self::Busy => "DATABASE_BUSY",
            #[cfg(unix)]
            Self::Refused(_, Refusal::Leased) => "DATABASE_BUSY",
            Self::Refused(..) => "UNTRUSTED_FILE",
            Self::NotADatabase | Self::Sidecar(_) => "NOT_A_DATABASE",
            Self::Corrupt(_) => "DATABASE_CORRUPT",
            Self::IntegrityCheck(_) => "INTEGRITY_CHECK_FAILED",
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

    /// Who has the database open, where that is the problem.
    pub fn openers(&self) -> &[Opener] {
        match self {
            Self::InUse { openers, .. } => openers,
            _ => &[],
        }
    }
}

/// Where this process has it open by ATTACH or VACUUM INTO alone.
const ATTACHED: &str = " (this process by ATTACH in a client of another database: DETACH it, or close \
    that client)";

fn whoever(openers: &[Opener]) -> String {
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
    fn those_who_have_it_open_are_named() {
        let opener = |pid, name: &str| Opener { pid, name: name.to_owned() };
        let text = |openers| DatabaseProblem::InUse { openers, is_attached: false }.to_string();
        assert!(text(vec![]).starts_with("another process"));
        assert!(text(vec![opener(7, "")]).starts_with("process 7 has it open"));
        let two = vec![opener(7, "node"), opener(std::process::id(), "me")];
        assert!(text(two).starts_with("process 7 (node), this process have it open"));
    }
}
