//! Databases with a table that is RANDOM ROWID, which only libSQL knows: SQLite cannot read the schema then. Told to
//! ignore errors in it (<https://sqlite.org/c3ref/c_dbconfig_defensive.html>, SQLITE_DBCONFIG_WRITABLE_SCHEMA), it reads
//! the others, and takes this one for an ordinary table, whose pages are the same. What it would do differently is
//! refused: to insert into it, and VACUUM.

use rusqlite::Statement;
use rusqlite::config::DbConfig;

use crate::sqlite::codes::{SQLITE_CORRUPT, SQLITE_ERROR, primary};
use crate::sqlite::libsql::vector_schema::quoted;
use crate::sqlite::{Connection, Error};
use crate::tokens::{Token, tokens, up_to_closing};

impl Connection {
    /// Takes the tables that are RANDOM ROWID for ordinary ones from now on, if they are why SQLite cannot read the
    /// schema.
    pub(in crate::sqlite) fn takes_random_rowid(&self, error: &rusqlite::Error) -> bool {
        let rusqlite::Error::SqliteFailure(failure, Some(message)) = error else { return false };
        let is_why =
            !self.recorder.random.has_any() && is_random_rowid(failure.extended_code, message);
        is_why && self.find_random_rowid().is_ok() && self.recorder.random.has_any()
    }

    /// Refuses a statement that would do something else than in libSQL.
    pub(in crate::sqlite) fn refuse_random_rowid(
        &self,
        statement: &Statement<'_>,
    ) -> Result<(), Error> {
        let random = &self.recorder.random;
        if !random.has_any() {
            return Ok(());
        }
        let kind = self.recorder.kind();
        if random.writes_schema() && !kind.changes_schema {
            // SQLite allows it now.
            let message = "table sqlite_master may not be modified".to_owned();
            return Err(Error::Sqlite { code: SQLITE_ERROR, message });
        }
        let is_vacuum = !statement.readonly() && kind.is_unknown;
        if !random.inserts() && !is_vacuum {
            return Ok(());
        }
        // libSQL may have dropped the table meanwhile.
        self.find_random_rowid()?;
        random.first().map_or(Ok(()), |table| Err(Error::RandomRowid { table }))
    }

    /// Lets SQLite ignore errors of the schema, if there is such a table.
    fn find_random_rowid(&self) -> Result<(), Error> {
        let config = DbConfig::SQLITE_DBCONFIG_WRITABLE_SCHEMA;
        self.raw.set_db_config(config, true)?;
        let find = || {
            let mut found = Vec::new();
            let mut databases = self.raw.prepare("SELECT name FROM pragma_database_list")?;
            let databases = databases.query_map([], |row| row.get::<_, String>(0))?;
            for database in databases {
                let mut tables = self.raw.prepare(&format!(
                    "SELECT name, sql FROM {}.sqlite_schema WHERE type = 'table' AND sql LIKE '%random%rowid%'",
                    quoted(&database?)
                ))?;
                let mut rows = tables.query([])?;
                while let Some(row) = rows.next()? {
                    if has_random_rowid(row.get_ref(1)?.as_str().unwrap_or_default()) {
                        found.push(row.get(0)?);
                    }
                }
            }
            Ok(found)
        };
        let found: rusqlite::Result<Vec<String>> = self.recorder.aside(find);
        if !found.as_ref().is_ok_and(|found| !found.is_empty()) {
            self.raw.set_db_config(config, false)?;
        }
        self.recorder.random.set(found.map_err(|error| self.error(error))?);
        Ok(())
    }
}

/// Whether SQLite's error is that of a schema with RANDOM ROWID. It takes RANDOM for the name of a table option, so the
/// syntax error is near ROWID.
pub(in crate::sqlite) fn is_random_rowid(code: i32, message: &str) -> bool {
    primary(code) == SQLITE_CORRUPT
        && message.contains("malformed database schema")
        && message.to_ascii_lowercase().contains("near \"rowid\"")
}

/// Whether the words are options of the table that this text makes: they are behind its columns.
fn has_random_rowid(sql: &str) -> bool {
    let tokens = tokens(sql);
    let Some(open) = tokens.iter().position(|(token, _)| *token == Token::Other('(')) else {
        return false;
    };
    let behind = tokens.get(open + 1..).and_then(up_to_closing);
    behind.is_some_and(|(_, options)| {
        options.windows(2).any(|pair| {
            matches!(pair, [(random, _), (rowid, _)]
                if random.is_keyword("RANDOM") && rowid.is_keyword("ROWID"))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_option_is_told_from_what_looks_like_it() {
        assert!(has_random_rowid("CREATE TABLE r (a) RANDOM ROWID"));
        assert!(has_random_rowid("create table r (a) strict, random rowid"));
        assert!(!has_random_rowid("CREATE TABLE r (a DEFAULT 'RANDOM ROWID', random rowid)"));
        assert!(!has_random_rowid("CREATE TABLE random (rowid)"));
    }
}
