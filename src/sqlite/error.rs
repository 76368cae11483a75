//! The errors of the engine.

use std::path::{Path, PathBuf};

use rusqlite::ffi;

use super::codes::{self, primary};
use super::libsql::schema;
use crate::files::{self, Refusal, sidecars};
use crate::jobs::cancel::CancelReason;

/// An error of SQLite, or of our use of it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// SQLite's own error.
    #[error("{message}")]
    Sqlite {
        /// The extended result code (<https://sqlite.org/rescode.html>).
        code: i32,
        /// SQLite's own text.
        message: String,
    },
    /// SQLite's error about a token of the SQL text.
    #[error("{message}")]
    Input {
        /// The extended result code.
        code: i32,
        /// SQLite's own text.
        message: String,
        /// Where the token begins in the text of the call, in bytes (`sqlite3_error_offset`).
        offset: usize,
    },
    /// SQLite could not open a file because our file calls refused to.
    #[error("{}: {}{}: {refusal}", without_path(message, path), path.display(), sidecars::remark(path))]
    Refused {
        /// The extended result code.
        code: i32,
        /// SQLite's own text.
        message: String,
        /// The file.
        path: PathBuf,
        /// Why the file was refused.
        refusal: Refusal,
    },
    /// The database file could not be opened.
    #[error("cannot open the database file {path}: {cause}")]
    Open {
        /// SQLite's extended result code.
        code: i32,
        /// The path of the file.
        path: String,
        /// What is wrong, and how to fix it.
        cause: String,
    },
    /// Another process holds a lease on the database file. A swap holds one for a moment.
    #[error(
        "cannot open the database file {path}: another process holds a lease on it (fcntl F_SETLEASE) and has not given it up in time; try again"
    )]
    #[cfg_attr(not(unix), expect(dead_code, reason = "there are no leases elsewhere"))]
    Leased {
        /// The file.
        path: String,
    },
    /// The SQL text contains no statement.
    #[error("the SQL text contains no statement: it is empty or has only comments")]
    NoStatement,
    /// The statement uses a table with a vector index of libSQL. SQLite would return wrong results.
    #[error(
        "the table {table} has the libSQL vector index {index}, in which this SQLite would find no rows, so \
         latchdb neither reads nor writes the table; take the index over by npx latchdb adopt or by the option \
         adoptVectorIndexes, or DROP INDEX {index}, or use libSQL for this file"
    )]
    VectorIndex {
        /// The table.
        table: String,
        /// The index.
        index: String,
    },
    /// A statement inserts into a table that is RANDOM ROWID, or is VACUUM in a database with one.
    #[error(
        "the table {table} is RANDOM ROWID, which only libSQL knows, so latchdb inserts nothing into it, and there is no \
         VACUUM; copy it into another table and drop it, or use libSQL for this file"
    )]
    RandomRowid {
        /// The table.
        table: String,
    },
    /// SQLite's error for a schema that only libSQL knows, with a text that says what to do.
    #[error("{message}")]
    LibsqlSchema {
        /// SQLite's extended result code.
        code: i32,
        /// SQLite's text and the explanation.
        message: String,
    },
    /// The statement has run for as long as it may.
    #[error("interrupted: the statement has run for longer than its queryTimeout of {limit_ms} ms")]
    TimeLimit {
        /// The limit, in milliseconds.
        limit_ms: u64,
    },
    /// The arguments are not those of the parameters.
    #[error("{0}")]
    Arguments(String),
    /// The job was cancelled.
    #[error("the job was cancelled")]
    Cancelled(CancelReason),
}

impl Error {
    /// SQLite's extended result code, if the error has one.
    pub fn code(&self) -> Option<i32> {
        match self {
            Self::Sqlite { code, .. }
            | Self::Input { code, .. }
            | Self::Refused { code, .. }
            | Self::Open { code, .. } => Some(*code),
            // SQLite reports SQLITE_ERROR, as for wrong SQL. Our own code is more precise.
            Self::LibsqlSchema { code, .. } => {
                (primary(*code) != codes::SQLITE_ERROR).then_some(*code)
            }
            Self::Leased { .. } => Some(codes::SQLITE_BUSY),
            Self::NoStatement => Some(codes::SQLITE_MISUSE),
            Self::TimeLimit { .. } => Some(codes::SQLITE_INTERRUPT),
            Self::VectorIndex { .. }
            | Self::RandomRowid { .. }
            | Self::Arguments(_)
            | Self::Cancelled(_) => None,
        }
    }

    /// Where the token that SQLite's error is about begins in the text of the call, in bytes.
    pub fn offset(&self) -> Option<usize> {
        match self {
            Self::Input { offset, .. } => Some(*offset),
            _ => None,
        }
    }

