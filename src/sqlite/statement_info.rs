//! The facts about a statement that are kept from one run to the next.

use rusqlite::{Connection, Statement, StatementStatus};

use super::classify::StatementKind;
use super::columns::{Column, columns_of};

/// The facts about a prepared statement.
#[derive(Debug)]
pub struct StatementInfo {
    /// The kind of the statement.
    pub kind: StatementKind,
    /// The names of the parameters, in their order. None for a parameter without a name.
    pub parameters: Vec<Option<String>>,
    /// The columns of the rows.
    pub columns: Vec<Column>,
    /// The sink's number for these columns. None until they are announced.
    pub shape: Option<u32>,
    /// SQLite's count of repeated preparations (SQLITE_STMTSTATUS_REPREPARE) when the columns were read.
    pub reprepared: i32,
}

impl StatementInfo {
    /// The facts about a statement that SQLite has just prepared. `kind` is the authorizer's record of it.
    pub fn of(connection: &Connection, statement: &Statement<'_>, kind: StatementKind) -> Self {
        Self {
            kind,
            // The names of parameters are part of the SQL text, which is UTF-8.
            parameters: (1..=statement.parameter_count())
                .map(|index| statement.parameter_name(index).map(ToOwned::to_owned))
                .collect(),
            columns: columns_of(connection, statement),
            shape: None,
            reprepared: statement.get_status(StatementStatus::RePrepare),
        }
    }
}
