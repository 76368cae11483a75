//! The errors of a client's calls, with the codes of the `@libsql/client` contract.

use std::path::Path;

use crate::jobs::cancel::CancelReason;
use crate::sqlite::{self, codes};
use crate::wire::kinds::ErrorKind;
use crate::wire::records::{ErrorRecord, RowError};
use crate::wire::request::Malformed;

/// An error of a call.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An error of the engine.
    #[error(transparent)]
    Sqlite(sqlite::Error),
    /// A transaction of the same client held the lock, and was idle for longer than the timeout.
    #[error(
        "database is locked: a transaction of this client holds the lock and has been idle for {waited_ms} ms; \
         commit or roll it back before writing outside of it"
    )]
    HeldByOwnTransaction {
        /// The time for which the transaction had been idle, in milliseconds.
        waited_ms: u128,
    },
    /// A transaction of another client held the lock, and was idle for longer than the timeout.
    #[error(
        "database is locked: a transaction of another client of this process holds the lock; commit or roll \
         it back first, or set a longer timeout"
    )]
    HeldByOtherClient,
    /// The job was cancelled before it had an effect.
    #[error("{}", cancel_text(*.0))]
    Cancelled(CancelReason),
    /// A call of a transaction that has ended.
    #[error("The transaction is closed")]
    TransactionClosed,
    /// A statement of a batch, after an earlier statement had ended the batch's transaction.
    #[error("The transaction has been rolled back")]
    TransactionRolledBack,
    /// A call that does not belong to the open transaction of its lane.
    #[error("an open transaction holds this connection; commit or roll it back first")]
    TransactionActive,
    /// A write in a transaction or batch of mode "read".
    #[error("attempt to write a readonly database: this transaction is of mode \"read\"")]
    ReadOnlyTransaction,
    /// A write of a statement that may only read.
    #[error("attempt to write a readonly database: the statement has the option readOnly")]
    ReadOnlyStatement,
    /// An integer that `intMode: "number"` cannot represent.
    #[error("Received integer which cannot be safely represented as a JavaScript number")]
    UnsafeInteger,
    /// A row whose texts are longer than a JavaScript string, or whose cells are longer than a buffer.
    #[error("string or blob too big: the row's texts are longer than a JavaScript string can be")]
    RowTooLarge,
    /// A request that does not follow the wire format, because the addon and its JavaScript are of
    /// different versions.
    #[error(
        "malformed request ({0}): the native addon and its JavaScript are of different versions"
    )]
    MalformedRequest(&'static str),
    /// The path of the database names another file than the one that the client opened.
    #[error("{path} was replaced while this client has the old file open; call reconnect()")]
    FileReplaced {
        /// The path of the database.
        path: String,
    },
    /// The environment is ending. A database that was opened now would not be closed any more.
    #[error("this thread is ending: it cannot open a database any more")]
    EnvironmentEnded,
    /// The call has had no effect, and is handed on to another lane. No caller sees this error.
    #[error("the call runs on another lane")]
    RunsElsewhere,
    /// The statement does not only read rows, so that there can be no cursor for it. It has had no effect. JavaScript
    /// runs it by itself; no caller sees this error.
    #[error("the statement cannot have a cursor")]
    NoCursor,
    /// The cursor of a call is not open any more.
    #[error(
        "The statement of this iterator is not open any more: its connection was closed. Run it again."
    )]
    CursorClosed,
    /// The job panicked, which is a defect of latchdb. The connection of the job was closed.
    #[error("internal error while running this call: {0}; its connection was closed")]
    Panicked(String),
}

fn cancel_text(reason: CancelReason) -> &'static str {
    match reason {
        CancelReason::Aborted => "The operation was aborted",
        CancelReason::ClientClosed | CancelReason::EnvironmentClosing => "The client is closed",
        CancelReason::TransactionClosed => "The transaction is closed",
    }
}

impl Error {
    /// The error for a database file that the system does not let us examine.
    pub fn cannot_open(path: &Path, cause: &std::io::Error) -> Self {
        Self::Sqlite(sqlite::Error::Open {
            code: codes::SQLITE_CANTOPEN,
            path: path.display().to_string(),
            cause: cause.to_string(),
        })
    }

    /// Whether the file could not be opened because another process holds a lease on it.
    pub fn is_leased(&self) -> bool {
        matches!(self, Self::Sqlite(sqlite::Error::Leased { .. }))
    }

    /// Whether a lock that somebody else holds is the reason.
    pub fn is_busy(&self) -> bool {
        let code = self.raw_code().map(codes::primary);
        matches!(code, Some(codes::SQLITE_BUSY | codes::SQLITE_LOCKED))
    }

    fn class(&self) -> ErrorKind {
        match self {
            Self::UnsafeInteger => ErrorKind::Range,
            Self::Cancelled(CancelReason::Aborted) => ErrorKind::Aborted,
            _ => ErrorKind::Libsql,
        }
    }

    /// Where the token that SQLite's error is about begins in the text of the call, in bytes.
    pub fn offset(&self) -> Option<usize> {
        match self {
            Self::Sqlite(error) => error.offset(),
            _ => None,
        }
    }

