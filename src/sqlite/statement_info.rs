//! The facts about a statement that are kept from one run to the next.

use rusqlite::{Statement, StatementStatus};

use super::classify::StatementKind;

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

/// A column of a statement's rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The name of the column.
    pub name: String,
    /// The declared type, if the column is one of a table. Otherwise empty.
    pub declared_type: String,
}

impl StatementInfo {
    /// The facts about a statement that SQLite has just prepared. `kind` is the authorizer's record of it.
    pub fn of(statement: &Statement<'_>, kind: StatementKind) -> Self {
        Self {
            kind,
            parameters: (1..=statement.parameter_count())
                .map(|index| statement.parameter_name(index).map(ToOwned::to_owned))
                .collect(),
            columns: columns_of(statement),
            shape: None,
            reprepared: statement.get_status(StatementStatus::RePrepare),
        }
    }
}

/// The columns of a statement's rows.
pub fn columns_of(statement: &Statement<'_>) -> Vec<Column> {
    let column = |column: &rusqlite::Column<'_>| Column {
        name: column.name().to_owned(),
        declared_type: column.decl_type().unwrap_or("").to_owned(),
    };
    statement.columns().map(|found| column(&found)).collect()
}
