//! What a table is, as SQLite itself says: the table is made in a database in memory.

use std::sync::Arc;

use super::{Connection, Error};
use crate::sqlite::hooks::Hooks;
use crate::sqlite::open::{Access, Location};

/// What a table is.
#[derive(Debug, PartialEq, Eq)]
pub struct Structure {
    /// The columns, generated ones included.
    pub columns: Vec<ColumnStructure>,
    /// The columns of the automatic indexes, in their order.
    keys: Vec<Key>,
    /// Whether the table is WITHOUT ROWID.
    pub is_without_rowid: bool,
    /// Whether the table is STRICT.
    pub is_strict: bool,
    /// Whether the table has AUTOINCREMENT.
    pub has_sequence: bool,
}

/// A column.
#[derive(Debug, PartialEq, Eq)]
pub struct ColumnStructure {
    /// The declared type.
    pub declared: String,
    /// The text of the default value.
    pub default: Option<String>,
    /// By what its texts are ordered.
    pub collation: String,
    /// Its place in the primary key, from 1; 0 for none.
    key: i64,
    /// Whether it is hidden or generated, and how.
    hidden: i64,
}

impl ColumnStructure {
    /// Whether the column is in the primary key.
    pub fn is_key(&self) -> bool {
        self.key > 0
    }

    /// Whether the column is generated.
    pub fn is_generated(&self) -> bool {
        self.hidden > 0
    }

    /// Whether the column is generated, and not stored (<https://sqlite.org/pragma.html#pragma_table_xinfo>).
    pub fn is_virtual(&self) -> bool {
        self.hidden == 2
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Key {
    origin: String,
    column: i64,
    is_descending: bool,
}

impl Structure {
    /// The structure of the table that this text makes.
    ///
    /// # Errors
    /// SQLite's error for the text.
    pub fn of(sql: &str, table: &str, hooks: &Arc<dyn Hooks>) -> Result<Self, Error> {
        let memory = Location::Memory(":memory:".to_owned());
        let connection = Connection::open(&memory, Access::Create, Arc::clone(hooks))?;
        connection.run_all(sql)?;
        let raw = &connection.raw;
        let read = || {
            let mut columns = raw
                .prepare("SELECT name, type, dflt_value, pk, hidden FROM pragma_table_xinfo(?1)")?;
            let columns = columns.query_map([table], |row| {
                let name: String = row.get(0)?;
                let (_, collation, ..) = raw.column_metadata(None, table, &name)?;
                Ok(ColumnStructure {
                    declared: row.get(1)?,
                    default: row.get(2)?,
                    collation: collation.unwrap_or_default().to_string_lossy().into_owned(),
                    key: row.get(3)?,
                    hidden: row.get(4)?,
                })
            })?;
            let columns = columns.collect::<rusqlite::Result<Vec<_>>>()?;
            let mut keys = raw.prepare(
                "SELECT i.origin, x.cid, x.desc FROM pragma_index_list(?1) AS i, pragma_index_xinfo(i.name) AS x \
                 ORDER BY i.name, x.seqno",
            )?;
            let keys = keys.query_map([table], |row| {
                let (origin, column) = (row.get(0)?, row.get(1)?);
                Ok(Key { origin, column, is_descending: row.get(2)? })
            })?;
            let keys = keys.collect::<rusqlite::Result<Vec<_>>>()?;
            let (is_without_rowid, is_strict) = raw.query_row(
                "SELECT wr, strict FROM pragma_table_list(?1) WHERE schema = 'main'",
                [table],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?;
            let sequence =
                "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence')";
            let has_sequence = raw.query_row(sequence, [], |row| row.get(0))?;
            Ok(Self { columns, keys, is_without_rowid, is_strict, has_sequence })
        };
        read().map_err(|error| connection.error(error))
    }

    /// Whether the table is its own primary key, of which this column is a part: nothing but that key orders it.
    pub fn is_ordered_by(&self, column: &ColumnStructure) -> bool {
        self.is_without_rowid && column.is_key()
    }

    /// Whether both tables have the same keys, but for the order of texts in them.
    pub fn has_same_keys(&self, other: &Self) -> bool {
        let keys = |of: &Self| {
            let columns: Vec<_> = of.columns.iter().map(|column| column.key).collect();
            let keys: Vec<_> = of
                .keys
                .iter()
                .map(|key| (key.origin.clone(), key.column, key.is_descending))
                .collect();
            (columns, keys)
        };
        keys(self) == keys(other)
    }

    /// Whether the same columns of both tables are generated, in the same way: stored or not.
    pub fn has_same_generated_columns(&self, other: &Self) -> bool {
        let hidden = |of: &Self| of.columns.iter().map(|column| column.hidden).collect::<Vec<_>>();
        hidden(self) == hidden(other)
    }
}
