//! What the engine says when something goes wrong.

use std::path::PathBuf;

use rusqlite::ffi;

use super::codes::{self, primary};
use super::libsql_schema;
use crate::files::{self, Refusal};
use crate::jobs::cancel::CancelReason;

/// An error of the engine, or of our handling of it.
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
    /// SQLite could not open a file that we did not let it open.
    #[error("{message}: {}: {refusal}", path.display())]
    Refused {
        /// The extended result code.
        code: i32,
        /// SQLite's own text.
        message: String,
        /// The file.
        path: PathBuf,
        /// Why not.
        refusal: Refusal,
    },
    /// The database file could not be opened.
    #[error("cannot open the database file {path}: {cause}")]
    Open {
        /// SQLite's extended result code.
        code: i32,
        /// The file that was to be opened.
        path: String,
        /// What is wrong with it, and what to do.
        cause: String,
    },
    /// Another process holds a lease on the database file, as a swap does for a moment.
    #[error(
        "cannot open the database file {path}: another process holds a lease on it (fcntl F_SETLEASE), and has not given it up in time; try again"
    )]
    #[cfg_attr(not(unix), expect(dead_code, reason = "there are no leases elsewhere"))]
    Leased {
        /// The file.
        path: String,
    },
    /// The SQL text holds no statement.
    #[error("the SQL text holds no statement: it is empty, or nothing but comments")]
    NoStatement,
    /// A table whose vector index libSQL has made: SQLite would answer wrongly.
    #[error(
        "the table {table} has a vector index of libSQL's, {index}, by which this SQLite would find no rows: \
         it is neither read nor written; use libSQL for it, or DROP INDEX {index}"
    )]
    VectorIndex {
        /// The table.
        table: String,
        /// The index.
        index: String,
    },
    /// SQLite's error for a schema that only libSQL knows, in words that say what to do.
    #[error("{message}")]
    LibsqlSchema {
        /// SQLite's extended result code.
        code: i32,
        /// The text.
        message: String,
    },
    /// The job was cancelled.
    #[error("the job was cancelled")]
    Cancelled(CancelReason),
}

impl Error {
    /// SQLite's extended result code, where the error has one.
    pub fn code(&self) -> Option<i32> {
        match self {
            Self::Sqlite { code, .. } | Self::Refused { code, .. } | Self::Open { code, .. } => {
                Some(*code)
            }
            // What SQLite calls an error of the SQL is none: our own code says what it is.
            Self::LibsqlSchema { code, .. } => {
                (primary(*code) != codes::SQLITE_ERROR).then_some(*code)
            }
            Self::Leased { .. } => Some(codes::SQLITE_BUSY),
            Self::NoStatement => Some(codes::SQLITE_MISUSE),
            Self::VectorIndex { .. } | Self::Cancelled(_) => None,
        }
    }

    /// Whether another connection has a lock that was wanted.
    pub fn is_busy(&self) -> bool {
        let code = self.code().map(primary);
        matches!(code, Some(codes::SQLITE_BUSY | codes::SQLITE_LOCKED))
    }

    /// A transaction that is not there to be committed.
    pub fn nothing_to_commit() -> Self {
        Self::Sqlite {
            code: codes::SQLITE_ERROR,
            message: "cannot commit - no transaction is active".into(),
        }
    }

    /// Another connection has the lock.
    pub fn busy() -> Self {
        Self::Sqlite { code: codes::SQLITE_BUSY, message: "database is locked".into() }
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
        if let Some(message) = libsql_schema::explain(code, &message) {
            return Self::LibsqlSchema { code, message };
        }
        // SQLite says only "unable to open database file".
        if primary(code) == codes::SQLITE_CANTOPEN
            && let Some((path, refusal)) = files::take_refusal()
        {
            return Self::Refused { code, message, path, refusal };
        }
        Self::Sqlite { code, message }
    }
}

/// SQLite's primary result code, where the error is SQLite's.
pub(super) fn primary_code(error: &rusqlite::Error) -> Option<i32> {
    error.sqlite_error().map(|failure| primary(failure.extended_code))
}
