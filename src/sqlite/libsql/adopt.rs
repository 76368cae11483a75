//! Takes over the vector indexes that libSQL has made: fills their b-trees, and removes libSQL's tables of them.
//! Afterwards each is an index of ours.

use rusqlite::{Connection as Raw, Statement};

use crate::sqlite::classify::StatementKind;
use crate::sqlite::libsql::schema::INDEX_METADATA;
use crate::sqlite::libsql::vector_index::IndexName;
use crate::sqlite::libsql::vector_schema::{has_metadata, quoted};
use crate::sqlite::preparing::RunError;
use crate::sqlite::rows::Prepared;
use crate::sqlite::{Connection, Error, codes};

impl Connection {
    /// Sets whether the connection takes over a vector index of libSQL when a statement touches its table, instead of
    /// refusing the statement.
    pub fn adopt_when_touched(&self, adopts: bool) {
        self.adopts.set(adopts);
    }

    /// Takes over all vector indexes of libSQL in the main database, in one transaction: the open one, or one of its
    /// own. Also removes what libSQL has left of indexes that are gone.
    ///
    /// # Errors
    /// SQLite's error; nothing has changed then.
    pub fn adopt(&self) -> Result<Vec<IndexName>, Error> {
        let (begin, end, undo) = match self.is_autocommit() {
            true => ("BEGIN IMMEDIATE", "COMMIT", "ROLLBACK"),
            false => (
                "SAVEPOINT latchdb_adopt",
                "RELEASE latchdb_adopt",
                "ROLLBACK TO latchdb_adopt; RELEASE latchdb_adopt",
            ),
        };
        self.recorder.aside(|| {
            self.run_all(begin)?;
            let adopted = self.adopt_in_transaction().and_then(|adopted| {
                self.run_all(end)?;
                Ok(adopted)
            });
            if adopted.is_err() {
                // SQLite may have rolled back already.
                let _ = self.run_all(undo);
            }
            adopted
        })
    }

    fn adopt_in_transaction(&self) -> Result<Vec<IndexName>, Error> {
        let mut adopted = Vec::new();
        for (database, index, table) in self.indexes_of_libsql()? {
            if database != "main" {
                continue;
            }
            let name = |bytes| {
                String::from_utf8(bytes).map_err(|_| Error::Sqlite {
                    code: codes::SQLITE_ERROR,
                    message: "a vector index whose name is no UTF-8 cannot be taken over"
                        .to_owned(),
                })
            };
            let (index, table) = (name(index)?, name(table)?);
            self.run_all(&format!("REINDEX main.{}", quoted(&index)))?;
            adopted.push(IndexName { index, table });
        }
        remove_tables(&self.raw).map_err(|error| self.error(error))?;
        Ok(adopted)
    }

    /// Refuses a statement as [`Connection::refuse_vector_indexes`] does, or takes over the indexes of libSQL that it
    /// touches. SQLite prepares the statement anew then. `allow` decides whether the connection may write.
    pub(in crate::sqlite) fn refuse_or_adopt<E: From<Error>>(
        &self,
        statement: &Statement<'_>,
        allow: impl FnOnce(Prepared) -> Result<(), E>,
    ) -> Result<(), RunError<E>> {
        self.refuse_random_rowid(statement).map_err(RunError::from_ours)?;
        match self.refuse_vector_indexes(statement) {
            Err(Error::VectorIndex { .. }) if self.adopts.get() => {
                let kind = StatementKind { changes: true, ..StatementKind::default() };
                let prepared = self.prepared(statement, &kind);
                let may_not_write = false;
                allow(Prepared {
                    read_only: false,
                    may_run_aside: false,
                    may_not_write,
                    ..prepared
                })
                .map_err(RunError::Ours)?;
                self.adopt().map_err(RunError::from_ours)?;
                // An attached database has its index still.
                self.adopts.set(false);
                let refused = self.refuse_vector_indexes_now(statement);
                self.adopts.set(true);
                refused.map_err(RunError::from_ours)
            }
            other => other.map_err(RunError::from_ours),
        }
    }
}

