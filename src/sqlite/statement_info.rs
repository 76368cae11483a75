//! What is kept of a statement from one run to the next.

use rusqlite::{Statement, StatementStatus};

use super::classify::StatementKind;

/// What is known of a statement since SQLite prepared it.
#[derive(Debug)]
pub struct StatementInfo {
    /// What it does.
    pub kind: StatementKind,
    /// The names of its parameters.
    pub parameters: Vec<Option<String>>,
    /// The columns of its rows.
    pub columns: Vec<Column>,
    /// The number under which the sink knows the columns, once it was told of them.
    pub shape: Option<u32>,
    /// How often SQLite had prepared it again when the columns were looked at.
    pub reprepared: i32,
}

/// A column of a statement's rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// The declared type of the table's column, where it is one; else nothing.
    pub declared_type: String,
}

impl StatementInfo {
    /// Of a statement that SQLite has prepared just now; `kind` is what it said meanwhile.
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
