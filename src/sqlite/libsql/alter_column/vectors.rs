//! A column with a vector index: its type is what the index is made for.

use super::structure::ColumnStructure;
use super::{Column, Connection, Error, quoted, refusal};
use crate::vectors::{Definition, INDEX_FUNCTION, VectorColumn};

impl Connection {
    /// Refuses a type of the column that its vector index cannot have, in libSQL's words, and one of another
    /// dimension: the vectors that are there would not have it.
    pub(super) fn keep_vectors(
        &self,
        column: &Column,
        old: &ColumnStructure,
        new: &ColumnStructure,
    ) -> Result<(), Error> {
        if old.declared.eq_ignore_ascii_case(&new.declared) {
            return Ok(());
        }
        let find = || {
            let mut indexes = self.raw.prepare(&format!(
                "SELECT name, sql FROM {}.sqlite_schema WHERE type = 'index' AND tbl_name = ?1 COLLATE NOCASE \
                 AND instr(lower(sql), '{INDEX_FUNCTION}')",
                quoted(&column.database)
            ))?;
            let mut rows = indexes.query([&column.table])?;
            while let Some(row) = rows.next()? {
                let sql: String = row.get(1)?;
                let is_of_column = Definition::parse(&sql).is_some_and(|definition| {
                    definition.is_ok_and(|found| found.column.eq_ignore_ascii_case(&column.name))
                });
                if is_of_column {
                    return row.get::<_, String>(0).map(Some);
                }
            }
            Ok(None)
        };
        let Some(index) = find().map_err(|error: rusqlite::Error| self.error(error))? else {
            return Ok(());
        };
        let vectors = VectorColumn::parse(&new.declared)
            .map_err(|error| refusal(format!("error in index {index} after rename: {error}")))?;
        if VectorColumn::parse(&old.declared).is_ok_and(|before| before == vectors) {
            return Ok(());
        }
        Err(refusal(format!(
            "error in adding {} {} to {}: the vector index {index} is for {}; drop the index first",
            column.name, new.declared, column.table, old.declared
        )))
    }
}
