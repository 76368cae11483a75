//! Parts of a schema that libSQL and SQLite understand differently.

use std::ffi::CStr;

use rusqlite::ffi;

/// The table in which libSQL describes its vector indexes. A file without this table has no vector index.
pub const INDEX_METADATA: &CStr = c"libsql_vector_meta_shadow";

/// What to do about what libSQL has left of an index.
pub const REMAINS: &str = "the database still has what libSQL kept for an index of this name, which DROP INDEX \
    leaves; remove it by npx latchdb adopt, or by DROP TABLE of the table named like the index with _shadow behind \
    it, and DELETE of its row in libsql_vector_meta_shadow";

/// A part of the text of [`Error::VectorIndex`](crate::sqlite::Error::VectorIndex). A table-valued function can fail with
/// a text alone.
const REFUSED: &str = "has the libSQL vector index";

/// A text for an error that SQLite reports because of such a schema, which says what to do. None if the
/// error has another cause.
pub fn explain(code: i32, message: &str) -> Option<String> {
    if message.contains(REFUSED) {
        return Some(message.to_owned());
    }
    if code & 0xff != ffi::SQLITE_CORRUPT || !message.contains("malformed database schema") {
        return None;
    }
    if message.contains("non-deterministic functions prohibited") {
        return Some(format!(
            "{message}: the schema may use log(x), which is the natural logarithm here, as in libSQL, and that to base \
             10 in SQLite, so that an index or a column made with one is wrong for the other. Nothing is damaged: \
             with SQLite, drop the index or the column, or make it with ln(x) or log10(x), which are the same here \
             and there"
        ));
    }
    // SQLite takes RANDOM for the name of a table option, so the syntax error is near ROWID.
    let is_random_rowid = message.to_ascii_lowercase().contains("near \"rowid\"");
    is_random_rowid.then(|| {
        format!(
            "{message}: the schema may use RANDOM ROWID, which only libSQL knows. Nothing is damaged in that \
             case: use libSQL for this file, or with libSQL copy the table into one without RANDOM ROWID \
             and drop it"
        )
    })
}