    /// The error, at this place of the text of the call.
    pub(super) fn at(self, offset: Option<usize>) -> Self {
        match (self, offset) {
            (Self::Sqlite { code, message }, Some(offset)) => Self::Input { code, message, offset },
            (error, _) => error,
        }
    }

    /// Whether the content of a database is damaged, or is not one.
    pub fn is_damage(&self) -> bool {
        let code = self.code().map(primary);
        matches!(code, Some(codes::SQLITE_CORRUPT | codes::SQLITE_NOTADB))
    }

    /// Whether another connection held a lock that was needed.
    pub fn is_busy(&self) -> bool {
        let code = self.code().map(primary);
        matches!(code, Some(codes::SQLITE_BUSY | codes::SQLITE_LOCKED))
    }

    /// Whether a connection that only reads was asked for more, or for a file that it may not create.
    pub fn is_read_only(&self) -> bool {
        let code = self.code().map(primary);
        matches!(code, Some(codes::SQLITE_READONLY | codes::SQLITE_CANTOPEN))
    }

    /// Whether a cancel has interrupted SQLite.
    pub fn is_interrupt(&self) -> bool {
        !self.is_time_limit()
            && self.code().is_some_and(|code| is_interrupt(code, &self.to_string()))
    }

    /// Whether the statement has run for as long as it may.
    pub fn is_time_limit(&self) -> bool {
        matches!(self, Self::TimeLimit { .. })
    }

    /// SQLite's error for a COMMIT outside of a transaction.
    pub fn nothing_to_commit() -> Self {
        Self::Sqlite {
            code: codes::SQLITE_ERROR,
            message: "cannot commit - no transaction is active".into(),
        }
    }

    /// SQLite's error for a lock that another connection holds.
    pub fn busy() -> Self {
        Self::Sqlite { code: codes::SQLITE_BUSY, message: "database is locked".into() }
    }
}

/// Whether an error says that a cancel has interrupted SQLite. ALTER TABLE and virtual tables parse SQL of
/// their own inside of a statement: an interrupt in there is SQLITE_ERROR, with SQLite's text for an
/// interrupt behind its own (`renameColumnParseError` and `sqlite3_declare_vtab` in SQLite's source), or with
/// no text but that of the code (`renameQuotefixFunc`).
pub(super) fn is_interrupt(code: i32, message: &str) -> bool {
    match primary(code) {
        codes::SQLITE_INTERRUPT => true,
        codes::SQLITE_ERROR => {
            matches!(message, "interrupted" | "SQL logic error")
                || message.ends_with(": interrupted")
        }
        _ => false,
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        let (code, message) = match error {
            rusqlite::Error::SqliteFailure(failure, message) => {
                let code = failure.extended_code;
                (code, message.unwrap_or_else(|| ffi::code_to_str(code).into()))
            }
            rusqlite::Error::SqlInputError { error, msg, .. } => (error.extended_code, msg),
            other => (codes::SQLITE_ERROR, other.to_string()),
        };
        if let Some(message) = schema::explain(code, &message) {
            return Self::LibsqlSchema { code, message };
        }
        // SQLite's text is only "unable to open database file", or, where a file cannot be made beside the
        // database, "attempt to write a readonly database". The refusal says why.
        if matches!(primary(code), codes::SQLITE_CANTOPEN | codes::SQLITE_READONLY)
            && let Some((path, refusal)) = files::take_refusal()
        {
            return Self::Refused { code, message, path, refusal };
        }
        Self::Sqlite { code, message }
    }
}

/// Where SQLite's error is in `sql`, in bytes, if SQLite tells it and what it has prepared is the end of this text.
/// A statement of our own is not.
pub(super) fn offset_in(sql: &str, error: &rusqlite::Error) -> Option<usize> {
    let rusqlite::Error::SqlInputError { sql: prepared, offset, .. } = error else { return None };
    let begin = sql.strip_suffix(prepared.as_str())?.len();
    let offset = begin + usize::try_from(*offset).ok()?;
    sql.is_char_boundary(offset).then_some(offset)
}

/// SQLite's text, without the path that it may end with.
pub(super) fn without_path<'a>(message: &'a str, path: &Path) -> &'a str {
    let path = path.to_string_lossy();
    message.strip_suffix(&*path).and_then(|text| text.strip_suffix(": ")).unwrap_or(message)
}

/// SQLite's primary result code. None if the error is not one of SQLite.
pub(super) fn primary_code(error: &rusqlite::Error) -> Option<i32> {
    error.sqlite_error().map(|failure| primary(failure.extended_code))
}

/// An error of a function of SQL, with a text.
pub(super) fn failure(text: &(impl ToString + ?Sized)) -> rusqlite::Error {
    let error = ffi::Error::new(ffi::SQLITE_ERROR);
    rusqlite::Error::SqliteFailure(error, Some(text.to_string()))
}
