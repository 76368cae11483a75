//! What a statement is, without running it.

use serde::Serialize;

use super::columns::{columns_of, origins_of};
use super::preparing::changes;
use super::{Connection, Error};

/// What a statement is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Description {
    /// The columns of its rows.
    pub columns: Vec<DescribedColumn>,
    /// The names of its parameters, with their prefixes. None for one without a name.
    pub parameters: Vec<Option<String>>,
    /// Whether it changes no database.
    pub read_only: bool,
}

/// A column of a statement's rows.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribedColumn {
    /// Its name.
    pub name: String,
    /// The declared type. None for an expression, and for a column that was declared without one.
    pub declared_type: Option<String>,
    /// The database of the column that it is. None for an expression.
    pub database: Option<String>,
    /// The table of that column.
    pub table: Option<String>,
    /// The name of that column in its table.
    pub column: Option<String>,
}

impl Connection {
    /// Describes the first statement of a text. A PRAGMA has no effect.
    ///
    /// # Errors
    /// SQLite's error for the text.
    pub fn describe(&self, sql: &str) -> Result<Description, Error> {
        self.recorder.aside(|| {
            self.recorder.set_dry_run(true);
            let described = self.until_fresh(sql, |this| {
                let statement = this.first_statement::<Error>(sql)?;
                let origins = origins_of(&self.raw, &statement);
                let columns = columns_of(&self.raw, &statement).into_iter().enumerate();
                let columns = columns.map(|(index, column)| {
                    let origin = origins.get(index).cloned().flatten();
                    let (database, table, origin) = match origin {
                        Some((database, table, name)) => (Some(database), Some(table), Some(name)),
                        None => (None, None, None),
                    };
                    let declared_type = Some(column.declared_type).filter(|text| !text.is_empty());
                    DescribedColumn {
                        name: column.name,
                        declared_type,
                        database,
                        table,
                        column: origin,
                    }
                });
                let parameters = (1..=statement.parameter_count())
                    .map(|index| statement.parameter_name(index).map(str::to_owned));
                Ok(Description {
                    columns: columns.collect(),
                    parameters: parameters.collect(),
                    read_only: !changes(&statement),
                })
            });
            self.recorder.set_dry_run(false);
            described
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_and_parameters_are_told() {
        let connection = Connection::in_memory();
        connection.run_all("CREATE TABLE t (a INT, b)").unwrap();
        let select = "SELECT a AS x, b, a + 1 FROM t WHERE a = ?2 AND b = :b AND a > @c; SELECT 2";
        let described = connection.describe(select).unwrap();
        let names: Vec<_> = described.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["x", "b", "a + 1"]);
        assert_eq!(described.columns[0].declared_type.as_deref(), Some("INT"));
        assert_eq!(described.columns[0].column.as_deref(), Some("a"));
        assert_eq!(described.columns[1].table.as_deref(), Some("t"));
        assert_eq!(described.columns[2].table, None);
        let names = [None, Some("?2"), Some(":b"), Some("@c")];
        assert_eq!(described.parameters, names.map(|name| name.map(str::to_owned)));
        assert!(described.read_only);
        assert!(!connection.describe("INSERT INTO t VALUES (1, 2)").unwrap().read_only);
        assert!(connection.describe("SELECT nope").is_err());
        connection.describe("PRAGMA user_version = 7").unwrap();
        assert_eq!(connection.pragma::<i64>("user_version").unwrap(), 0);
    }
}
