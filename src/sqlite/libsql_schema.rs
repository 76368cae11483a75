//! Parts of a schema that libSQL can write and SQLite does not know.

use std::ffi::CStr;

use rusqlite::ffi;

/// The table in which libSQL describes its vector indexes. A file without this table has no vector index.
pub const INDEX_METADATA: &CStr = c"libsql_vector_meta_shadow";

/// The function that the definition of a vector index calls.
pub const INDEX_FUNCTION: &str = "libsql_vector_idx";

/// A text for an error that SQLite reports because of such a schema, which says what to do. None if the
/// error has another cause.
pub fn explain(code: i32, message: &str) -> Option<String> {
    if message.contains(INDEX_FUNCTION) {
        return Some(format!(
            "{message}: the database has a libSQL vector index, which this SQLite can neither read nor \
             maintain; use libSQL for this file, or remove the index by DROP INDEX (in sqlite_schema, its \
             `sql` names {INDEX_FUNCTION} and `tbl_name` is its table)"
        ));
    }
    // SQLite takes RANDOM for the name of a table option, so the syntax error is near ROWID.
    let is_random_rowid = code & 0xff == ffi::SQLITE_CORRUPT
        && message.contains("malformed database schema")
        && message.to_ascii_lowercase().contains("near \"rowid\"");
    is_random_rowid.then(|| {
        format!(
            "{message}: the schema may use RANDOM ROWID, which only libSQL knows. Nothing is damaged in that \
             case: use libSQL for this file, or with libSQL copy the table into one without RANDOM ROWID \
             and drop it"
        )
    })
}