/// Removes the tables in which libSQL keeps vector indexes, and the one in which it describes them.
fn remove_tables(connection: &Raw) -> rusqlite::Result<()> {
    if !has_metadata(connection, "main") {
        return Ok(());
    }
    let metadata = INDEX_METADATA.to_string_lossy();
    // Only tables of the shape that libSQL gives them: a file may come from anywhere.
    let mut statement = connection.prepare(&format!(
        "SELECT s.name FROM main.sqlite_schema AS s WHERE s.type = 'table' \
         AND s.sql LIKE '%index_key%data BLOB%' AND ( \
             EXISTS (SELECT 1 FROM main.{metadata} AS m WHERE s.name = m.name || '_shadow' COLLATE NOCASE) \
             OR EXISTS (SELECT 1 FROM main.sqlite_schema AS i WHERE i.type = 'index' \
                 AND instr(lower(i.sql), 'libsql_vector_idx') AND s.name = i.name || '_shadow' COLLATE NOCASE))"
    ))?;
    let tables = statement.query_map([], |row| row.get::<_, String>(0))?;
    let tables = tables.collect::<rusqlite::Result<Vec<_>>>()?;
    drop(statement);
    for table in tables {
        connection.execute_batch(&format!("DROP TABLE main.{}", quoted(&table)))?;
    }
    connection.execute_batch(&format!("DROP TABLE main.{metadata}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The schema that libSQL makes. Its index is empty: SQLite has filled it here, so the b-tree of another table
    /// takes its place.
    fn as_of_libsql() -> Connection {
        let connection = Connection::in_memory();
        connection
            .run_all(
                "CREATE TABLE t (id INTEGER PRIMARY KEY, e F32_BLOB(2));
                 INSERT INTO t VALUES (1, vector('[1,2]')), (2, NULL), (3, vector('[3,1]'));
                 CREATE TABLE users_shadow (data BLOB);
                 CREATE INDEX ti ON t (libsql_vector_idx(e));
                 CREATE INDEX empty ON users_shadow (data);
                 CREATE TABLE libsql_vector_meta_shadow (name TEXT PRIMARY KEY, metadata BLOB) WITHOUT ROWID;
                 CREATE TABLE ti_shadow (index_key  INTEGER , data BLOB, PRIMARY KEY (index_key));
                 CREATE TABLE gone_shadow (index_key  INTEGER , data BLOB, PRIMARY KEY (index_key));
                 INSERT INTO libsql_vector_meta_shadow VALUES ('ti', x'00'), ('gone', x'00'), ('users', x'00');
                 PRAGMA writable_schema = on;
                 UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'empty')
                     WHERE name = 'ti';
                 DELETE FROM sqlite_schema WHERE name = 'empty';
                 PRAGMA writable_schema = reset",
            )
            .unwrap();
        connection
    }

    fn texts(connection: &Connection, sql: &str) -> Vec<String> {
        connection.query(sql, 100).unwrap()
    }

    #[test]
    fn an_index_of_libsql_becomes_one_of_ours() {
        for begin in ["", "BEGIN", "BEGIN IMMEDIATE"] {
            let connection = as_of_libsql();
            connection.run_all(begin).unwrap();
            assert!(connection.refuse_indexes_of_libsql().is_err());
            let (index, table) = ("ti".to_owned(), "t".to_owned());
            assert_eq!(connection.adopt().unwrap(), [IndexName { index, table }]);
            assert_eq!(connection.is_autocommit(), begin.is_empty());
            let names = texts(&connection, "SELECT name FROM sqlite_schema ORDER BY name");
            assert_eq!(names, ["t", "ti", "users_shadow"]);
            let found = "SELECT group_concat(id) FROM vector_top_k('ti', '[1,2]', 5)";
            assert_eq!(texts(&connection, found), ["1,3"]);
            assert_eq!(texts(&connection, "SELECT count(*) || '' FROM t INDEXED BY ti"), ["3"]);
            assert!(connection.adopt().unwrap().is_empty());
        }
    }

    #[test]
    fn a_statement_whose_text_is_too_long_with_its_arguments_is_refused() {
        use rusqlite::limits::Limit;
        let connection = as_of_libsql();
        connection.raw.set_limit(Limit::SQLITE_LIMIT_LENGTH, 1000).unwrap();
        connection.recorder.clear();
        let mut statement =
            connection.raw.prepare("SELECT count(*) FROM t WHERE ?1 IS NOT NULL").unwrap();
        for length in [1, 600] {
            statement.raw_bind_parameter(1, vec![0u8; length]).unwrap();
            let refused = connection.refuse_vector_indexes_now(&statement);
            assert!(matches!(refused, Err(Error::VectorIndex { .. })), "{length}: {refused:?}");
        }
    }

    #[test]
    fn what_fails_changes_nothing() {
        let connection = as_of_libsql();
        connection.run_all("PRAGMA query_only = on").unwrap();
        assert!(connection.adopt().unwrap_err().is_read_only());
        assert!(connection.is_autocommit());
        assert!(connection.refuse_indexes_of_libsql().is_err());
    }
}
