//! Finds the vector indexes of a schema, and tells those of libSQL from ours.
//!
//! libSQL keeps the rows of its index in a table of its own, `<index>_shadow`, and leaves the b-tree of the index
//! empty. Ours is an ordinary index, with an entry for each row.

use rusqlite::{Connection, OptionalExtension};

use crate::sqlite::libsql::schema::INDEX_METADATA;
use crate::vectors::{Definition, INDEX_FUNCTION, Metric, VectorColumn};

/// A vector index, as its definition and its table say.
#[derive(Debug)]
pub struct VectorIndex {
    /// The table.
    pub table: String,
    /// The column with the vectors.
    pub column: String,
    /// The type of the column.
    pub vectors: VectorColumn,
    /// The metric.
    pub metric: Metric,
    /// The condition of a partial index.
    pub condition: Option<String>,
}

/// The name as an identifier of SQL.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The vector index of this name. None if there is none. SQLite compares names without case.
///
/// # Errors
/// SQLite's error.
pub fn find(
    connection: &Connection,
    database: &str,
    name: &str,
) -> rusqlite::Result<Option<VectorIndex>> {
    let sql = format!(
        "SELECT sql FROM {}.sqlite_schema WHERE type = 'index' AND name = ?1 COLLATE NOCASE",
        quoted(database),
    );
    let sql: Option<Option<String>> =
        connection.query_row(&sql, [name], |row| row.get(0)).optional()?;
    let definition = sql.flatten();
    Ok(definition.and_then(|sql| described(connection, Some(database), &sql)))
}

/// The columns of the vector indexes of a table.
///
/// # Errors
/// SQLite's error.
pub fn columns(
    connection: &Connection,
    database: &str,
    table: &str,
) -> rusqlite::Result<Vec<VectorColumn>> {
    let mut statement = connection.prepare(&format!(
        "SELECT sql FROM {}.sqlite_schema WHERE type = 'index' AND tbl_name = ?1 COLLATE NOCASE \
         AND instr(lower(sql), '{INDEX_FUNCTION}')",
        quoted(database),
    ))?;
    let definitions = statement.query_map([table], |row| row.get::<_, String>(0))?;
    let definitions = definitions.collect::<rusqlite::Result<Vec<_>>>()?;
    let described = |sql: &String| described(connection, Some(database), sql);
    Ok(definitions.iter().filter_map(described).map(|index| index.vectors).collect())
}

/// The vector index that a CREATE INDEX makes. None if it makes none, or if libSQL would refuse it.
pub fn described(
    connection: &Connection,
    database: Option<&str>,
    sql: &str,
) -> Option<VectorIndex> {
    let Definition { schema, table, column, metric, condition, .. } =
        Definition::parse(sql)?.ok()?;
    let database = database.or(schema.as_deref());
    let declared = declared_type(connection, database, &table, &column)?;
    let vectors = VectorColumn::parse(&declared).ok()?;
    let condition = condition.map(str::to_owned);
    Some(VectorIndex { table, column, vectors, metric, condition })
}

/// The declared type of a column; empty if it has none. None if there is no such column.
pub fn declared_type(
    connection: &Connection,
    database: Option<&str>,
    table: &str,
    column: &str,
) -> Option<String> {
    let (declared, ..) = connection.column_metadata(database, table, column).ok()?;
    Some(declared.map_or_else(String::new, |declared| declared.to_string_lossy().into_owned()))
}

/// What a row is found by.
#[derive(Debug, PartialEq, Eq)]
pub enum Key {
    /// The name that stands for the rowid.
    Rowid(String),
    /// The columns of the primary key of a table WITHOUT ROWID.
    Columns(Vec<String>),
}

/// What the rows of a table are found by, and the column that is another name of the rowid, if there is one.
///
/// # Errors
/// SQLite's error.
pub fn key(
    connection: &Connection,
    database: &str,
    table: &str,
) -> rusqlite::Result<(Key, Option<String>)> {
    let mut columns: Vec<(String, String, i64)> = Vec::new();
    connection.pragma(Some(database), "table_xinfo", table, |row| {
        columns.push((row.get("name")?, row.get("type")?, row.get("pk")?));
        Ok(())
    })?;
    // SQLite knows these names where no column has them and the table has a rowid
    // (https://sqlite.org/c3ref/table_column_metadata.html).
    let is_free =
        |name: &&str| !columns.iter().any(|(column, ..)| column.eq_ignore_ascii_case(name));
    let rowid = ["rowid", "oid", "_rowid_"].into_iter().find(is_free);
    let rowid =
        rowid.filter(|name| declared_type(connection, Some(database), table, name).is_some());
    let mut keys: Vec<_> = columns.into_iter().filter(|(.., place)| *place > 0).collect();
    keys.sort_by_key(|(.., place)| *place);
    let Some(rowid) = rowid else {
        return Ok((Key::Columns(keys.into_iter().map(|(name, ..)| name).collect()), None));
    };
    let alias = match keys.as_slice() {
        [(name, declared, _)] if declared.eq_ignore_ascii_case("INTEGER") => Some(name.clone()),
        _ => None,
    };
    Ok((Key::Rowid(rowid.to_owned()), alias))
}

/// Whether a database has the table in which libSQL describes its indexes. A table of that name alone could be
/// anybody's.
pub fn has_metadata(connection: &Connection, database: &str) -> bool {
    let metadata = INDEX_METADATA.to_string_lossy();
    let has = |column| declared_type(connection, Some(database), &metadata, column).is_some();
    has("name") && has("metadata")
}

/// The query for the vector indexes of libSQL in a database: their names, and those of their tables. None if the
/// database has no table in which libSQL describes its indexes.
pub fn indexes_of_libsql(connection: &Connection, database: &str) -> Option<String> {
    if !has_metadata(connection, database) {
        return None;
    }
    let metadata = INDEX_METADATA.to_string_lossy();
    let database = quoted(database);
    Some(format!(
        "SELECT name, tbl_name FROM {database}.sqlite_schema AS i \
         WHERE type = 'index' AND instr(lower(sql), '{INDEX_FUNCTION}') AND ( \
             name IN (SELECT name FROM {database}.{metadata}) OR EXISTS ( \
                 SELECT 1 FROM {database}.sqlite_schema AS s \
                 WHERE s.type = 'table' AND s.name = i.name || '_shadow' COLLATE NOCASE))"
    ))
}

/// Whether a database has what libSQL kept for a vector index of this name, although the index may be gone.
///
/// # Errors
/// SQLite's error.
pub fn remains(connection: &Connection, database: &str, index: &str) -> rusqlite::Result<bool> {
    if !has_metadata(connection, database) {
        return Ok(false);
    }
    let metadata = INDEX_METADATA.to_string_lossy();
    let database = quoted(database);
    let sql = format!(
        "SELECT EXISTS (SELECT 1 FROM {database}.{metadata} WHERE name = ?1 COLLATE NOCASE) OR EXISTS ( \
             SELECT 1 FROM {database}.sqlite_schema \
             WHERE type = 'table' AND name = ?1 || '_shadow' COLLATE NOCASE)"
    );
    connection.query_row(&sql, [index], |row| row.get(0))
}
