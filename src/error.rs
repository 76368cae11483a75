//! Everything that can go wrong, as one enum with the codes of the `@libsql/client` contract.

use std::io;
use std::path::Path;

use rusqlite::ffi;

use crate::libsql_schema;
use crate::open_files;

/// Why a job was cancelled. It decides what the caller of that job is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum CancelReason {
    /// The caller's own `AbortSignal`.
    Aborted = 1,
    /// `close()`, `shutdown()` or the end of the JavaScript environment.
    ClientClosed = 2,
    /// `Transaction.close()`.
    TransactionClosed = 3,
}

impl CancelReason {
    /// The reason that stands behind a stored number, if any does.
    pub fn from_u8(value: u8) -> Option<Self> {
        match value {
            1 => Some(Self::Aborted),
            2 => Some(Self::ClientClosed),
            3 => Some(Self::TransactionClosed),
            _ => None,
        }
    }
}

/// An error on its way to JavaScript.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// SQLite's own error: its extended result code and its own text.
    #[error("{message}")]
    Sqlite {
        /// The extended result code (<https://sqlite.org/rescode.html>).
        code: i32,
        /// SQLite's own text.
        message: String,
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
    /// The wait for a lock that a transaction of the same client holds came to its limit.
    #[error(
        "database is locked: a transaction of this client holds the lock and has been idle for {waited_ms} ms; \
         commit or roll it back before writing outside of it"
    )]
    HeldByOwnTransaction {
        /// How long the holder had been idle, in milliseconds.
        waited_ms: u128,
    },
    /// The job was cancelled before it had an effect.
    #[error("{}", cancel_text(*.0))]
    Cancelled(CancelReason),
    /// An operation of a transaction that has ended.
    #[error("The transaction is closed")]
    TransactionClosed,
    /// A statement of a batch whose transaction an earlier statement ended.
    #[error("The transaction has been rolled back")]
    TransactionRolledBack,
    /// A call outside of the transaction that holds the connection.
    #[error("an open transaction holds this connection; commit or roll it back first")]
    TransactionActive,
    /// A write in a transaction or batch of mode "read".
    #[error("attempt to write a readonly database: this transaction is of mode \"read\"")]
    ReadOnlyTransaction,
    /// The SQL text holds no statement.
    #[error("the SQL text holds no statement: it is empty, or nothing but comments")]
    NoStatement,
    /// An integer that `intMode: "number"` cannot represent.
    #[error("Received integer which cannot be safely represented as a JavaScript number")]
    UnsafeInteger,
    /// A row that JavaScript could not hold.
    #[error("string or blob too big: the row's texts are longer than a JavaScript string can be")]
    RowTooLarge,
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
    /// A statement that would have to keep up such an index.
    #[error("{0}")]
    VectorFunction(String),
    /// A request that does not follow the wire format: the two halves are of different versions.
    #[error(
        "malformed request ({0}): the native addon and its JavaScript are of different versions"
    )]
    MalformedRequest(&'static str),
    /// The database file at this path is another one than the client opened.
    #[error("{path} was replaced while this client has the old file open; close() and reconnect()")]
    FileReplaced {
        /// The path.
        path: String,
    },
    /// The environment ends: what is opened now, nobody would close.
    #[error("this thread is about to end: no database can be opened in it any more")]
    EnvironmentEnded,
    /// A defect of ours: a panic while the job ran. The connection it ran on was closed.
    #[error("internal error while running this call: {0}; its connection was closed")]
    Panicked(String),
}

fn cancel_text(reason: CancelReason) -> &'static str {
    match reason {
        CancelReason::Aborted => "The operation was aborted",
        CancelReason::ClientClosed => "The client is closed",
        CancelReason::TransactionClosed => "The transaction is closed",
    }
}

/// Which JavaScript class an error becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ErrorClass {
    /// `LibsqlError` (or `LibsqlBatchError`, where a statement of a batch failed).
    Libsql = 0,
    /// `RangeError`.
    Range = 1,
    /// The reason of the caller's `AbortSignal`.
    Aborted = 2,
}

impl Error {
    /// A database file that the system does not let us look at.
    pub fn cannot_open(path: &Path, cause: &io::Error) -> Self {
        Self::Open {
            code: ffi::SQLITE_CANTOPEN,
            path: path.display().to_string(),
            cause: cause.to_string(),
        }
    }