    /// Whether it says something of a statement: not of the call, or of values that JavaScript cannot hold.
    pub fn is_of_statement(&self) -> bool {
        matches!(self, Self::Sqlite(_)) || self.raw_code().is_some()
    }

    /// SQLite's extended result code, if the error has one.
    fn raw_code(&self) -> Option<i32> {
        match self {
            Self::Sqlite(error) => error.code(),
            Self::HeldByOwnTransaction { .. } | Self::HeldByOtherClient => Some(codes::SQLITE_BUSY),
            Self::ReadOnlyTransaction | Self::ReadOnlyStatement => Some(codes::SQLITE_READONLY),
            Self::RowTooLarge => Some(codes::SQLITE_TOOBIG),
            Self::FileReplaced { .. } => Some(codes::SQLITE_READONLY_DBMOVED),
            _ => None,
        }
    }

    /// The `code` property: the name of SQLite's primary result code if the error has one, otherwise a
    /// code of our own.
    pub fn code(&self) -> String {
        if let Some(raw) = self.raw_code() {
            return codes::base_name(raw);
        }
        match self {
            Self::Cancelled(CancelReason::ClientClosed | CancelReason::EnvironmentClosing) => {
                "CLIENT_CLOSED"
            }
            Self::Cancelled(CancelReason::TransactionClosed)
            | Self::TransactionClosed
            | Self::TransactionRolledBack => "TRANSACTION_CLOSED",
            Self::TransactionActive => "TRANSACTION_ACTIVE",
            Self::Cancelled(CancelReason::Aborted) => "ABORTED",
            Self::UnsafeInteger => "RANGE",
            Self::Sqlite(sqlite::Error::RandomRowid { .. }) => "RANDOM_ROWID_NOT_SUPPORTED",
            Self::Sqlite(sqlite::Error::Arguments(_)) => "ARGUMENT_MISMATCH",
            Self::Sqlite(_) => "VECTOR_INDEX_NOT_SUPPORTED",
            Self::EnvironmentEnded => "ENVIRONMENT_ENDED",
            Self::NoCursor => "NO_CURSOR",
            Self::CursorClosed => "CURSOR_CLOSED",
            _ => "INTERNAL_ERROR",
        }
        .to_owned()
    }

    /// The error as an error record of the wire.
    pub fn record(&self) -> ErrorRecord<'_> {
        ErrorRecord {
            class: self.class(),
            code: self.code(),
            extended_code: self.raw_code().map(codes::extended_name),
            raw_code: self.raw_code(),
            text: self,
            place: None,
        }
    }
}

impl From<sqlite::Error> for Error {
    fn from(error: sqlite::Error) -> Self {
        match error {
            sqlite::Error::Cancelled(reason) => Self::Cancelled(reason),
            other => Self::Sqlite(other),
        }
    }
}

impl From<CancelReason> for Error {
    fn from(reason: CancelReason) -> Self {
        Self::Cancelled(reason)
    }
}

impl From<Malformed> for Error {
    fn from(Malformed(what): Malformed) -> Self {
        Self::MalformedRequest(what)
    }
}

impl From<RowError> for Error {
    fn from(error: RowError) -> Self {
        match error {
            RowError::UnsafeInteger => Self::UnsafeInteger,
            RowError::TooLarge => Self::RowTooLarge,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_engine_has_both_codes() {
        let message = "UNIQUE constraint failed: t.a".into();
        let error = Error::Sqlite(sqlite::Error::Sqlite { code: 2067, message });
        let record = error.record();
        assert_eq!(record.code, "SQLITE_CONSTRAINT");
        assert_eq!(record.extended_code.as_deref(), Some("SQLITE_CONSTRAINT_UNIQUE"));
        assert_eq!(record.raw_code, Some(2067));
        assert_eq!(record.text.to_string(), "UNIQUE constraint failed: t.a");
    }

    #[test]
    fn a_schema_that_only_libsql_knows_has_a_code_of_its_own() {
        let (table, index) = ("t".to_owned(), "i".to_owned());
        let index = Error::from(sqlite::Error::VectorIndex { table, index });
        let function = sqlite::Error::LibsqlSchema { code: 1, message: String::new() };
        assert_eq!(index.code(), "VECTOR_INDEX_NOT_SUPPORTED");
        assert_eq!(Error::from(function).code(), "VECTOR_INDEX_NOT_SUPPORTED");
        let corrupt = sqlite::Error::LibsqlSchema { code: 11, message: String::new() };
        assert_eq!(Error::from(corrupt).code(), "SQLITE_CORRUPT");
    }

    #[test]
    fn closed_is_told_apart_from_aborted_and_from_a_closed_transaction() {
        assert_eq!(Error::Cancelled(CancelReason::ClientClosed).code(), "CLIENT_CLOSED");
        assert_eq!(Error::Cancelled(CancelReason::TransactionClosed).code(), "TRANSACTION_CLOSED");
        assert_eq!(Error::Cancelled(CancelReason::Aborted).class(), ErrorKind::Aborted);
    }
}
