//! Replacing files and databases. At any instant and after any crash, a reader finds the complete
//! old version or the complete new one.
//!
//! - `file` is the protocol for a file, and `database` the one for a SQLite database, which
//!   consists of several files. `by_hand` has the single steps for programs that move files
//!   themselves.
//! - Both protocols share these steps: `target` (resolving the path), `lock` (one swap of a target
//!   at a time), `staging` (the new file before it has its name), `metadata` (owner, mode and
//!   attributes of the old file), `durability` (syncs), `rename` (the commit point).
//! - `tasks` are the jobs that JavaScript starts. They communicate with it through `callbacks` and
//!   `answers`. The other modules do not depend on JavaScript.

pub mod answers;
mod by_hand;
mod callbacks;
pub mod database;
pub mod durability;
mod errno;
pub mod error;
pub mod file;
mod lock;
mod metadata;
mod rename;
mod staging;
mod target;
pub mod tasks;
