//! One statement of an open transaction, carried out as a whole or not at all.

use super::Connection;
use super::statement::RowError;
use crate::error::Error;

/// Our own savepoint: statements are run one at a time, so one name is enough. SQLite takes the most
/// recent savepoint of a name (<https://sqlite.org/lang_savepoint.html>).
const SAVEPOINT: &str = "SAVEPOINT latchdb_statement";
const RELEASE: &str = "RELEASE latchdb_statement";
const ROLLBACK: &str = "ROLLBACK TO latchdb_statement";

/// A late cancel interrupts a statement at most once, and a closing once more.
const TRIES: u32 = 3;

impl Connection {
    /// Runs a statement that writes and has rows. Where `run` fails although SQLite does not, because
    /// its rows cannot be given to anybody, what it wrote is undone, and the transaction goes on.
    ///
    /// Outside of a transaction there is nothing to do here:
    /// [`Commits::only_in_steps`](super::commits::Commits::only_in_steps).
    pub(super) fn whole(&self, run: impl FnOnce() -> Result<(), RowError>) -> Result<(), RowError> {
        if self.raw.is_autocommit() {
            return run();
        }
        self.run_own(SAVEPOINT).map_err(RowError::Ours)?;
        let result = run();
        // The statement may have ended the transaction (OR ROLLBACK, an interrupt).
        if self.raw.is_autocommit() {
            return result;
        }
        // What a statement leaves that fails in SQLite is the conflict clause's to say (OR FAIL).
        let undone = match result {
            Err(RowError::Ours(_)) => self.insist(ROLLBACK),
            _ => Ok(()),
        };
        if let Err(error) = undone.and_then(|()| self.insist(RELEASE)) {
            // What the statement did cannot be told any more from what the transaction did before.
            if self.roll_back().is_err() {
                self.give_up();
            }
            return result.and(Err(RowError::Ours(error)));
        }
        result
    }

    fn insist(&self, sql: &str) -> Result<(), Error> {
        let mut result = Ok(());
        for _ in 0..TRIES {
            result = self.run_own(sql);
            if result.is_ok() {
                break;
            }
        }
        result
    }
}
