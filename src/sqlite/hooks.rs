//! How a connection reaches its user.

use std::time::Instant;

use super::classify::StatementKind;
use crate::jobs::cancel::CancelReason;

/// The functions by which a connection reaches its user. SQLite calls some of them in the middle of a
/// statement, so no hook may use the connection.
pub trait Hooks: Send + Sync + 'static {
    /// The reason for which the running job was cancelled. None if it was not. Called often.
    fn cancelled(&self) -> Option<CancelReason>;
    /// Waits before SQLite tries again to get a lock. Returns false to make SQLite give up.
    fn wait_for_lock(&self, wait: LockWait) -> bool;
    /// Called when the connection has read its file for the first time. The recovery that the first
    /// reader of a file does is then done.
    fn has_read(&self) {}
    /// Sets `PRAGMA busy_timeout` if a value is given. Returns the current value, in milliseconds.
    fn busy_timeout(&self, _set: Option<&str>) -> i64 {
        0
    }
    /// Called when a statement has run, by the kind of which other connections may have to change.
    /// `was_autocommit` says whether the statement was prepared outside of a transaction: SQLite runs many
    /// PRAGMAs when it prepares them.
    fn ran(&self, _kind: &StatementKind, _was_autocommit: bool) {}
}

/// One call of SQLite's busy handler (<https://sqlite.org/c3ref/busy_handler.html>).
#[derive(Clone, Copy, Debug)]
pub struct LockWait {
    /// What the connection needs the lock for.
    pub wanted: Wanted,
    /// The number of earlier calls for this lock.
    pub tries: usize,
    /// The time of the first call for this lock.
    pub began: Instant,
}

/// What a connection needs a lock for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// To read, or to begin writing. A writer holds the lock.
    Begin,
    /// To commit. The connection holds the write lock, and readers block the commit. Also to use a table
    /// of a shared cache, which readers block, too.
    Commit,
    /// To have the file alone, for a change of the journal mode, a VACUUM or a checkpoint. Readers are in
    /// the way.
    Exclusive,
}
