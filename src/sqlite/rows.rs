//! What runs of statements tell their caller: that they are prepared, their rows, and their end.

use std::time::Duration;

use super::Error;
use super::columns::Column;
use crate::value::Value;

/// A prepared statement that is about to run: the facts that decide whether it may.
#[derive(Clone, Copy, Debug)]
pub struct Prepared {
    /// Whether the statement changes neither the database file nor an attached one.
    pub read_only: bool,
    /// Whether the statement writes and its transaction has read already, but has not written.
    pub has_snapshot: bool,
    /// Whether the statement begins a transaction.
    pub begins: bool,
    /// Whether a transaction is open.
    pub in_transaction: bool,
    /// Whether the statement only reads, and answers the same on another connection to the file.
    pub may_run_aside: bool,
    /// Whether the statement may not need the write lock, although `sqlite3_stmt_readonly` is false for it:
    /// what it creates is there, or it is a PRAGMA that changes nothing.
    pub may_not_write: bool,
}

/// How a statement runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunOptions {
    /// Whether the arguments have to be those of the parameters.
    pub strict: bool,
    /// Whether integers become JavaScript numbers. An unsafe integer is then an error.
    pub numbers: bool,
    /// Whether the tables of the columns are wanted.
    pub tables: bool,
    /// How long it may run, or each part of a cursor. None for any time.
    pub time_limit: Option<Duration>,
}

/// The result of a statement besides its rows.
#[derive(Clone, Copy, Debug)]
pub struct StatementEnd {
    /// The shape of the rows. None if the statement has no columns.
    pub shape: Option<u32>,
    /// The number of rows changed by INSERT, UPDATE or DELETE.
    pub rows_affected: u64,
    /// The rowid of the last inserted row. None if no row was inserted.
    pub last_insert_rowid: Option<i64>,
}

/// How far a statement has run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// To its end.
    Ended,
    /// Behind a row, where it goes on later.
    Paused,
}

/// A row of a statement.
pub enum Row<'a> {
    /// A row of SQLite.
    Stepped(&'a rusqlite::Row<'a>),
    /// A row of our own, with one integer.
    Integer(i64),
    /// A row of our own, with one text.
    Text(&'a str),
}

impl Row<'_> {
    /// The value of a column, by its index from 0.
    pub fn value(&self, column: usize) -> Result<Value<'_>, Error> {
        Ok(match self {
            Self::Stepped(row) => row.get_ref(column)?.into(),
            Self::Integer(integer) => Value::Integer(*integer),
            Self::Text(text) => Value::Text(text.as_bytes()),
        })
    }
}

/// The receiver of a statement's rows.
pub trait RowSink {
    /// The error type of the receiver.
    type Error: From<Error>;
    /// Decides whether the statement may run. Called once the statement is prepared, before it has any
    /// effect.
    fn allow(&mut self, prepared: Prepared) -> Result<(), Self::Error>;
    /// Says that the statement has begun to read: later writes do not change what it sees. Called on
    /// connections that hold their snapshots ([`Connection::hold_snapshots`]).
    fn begun(&mut self) {}
    /// Announces the columns of the rows. Returns a number for this shape, which the rows refer to.
    fn shape(&mut self, columns: &[Column]) -> u32;
    /// Announces the tables of a shape's columns, if they are wanted. Empty for an expression.
    fn tables(&mut self, _shape: u32, _tables: &[String]) {}
    /// How the statement runs.
    fn options(&self) -> RunOptions {
        RunOptions::default()
    }
    /// Says that a shape will not be used again.
    fn forget_shape(&mut self, shape: u32);
    /// Hands on a row of this shape. `columns` is the number of its columns.
    fn row(&mut self, shape: u32, row: &Row<'_>, columns: usize) -> Result<(), Self::Error>;
    /// Whether the statement pauses behind the last row, to go on later. Only a cursor does.
    fn pauses(&self) -> bool {
        false
    }
    /// Whether it takes further rows. Of a statement that only reads, none is computed then.
    fn wants_more(&self) -> bool {
        true
    }
    /// Says that there are no more rows.
    fn end_rows(&mut self);
    /// Hands on the result of the statement.
    fn end(&mut self, end: StatementEnd);
    /// Whether the caller rolls back the whole transaction if a row cannot be handed on. Otherwise the
    /// connection undoes the changes of the statement alone.
    fn rolls_back(&self) -> bool;
}