    /// Which JavaScript class the error becomes.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::UnsafeInteger => ErrorClass::Range,
            Self::Cancelled(CancelReason::Aborted) => ErrorClass::Aborted,
            _ => ErrorClass::Libsql,
        }
    }

    /// SQLite's extended result code, where the error has one.
    pub fn raw_code(&self) -> Option<i32> {
        match self {
            Self::Sqlite { code, .. } | Self::Open { code, .. } => Some(*code),
            Self::HeldByOwnTransaction { .. } | Self::Leased { .. } => Some(ffi::SQLITE_BUSY),
            Self::ReadOnlyTransaction => Some(ffi::SQLITE_READONLY),
            Self::NoStatement => Some(ffi::SQLITE_MISUSE),
            Self::RowTooLarge => Some(ffi::SQLITE_TOOBIG),
            Self::FileReplaced { .. } => Some(ffi::SQLITE_READONLY_DBMOVED),
            _ => None,
        }
    }

    /// The `code` property: the base code of SQLite's errors, our own code else.
    pub fn code(&self) -> String {
        match self.raw_code() {
            Some(raw) => base_name(raw),
            None => match self {
                Self::Cancelled(CancelReason::ClientClosed) => "CLIENT_CLOSED",
                Self::Cancelled(CancelReason::TransactionClosed)
                | Self::TransactionClosed
                | Self::TransactionRolledBack => "TRANSACTION_CLOSED",
                Self::TransactionActive => "TRANSACTION_ACTIVE",
                Self::Cancelled(CancelReason::Aborted) => "ABORTED",
                Self::UnsafeInteger => "RANGE",
                Self::VectorIndex { .. } | Self::VectorFunction(_) => "VECTOR_INDEX_NOT_SUPPORTED",
                Self::EnvironmentEnded => "ENVIRONMENT_ENDED",
                _ => "INTERNAL_ERROR",
            }
            .to_owned(),
        }
    }

    /// The `extendedCode` property, where the error is SQLite's.
    pub fn extended_code(&self) -> Option<String> {
        self.raw_code().map(extended_name)
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        match error {
            rusqlite::Error::SqliteFailure(failure, message) => {
                let code = failure.extended_code;
                let message = message.unwrap_or_else(|| ffi::code_to_str(code).into());
                explained(code, message)
            }
            rusqlite::Error::SqlInputError { error, msg, .. } => {
                let code = error.extended_code;
                explained(code, msg)
            }
            other => Self::Sqlite { code: ffi::SQLITE_ERROR, message: other.to_string() },
        }
    }
}

fn explained(code: i32, message: String) -> Error {
    match libsql_schema::explain(code, &message) {
        Some(text) if code & 0xff == ffi::SQLITE_ERROR => Error::VectorFunction(text),
        Some(message) => Error::Sqlite { code, message },
        None => Error::Sqlite { code, message: with_refusal(code, message) },
    }
}

/// SQLite says only "unable to open database file".
fn with_refusal(code: i32, message: String) -> String {
    if code & 0xff != ffi::SQLITE_CANTOPEN {
        return message;
    }
    match open_files::take_refusal() {
        Some((path, refusal)) => format!("{message}: {}: {refusal}", path.display()),
        None => message,
    }
}

/// The name of a result code's lowest byte, for example `SQLITE_CONSTRAINT` for 2067.
fn base_name(raw: i32) -> String {
    let base = raw & 0xff;
    match usize::try_from(base).ok().and_then(|index| BASE_NAMES.get(index)) {
        Some(name) => format!("SQLITE_{name}"),
        None => format!("SQLITE_UNKNOWN_{base}"),
    }
}

/// The name of an extended result code, for example `SQLITE_CONSTRAINT_UNIQUE` for 2067.
fn extended_name(raw: i32) -> String {
    match EXTENDED_NAMES.binary_search_by_key(&raw, |(code, _)| *code) {
        Ok(index) => format!("SQLITE_{}", EXTENDED_NAMES[index].1),
        Err(_) => base_name(raw),
    }
}

/// <https://sqlite.org/rescode.html>, the primary codes in the order of their numbers.
const BASE_NAMES: [&str; 29] = [
    "OK",
    "ERROR",
    "INTERNAL",
    "PERM",
    "ABORT",
    "BUSY",
    "LOCKED",
    "NOMEM",
    "READONLY",
    "INTERRUPT",
    "IOERR",
    "CORRUPT",
    "NOTFOUND",
    "FULL",
    "CANTOPEN",
    "PROTOCOL",
    "EMPTY",
    "SCHEMA",
    "TOOBIG",
    "CONSTRAINT",
    "MISMATCH",
    "MISUSE",
    "NOLFS",
    "AUTH",
    "FORMAT",
    "RANGE",
    "NOTADB",
    "NOTICE",
    "WARNING",
];

