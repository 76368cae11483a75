//! What a file that libSQL has written may have in its schema, and SQLite does not know.

use std::ffi::CStr;

use rusqlite::ffi;

/// The table in which libSQL keeps what it knows of its vector indexes: a file without it has none.
pub const INDEX_METADATA: &CStr = c"libsql_vector_meta_shadow";

/// The function by which a vector index is told from another one.
pub const INDEX_FUNCTION: &str = "libsql_vector_idx";

/// An error of SQLite's that comes of such a schema, in words that say what to do.
pub fn explain(code: i32, message: &str) -> Option<String> {
    if message.contains(INDEX_FUNCTION) {
        return Some(format!(
            "{message}: the database has a vector index of libSQL's, which this SQLite cannot read or \
             keep. DROP INDEX removes it (its table is `tbl_name` of sqlite_schema, where `sql` names \
             {INDEX_FUNCTION}); or use libSQL for this file"
        ));
    }
    // SQLite takes the word before for the name of an option.
    let is_random_rowid = code & 0xff == ffi::SQLITE_CORRUPT
        && message.contains("malformed database schema")
        && message.to_ascii_lowercase().contains("near \"rowid\"");
    is_random_rowid.then(|| {
        format!(
            "{message}: libSQL's RANDOM ROWID, if it is that, is no SQL of SQLite's. Nothing is damaged then: \
             use libSQL for this file, or copy the table there into one without RANDOM ROWID, and drop it"
        )
    })
}
