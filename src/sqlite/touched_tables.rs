//! Records the tables that a statement reads or writes.

use rusqlite::hooks::{AuthAction, AuthContext};

use crate::sync::{Mutex, MutexGuard, lock};

/// A table: the name of its database and its own name. SQLite does not name the database of a `count(*)`.
pub type TableName = (Option<String>, String);

/// The tables that a statement reads or writes. None while nothing is to be recorded.
#[derive(Debug, Default)]
pub struct TouchedTables(Mutex<Option<Vec<TableName>>>);

impl TouchedTables {
    /// Records a question of the authorizer, between [`TouchedTables::begin`] and [`TouchedTables::end`].
    pub fn note(&self, context: &AuthContext<'_>) {
        let mut wanted = self.lock();
        let Some(tables) = &mut *wanted else { return };
        let table = match context.action {
            AuthAction::Read { table_name, .. }
            | AuthAction::Insert { table_name }
            | AuthAction::Update { table_name, .. }
            | AuthAction::Delete { table_name } => table_name,
            // SQLite asks about DROP TABLE before it asks about the table's rows. A statement that drops a
            // table records no tables.
            AuthAction::DropTable { .. } => {
                *wanted = None;
                return;
            }
            _ => return,
        };
        tables.push((context.database_name.map(ToOwned::to_owned), table.to_owned()));
    }

    /// Begins to record.
    pub fn begin(&self) {
        *self.lock() = Some(Vec::new());
    }

    /// Ends the recording. Returns the tables.
    pub fn end(&self) -> Vec<TableName> {
        self.lock().take().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<TableName>>> {
        lock(&self.0)
    }
}
