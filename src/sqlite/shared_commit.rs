//! Several statements that are committed together, as if each of them had been committed alone.
//!
//! Each is a member of one transaction, behind a savepoint. A member stays only where it would have succeeded in
//! autocommit mode, too; what fails is undone, so that it can run again by itself.

use rusqlite::ffi;

use super::{Connection, Error, StatementKind};

const SAVEPOINT: &str = "SAVEPOINT latchdb_member";
const RELEASE: &str = "RELEASE latchdb_member";
const ROLLBACK: &str = "ROLLBACK TO latchdb_member";

/// The most steps of a member's last run: they take about half a millisecond. The others wait for it.
const MOST_STEPS: i32 = 10_000;

impl Connection {
    /// Whether a statement has shown itself short, and has the same effect in a transaction with others: it
    /// changes rows, and does not ask for what a statement before it has left, which may have run twice.
    pub fn may_share_commit(&self, id: u32) -> bool {
        if self.deferred_at.get() == Some(self.commits()) {
            // The setting is for the next transaction alone.
            return false;
        }
        self.statements.get(&id).is_some_and(|info| {
            let kind = &info.kind;
            info.may_run_in_place()
                && kind.changes
                && !kind.changes_schema
                && !kind.asks_connection
                && (1..=MOST_STEPS).contains(&info.steps)
        })
    }

    /// Notes that a statement has run: `PRAGMA defer_foreign_keys` holds until the next commit
    /// (<https://sqlite.org/pragma.html#pragma_defer_foreign_keys>).
    pub(super) fn note_deferring(&self, kind: &StatementKind) {
        if kind.pragma.as_ref().is_some_and(|pragma| pragma.name == "defer_foreign_keys") {
            self.deferred_at.set(Some(self.commits()));
        }
    }

    /// Begins a member of the open transaction.
    ///
    /// # Errors
    /// SQLite's error.
    pub fn begin_member(&self) -> Result<(), Error> {
        let _past = self.past_cancelling();
        self.run_savepoint(SAVEPOINT)
    }

    /// Ends a member that has succeeded. Returns whether it stays. It is undone where its own commit would
    /// have failed, because a deferred foreign key is violated
    /// (<https://sqlite.org/c3ref/c_dbstatus_options.html>, SQLITE_DBSTATUS_DEFERRED_FKS).
    ///
    /// # Errors
    /// SQLite's error. The transaction has to be rolled back.
    pub fn end_member(&self) -> Result<bool, Error> {
        if self.violates_foreign_keys() {
            return self.undo_member().map(|()| false);
        }
        let _past = self.past_cancelling();
        self.run_savepoint(RELEASE).map(|()| true)
    }

    /// Undoes a member.
    ///
    /// # Errors
    /// SQLite's error. The transaction has to be rolled back.
    pub fn undo_member(&self) -> Result<(), Error> {
        let _past = self.past_cancelling();
        self.run_savepoint(ROLLBACK)?;
        self.run_savepoint(RELEASE)
    }

    /// Commits the members. A cancel ends a wait for a lock, and nothing else.
    ///
    /// # Errors
    /// SQLite's error. The transaction has to be rolled back if it is still open.
    pub fn commit_members(&self) -> Result<(), Error> {
        let _past = self.past_cancelling();
        self.run_own("COMMIT")
    }

    /// Says that the last run of a statement was longer than its steps tell.
    pub fn note_long(&mut self, id: u32) {
        if let Some(info) = self.statements.get_mut(&id) {
            info.steps = i32::MAX;
        }
    }

    fn violates_foreign_keys(&self) -> bool {
        let (mut deferred, mut highest) = (0, 0);
        // SAFETY: the connection is open, and only this thread uses it. Both pointers are valid during the call.
        let code = unsafe {
            ffi::sqlite3_db_status(
                self.raw.handle(),
                ffi::SQLITE_DBSTATUS_DEFERRED_FKS,
                &raw mut deferred,
                &raw mut highest,
                0,
            )
        };
        code != ffi::SQLITE_OK || deferred != 0
    }
}
