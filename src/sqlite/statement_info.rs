//! The facts about a statement that are kept from one run to the next.

use std::collections::HashMap;

use rusqlite::{Connection, Statement, StatementStatus};

use super::classify::StatementKind;
use super::columns::{Column, columns_of};
use super::in_place::program::Program;

/// After so many quick runs in a row, a statement has shown itself quick.
pub const QUICK_RUNS: u8 = 2;

/// The facts about a prepared statement.
#[derive(Debug)]
pub struct StatementInfo {
    /// The text of the statement. Empty if it has no number.
    pub sql: Box<str>,
    /// The kind of the statement.
    pub kind: StatementKind,
    /// The parameters by name. None until named arguments are bound.
    pub parameters: Option<ParameterNames>,
    /// The columns of the rows.
    pub columns: Vec<Column>,
    /// The sink's number for these columns. None until they are announced.
    pub shape: Option<u32>,
    /// The number of the columns whose tables were announced, too.
    pub shape_with_tables: Option<u32>,
    /// The number of steps of the last run.
    pub steps: i32,
    /// The number of runs in a row that were quick, on whatever thread, up to [`QUICK_RUNS`].
    pub quick_runs: u8,
    /// What the program can cost, and how many values it makes. None until a run in place has been considered.
    pub program: Option<(Program, usize)>,
    /// SQLite's count of repeated preparations (SQLITE_STMTSTATUS_REPREPARE) when the columns were read.
    pub reprepared: i32,
}

impl StatementInfo {
    /// The facts about a statement that SQLite has just prepared. `kind` is the authorizer's record of it.
    pub fn of(
        connection: &Connection,
        statement: &Statement<'_>,
        sql: &str,
        kind: StatementKind,
    ) -> Self {
        Self {
            sql: sql.into(),
            kind,
            parameters: None,
            columns: columns_of(connection, statement),
            shape: None,
            shape_with_tables: None,
            steps: 0,
            quick_runs: 0,
            program: None,
            reprepared: statement.get_status(StatementStatus::RePrepare),
        }
    }
}

impl StatementInfo {
    /// Whether statements of this kind may run on the thread of JavaScript at all.
    pub fn may_run_in_place(&self) -> bool {
        self.kind.pragma.is_none()
            && !self.kind.pins_connection
            && !self.kind.begins
            && !self.kind.writes_only_temp
    }

    /// Whether its program may be looked at. That of a statement that changes rows may not if the statement asks
    /// for `changes()`, which an `EXPLAIN` sets to 0.
    pub fn may_be_explained(&self) -> bool {
        !(self.kind.changes && self.kind.asks_connection)
    }
}

/// The parameters of a statement by their names. The names are read once: SQLite searches a list each time
/// that it is asked for one (<https://sqlite.org/c3ref/bind_parameter_name.html>).
#[derive(Debug)]
pub struct ParameterNames {
    /// The indexes (from 1) of the parameters with a name, by the name without its prefix. There are
    /// several where the prefixes differ (`:a`, `@a`, `$a`).
    indexes: HashMap<Box<str>, Vec<usize>>,
}

impl ParameterNames {
    /// Reads the names of a statement's parameters. `check` is called from time to time, because SQLite
    /// takes seconds for tens of thousands of names. Its error ends the reading.
    ///
    /// # Errors
    /// The error of `check`.
    pub fn read<E>(
        statement: &Statement<'_>,
        check: impl Fn() -> Result<(), E>,
    ) -> Result<Self, E> {
        const BETWEEN_CHECKS: usize = 256;
        let mut indexes: HashMap<Box<str>, Vec<usize>> = HashMap::new();
        for index in 1..=statement.parameter_count() {
            if index % BETWEEN_CHECKS == 0 {
                check()?;
            }
            // SQLite's names of parameters begin with one of ? : @ $.
            if let Some(name) = statement.parameter_name(index).and_then(|name| name.get(1..)) {
                indexes.entry(name.into()).or_default().push(index);
            }
        }
        Ok(Self { indexes })
    }

    /// The indexes (from 1) of the parameters with this name, whatever their prefixes are.
    pub fn indexes_of(&self, name: &str) -> &[usize] {
        self.indexes.get(name).map_or(&[], Vec::as_slice)
    }

    /// All names.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.indexes.keys().map(AsRef::as_ref)
    }

    /// The number of parameters that have a name.
    pub fn count(&self) -> usize {
        self.indexes.values().map(Vec::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::convert::Infallible;

    use super::*;

    fn names(sql: &str) -> ParameterNames {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        let statement = connection.prepare(sql).unwrap();
        ParameterNames::read(&statement, || Ok::<_, Infallible>(())).unwrap()
    }

    #[test]
    fn a_name_has_the_parameters_of_all_prefixes() {
        let names = names("select :a, @b, $a, @a, :a, ?7, ?");
        assert_eq!(names.indexes_of("a"), [1, 3, 4]);
        assert_eq!(names.indexes_of("b"), [2]);
        assert_eq!(names.indexes_of("7"), [7]);
        assert!(names.indexes_of("").is_empty());
        assert!(names.indexes_of("c").is_empty());
        assert!(names.indexes_of(":a").is_empty());
    }

    #[test]
    fn an_error_ends_the_reading_of_many_names() {
        let parameters: Vec<_> = (0..2000).map(|number| format!("(:name_{number})")).collect();
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        let sql = format!("select * from (values {})", parameters.join(", "));
        let statement = connection.prepare(&sql).unwrap();
        let checks = Cell::new(0);
        let read = ParameterNames::read(&statement, || {
            checks.set(checks.get() + 1);
            if checks.get() == 3 { Err("cancelled") } else { Ok(()) }
        });
        assert_eq!(read.unwrap_err(), "cancelled");
        assert_eq!(checks.get(), 3);
    }
}
