//! What libSQL's SQL has beside SQLite's: `ALTER COLUMN`, vectors and their indexes, and tables that are RANDOM ROWID
//! (docs/vectors.md).

pub mod adopt;
pub mod alter_column;
pub mod random_rowid;
pub mod random_tables;
pub mod schema;
pub mod vector_checks;
pub mod vector_functions;
pub mod vector_index;
pub mod vector_schema;
pub mod vector_top_k;
