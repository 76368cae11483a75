//! The rows of a table whose column is altered: what they would lose, and what an index would not find.

use rusqlite::OptionalExtension;
use rusqlite::config::DbConfig;

use crate::tokens::{Token, tokens};

use super::{Affinity, Column, Connection, Error, TEST, UNDO_TEST, quoted};

impl Connection {
    /// Lets the rows keep their values where the default value of the column changes. Rows that are older than the
    /// column (ALTER TABLE ADD COLUMN) do not store its value: SQLite takes the default of the schema, so a new
    /// default would change them. They are found by a default that no row can have, and are written anew.
    pub(super) fn keep_defaults(
        &self,
        column: &Column,
        is_without_rowid: bool,
        with_default: impl Fn(&str) -> String,
    ) -> Result<(), Error> {
        let (table, name) = (column.table(), quoted(&column.name));
        // In a table WITHOUT ROWID, SQLite would look into an index, even where it shall not.
        if !is_without_rowid && !self.has_old_rows(column, with_default)? {
            return Ok(());
        }
        // Nothing changes, so nothing is to be checked or fired.
        let ignores: i64 = self.value("PRAGMA ignore_check_constraints")?;
        self.run_all("PRAGMA ignore_check_constraints = on")?;
        let written = self.with_setting(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false, || {
            self.with_setting(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, false, || {
                self.run_all(&format!("UPDATE {table} SET {name} = {name}"))
            })
        });
        if ignores == 0 {
            self.run_all("PRAGMA ignore_check_constraints = off")?;
        }
        written
    }

    fn has_old_rows(
        &self,
        column: &Column,
        with_default: impl Fn(&str) -> String,
    ) -> Result<bool, Error> {
        let (table, name) = (column.table(), quoted(&column.name));
        let value: String = self.value("SELECT hex(randomblob(16))")?;
        self.run_all(TEST)?;
        self.replace_definition(column, &with_default(&value))?;
        let found = self.raw.query_row(
            &format!("SELECT 1 FROM {table} NOT INDEXED WHERE {name} = x'{value}' LIMIT 1"),
            [],
            |_| Ok(()),
        );
        let found = found.optional().map_err(|error| self.error(error))?;
        self.run_all(UNDO_TEST)?;
        Ok(found.is_some())
    }

    /// An index with the column, if the column has a value that this affinity would have stored as another one.
    /// A scan converts such a value to compare it, and a search in the index does not find it.
    pub(super) fn misfit(
        &self,
        column: &Column,
        affinity: Affinity,
    ) -> Result<Option<String>, Error> {
        let name = quoted(&column.name);
        // A column without affinity (`+`) is compared as the number that it looks like.
        let number_in_text =
            || format!("typeof({name}) = 'text' AND +{name} = CAST({name} AS NUMERIC)");
        let is_misfit = match affinity {
            Affinity::Blob => return Ok(None),
            Affinity::Text => format!("typeof({name}) IN ('integer', 'real')"),
            Affinity::Numeric => number_in_text(),
            // It would be read as the nearest floating point number.
            Affinity::Real => {
                format!(
                    "{} OR typeof({name}) = 'integer' AND {name} <> CAST({name} AS REAL)",
                    number_in_text()
                )
            }
        };
        let find = || {
            let Some(index) = self.index_with(column)? else { return Ok(None) };
            let table = column.table();
            let misfit = format!("SELECT 1 FROM {table} NOT INDEXED WHERE {is_misfit} LIMIT 1");
            let found = self.raw.query_row(&misfit, [], |_| Ok(())).optional()?;
            Ok(found.map(|()| index))
        };
        find().map_err(|error| self.error(error))
    }

    /// An index that has the column as a key, or names it in an expression or in its condition.
    fn index_with(&self, column: &Column) -> rusqlite::Result<Option<String>> {
        let (table, database) = (&column.table, &column.database);
        let key = self.raw.query_row(
            "SELECT i.name FROM pragma_index_list(?1, ?2) AS i, pragma_index_xinfo(i.name, ?2) AS x \
             WHERE x.key AND x.name = ?3 COLLATE NOCASE",
            (table, database, &column.name),
            |row| row.get(0),
        );
        if let Some(index) = key.optional()? {
            return Ok(Some(index));
        }
        let mut indexes = self.raw.prepare(&format!(
            "SELECT name, sql FROM {}.sqlite_schema \
             WHERE type = 'index' AND tbl_name = ?1 COLLATE NOCASE AND sql IS NOT NULL",
            quoted(database)
        ))?;
        let mut rows = indexes.query([table])?;
        while let Some(row) = rows.next()? {
            let sql = row.get_ref(1)?.as_str().unwrap_or_default();
            let is_named = |token: &Token| {
                token.name().is_some_and(|name| name.eq_ignore_ascii_case(&column.name))
            };
            if tokens(sql).iter().any(|(token, _)| is_named(token)) {
                return row.get(0).map(Some);
            }
        }
        Ok(None)
    }
}