/// <https://sqlite.org/rescode.html>, the extended codes, sorted by number.
const EXTENDED_NAMES: [(i32, &str); 74] = [
    (257, "ERROR_MISSING_COLLSEQ"),
    (261, "BUSY_RECOVERY"),
    (262, "LOCKED_SHAREDCACHE"),
    (264, "READONLY_RECOVERY"),
    (266, "IOERR_READ"),
    (267, "CORRUPT_VTAB"),
    (270, "CANTOPEN_NOTEMPDIR"),
    (275, "CONSTRAINT_CHECK"),
    (279, "AUTH_USER"),
    (283, "NOTICE_RECOVER_WAL"),
    (284, "WARNING_AUTOINDEX"),
    (513, "ERROR_RETRY"),
    (516, "ABORT_ROLLBACK"),
    (517, "BUSY_SNAPSHOT"),
    (518, "LOCKED_VTAB"),
    (520, "READONLY_CANTLOCK"),
    (522, "IOERR_SHORT_READ"),
    (523, "CORRUPT_SEQUENCE"),
    (526, "CANTOPEN_ISDIR"),
    (531, "CONSTRAINT_COMMITHOOK"),
    (539, "NOTICE_RECOVER_ROLLBACK"),
    (769, "ERROR_SNAPSHOT"),
    (773, "BUSY_TIMEOUT"),
    (776, "READONLY_ROLLBACK"),
    (778, "IOERR_WRITE"),
    (779, "CORRUPT_INDEX"),
    (782, "CANTOPEN_FULLPATH"),
    (787, "CONSTRAINT_FOREIGNKEY"),
    (1032, "READONLY_DBMOVED"),
    (1034, "IOERR_FSYNC"),
    (1038, "CANTOPEN_CONVPATH"),
    (1043, "CONSTRAINT_FUNCTION"),
    (1288, "READONLY_CANTINIT"),
    (1290, "IOERR_DIR_FSYNC"),
    (1294, "CANTOPEN_DIRTYWAL"),
    (1299, "CONSTRAINT_NOTNULL"),
    (1544, "READONLY_DIRECTORY"),
    (1546, "IOERR_TRUNCATE"),
    (1550, "CANTOPEN_SYMLINK"),
    (1555, "CONSTRAINT_PRIMARYKEY"),
    (1802, "IOERR_FSTAT"),
    (1811, "CONSTRAINT_TRIGGER"),
    (2058, "IOERR_UNLOCK"),
    (2067, "CONSTRAINT_UNIQUE"),
    (2314, "IOERR_RDLOCK"),
    (2323, "CONSTRAINT_VTAB"),
    (2570, "IOERR_DELETE"),
    (2579, "CONSTRAINT_ROWID"),
    (2826, "IOERR_BLOCKED"),
    (2835, "CONSTRAINT_PINNED"),
    (3082, "IOERR_NOMEM"),
    (3091, "CONSTRAINT_DATATYPE"),
    (3338, "IOERR_ACCESS"),
    (3594, "IOERR_CHECKRESERVEDLOCK"),
    (3850, "IOERR_LOCK"),
    (4106, "IOERR_CLOSE"),
    (4362, "IOERR_DIR_CLOSE"),
    (4618, "IOERR_SHMOPEN"),
    (4874, "IOERR_SHMSIZE"),
    (5130, "IOERR_SHMLOCK"),
    (5386, "IOERR_SHMMAP"),
    (5642, "IOERR_SEEK"),
    (5898, "IOERR_DELETE_NOENT"),
    (6154, "IOERR_MMAP"),
    (6410, "IOERR_GETTEMPPATH"),
    (6666, "IOERR_CONVPATH"),
    (6922, "IOERR_VNODE"),
    (7178, "IOERR_AUTH"),
    (7434, "IOERR_BEGIN_ATOMIC"),
    (7690, "IOERR_COMMIT_ATOMIC"),
    (7946, "IOERR_ROLLBACK_ATOMIC"),
    (8202, "IOERR_DATA"),
    (8458, "IOERR_CORRUPTFS"),
    (8714, "IOERR_IN_PAGE"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extended_codes_have_both_names() {
        let error = Error::Sqlite { code: 2067, message: "UNIQUE constraint failed: t.a".into() };
        assert_eq!(error.code(), "SQLITE_CONSTRAINT");
        assert_eq!(error.extended_code().as_deref(), Some("SQLITE_CONSTRAINT_UNIQUE"));
        assert_eq!(error.raw_code(), Some(2067));
    }

    #[test]
    fn a_code_without_a_name_of_its_own_falls_back_to_its_base() {
        assert_eq!(extended_name(19 | (99 << 8)), "SQLITE_CONSTRAINT");
        assert_eq!(base_name(77), "SQLITE_UNKNOWN_77");
    }

    #[test]
    fn the_table_is_sorted_for_its_binary_search() {
        assert!(EXTENDED_NAMES.is_sorted_by_key(|(code, _)| *code));
    }

    #[test]
    fn closed_is_told_apart_from_aborted_and_from_a_closed_transaction() {
        assert_eq!(Error::Cancelled(CancelReason::ClientClosed).code(), "CLIENT_CLOSED");
        assert_eq!(Error::Cancelled(CancelReason::TransactionClosed).code(), "TRANSACTION_CLOSED");
        assert_eq!(Error::Cancelled(CancelReason::Aborted).class(), ErrorClass::Aborted);
    }
}
