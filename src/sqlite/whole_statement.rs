//! One statement of an open transaction, carried out as a whole or not at all.

use super::Connection;
use super::Error;
use super::connection::MOST_INTERRUPTS;
use super::statement::RunError;

/// Our own savepoint: statements are run one at a time, so one name is enough. SQLite takes the most
/// recent savepoint of a name (<https://sqlite.org/lang_savepoint.html>).
const SAVEPOINT: &str = "SAVEPOINT latchdb_statement";
const RELEASE: &str = "RELEASE latchdb_statement";
const ROLLBACK: &str = "ROLLBACK TO latchdb_statement";

impl Connection {
    /// Runs a statement that writes and has rows. Where `run` fails although SQLite does not, because
    /// its rows cannot be given to anybody, what it wrote is undone, and the transaction goes on.
    ///
    /// Outside of a transaction there is nothing to do here:
    /// [`Commits::only_in_steps`](super::commits::Commits::only_in_steps).
    pub(super) fn whole<E: From<Error>>(
        &self,
        run: impl FnOnce() -> Result<(), RunError<E>>,
    ) -> Result<(), RunError<E>> {
        if self.raw.is_autocommit() {
            return run();
        }
        self.run_own(SAVEPOINT).map_err(|error| RunError::Ours(error.into()))?;
        let result = run();
        // The statement may have ended the transaction (OR ROLLBACK, an interrupt).
        if self.raw.is_autocommit() {
            return result;
        }
        // What a statement leaves that fails in SQLite is the conflict clause's to say (OR FAIL).
        let undone = match result {
            Err(RunError::Ours(_)) => self.insist(ROLLBACK),
            _ => Ok(()),
        };
        if let Err(error) = undone.and_then(|()| self.insist(RELEASE)) {
            // What the statement did cannot be told any more from what the transaction did before.
            if self.roll_back().is_err() {
                self.give_up();
            }
            return result.and(Err(RunError::Ours(error.into())));
        }
        result
    }

    fn insist(&self, sql: &str) -> Result<(), Error> {
        let mut result = Ok(());
        for _ in 0..MOST_INTERRUPTS {
            result = self.run_own(sql);
            if result.is_ok() {
                break;
            }
        }
        result
    }
}
