//! Replacing files and databases. At any instant and after any crash, a reader finds the complete
//! old version or the complete new one.
//!
//! - `file` is the protocol for a file, `database` the one for a SQLite database, which is more than a
//!   file. `steps` are what both use: `target` (where the path leads), `lock` (one swap of a target at a
//!   time), `staging` (the new file before it has its name), `metadata` (what it takes over from the old
//!   one), `durability` (syncs), `rename` (the commit point).
//! - `tasks` are the jobs that JavaScript calls for; `callbacks` and `answers` are how they talk to it.
//!   The rest knows nothing of JavaScript.

pub mod answers;
mod callbacks;
pub mod database;
pub mod file;
pub mod steps;
pub mod tasks;
