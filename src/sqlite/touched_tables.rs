//! Which tables a statement reads or writes, while somebody wants to know.

use rusqlite::hooks::{AuthAction, AuthContext};

use crate::sync::{Mutex, MutexGuard, lock};

/// A table, by the name of its database and its own. Of `count(*)` SQLite does not say the database.
pub type TableName = (Option<String>, String);

/// The tables that a statement reads or writes, while somebody wants to know.
#[derive(Debug, Default)]
pub struct TouchedTables(Mutex<Option<Vec<TableName>>>);

impl TouchedTables {
    /// What the authorizer is asked while a statement is prepared.
    pub fn note(&self, context: &AuthContext<'_>) {
        let mut wanted = self.lock();
        let Some(tables) = &mut *wanted else { return };
        let table = match context.action {
            AuthAction::Read { table_name, .. }
            | AuthAction::Insert { table_name }
            | AuthAction::Update { table_name, .. }
            | AuthAction::Delete { table_name } => table_name,
            // Whether it is dropped is asked before its rows are.
            AuthAction::DropTable { .. } => {
                *wanted = None;
                return;
            }
            _ => return,
        };
        tables.push((context.database_name.map(ToOwned::to_owned), table.to_owned()));
    }

    /// Wants to know of the next statement.
    pub fn begin(&self) {
        *self.lock() = Some(Vec::new());
    }

    /// What was heard since.
    pub fn end(&self) -> Vec<TableName> {
        self.lock().take().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<TableName>>> {
        lock(&self.0)
    }
}
