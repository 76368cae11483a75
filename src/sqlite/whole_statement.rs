//! Runs one statement of an open transaction completely or not at all.

use super::Connection;
use super::Error;
use super::connection::MOST_INTERRUPTS;
use super::preparing::RunError;

/// Opens our own savepoint. One name is enough, because statements run one at a time, and SQLite uses the
/// most recent savepoint of a name (<https://sqlite.org/lang_savepoint.html>).
const SAVEPOINT: &str = "SAVEPOINT latchdb_statement";
const RELEASE: &str = "RELEASE latchdb_statement";
const ROLLBACK: &str = "ROLLBACK TO latchdb_statement";

impl Connection {
    /// Runs a statement that writes and returns rows. If a row cannot be returned although SQLite has not
    /// failed, the changes of the statement are undone, and the transaction stays open.
    ///
    /// Outside of a transaction, [`Commits::only_in_steps`](super::commits::Commits::only_in_steps) has
    /// this effect.
    pub(super) fn whole<E: From<Error>>(
        &self,
        run: impl FnOnce() -> Result<(), RunError<E>>,
    ) -> Result<(), RunError<E>> {
        if self.raw.is_autocommit() {
            return run();
        }
        self.run_savepoint(SAVEPOINT).map_err(|error| RunError::Ours(error.into()))?;
        let result = run();
        // The statement may have ended the transaction (OR ROLLBACK, an interrupt).
        if self.raw.is_autocommit() {
            return result;
        }
        // If the statement fails in SQLite, its conflict clause decides which changes stay (OR FAIL).
        let undone = match result {
            Err(RunError::Ours(_)) => self.insist(ROLLBACK),
            _ => Ok(()),
        };
        if let Err(error) = undone.and_then(|()| self.insist(RELEASE)) {
            // The changes of the statement cannot be undone alone, so the whole transaction is rolled back.
            if self.roll_back().is_err() {
                self.give_up();
            }
            return result.and(Err(RunError::Ours(error.into())));
        }
        result
    }

    /// Runs a statement of our own, and runs it again if it fails, because late cancels may interrupt it.
    fn insist(&self, sql: &str) -> Result<(), Error> {
        let mut result = Ok(());
        for _ in 0..MOST_INTERRUPTS {
            result = self.run_savepoint(sql);
            if result.is_ok() {
                break;
            }
        }
        result
    }
}
