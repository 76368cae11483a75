//! The engine floor: one type of connection, for clients and for swaps. A connection does not know its
//! user. It reaches the user only by its [`Hooks`].
//!
//! Only this folder and `files::sqlite_calls` use rusqlite, so that a second engine is one more folder.

mod authorizer;
pub mod backup;
mod bounds;
mod callbacks;
mod checkpoints;
mod classify;
pub mod codes;
mod columns;
mod commits;
mod connection;
mod cursors;
mod describe;
mod error;
mod explained;
mod functions;
mod hooks;
mod in_place;
mod kept_statements;
mod libsql;
mod open;
mod past;
mod past_cancelling;
mod pragma;
mod preparing;
mod rows;
mod script;
mod shared_cache;
mod shared_commit;
mod statement;
mod statement_info;
mod strict_arguments;
mod time_limit;
mod touched_tables;
mod uncounted;
mod values;
mod whole_statement;

pub use bounds::LONGEST_READ;
pub use checkpoints::Checkpoint;
pub use classify::StatementKind;
pub use columns::Column;
pub use connection::{Connection, Found, Interrupter, utc_timestamp};
pub use error::Error;
pub use hooks::{Hooks, LockWait, Wanted};
pub use in_place::{CommitCost, LONGEST_VALUE};
pub use libsql::vector_index::IndexName;
pub use open::{Access, Location, is_too_long};
pub use past::Past;
pub use pragma::Pragma;
pub use rows::{Flow, Prepared, Row, RowSink, RunOptions, StatementEnd};
pub use values::{FromValue, ToValue};
