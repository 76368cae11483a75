//! The protocol for a database. At any instant and after any crash, a program that opens the
//! database finds the old or the new version, with every acknowledged transaction.
//!
//! A database is more than a file: the `-wal` holds part of its content, and other connections may
//! have it open. A rename is safe only if no other connection has the old file open. The steps:
//!
//! 1. Take the target's lock, as in every swap. `recovery` clears the remains of a killed swap.
//! 2. `proof` finds out whether another process or client has the old database open. If so, `inUse`
//!    decides how to continue.
//! 3. `write_lock` keeps other connections from committing. They may still read.
//! 4. `new_database` creates a staging file with the old database's settings, in which the caller
//!    builds. `pages` copies a source into it.
//! 5. Check the new database, and let the caller verify it. Then close it, give it the old file's
//!    owner, mode and attributes, and sync it.
//! 6. `rename` gives the new file the old one's name, or `in_place` copies its content into the old
//!    file, in one transaction of SQLite. Without an old database, `first` renames it to a new
//!    name.
//! 7. `backup` gives the old database its new name.
//!
//! `recovery_record` holds what a recovery must know. `maintenance` has the connections that the
//! steps use. `openers` lists the processes that have a file open. `doctor` reports on a database
//! without changing anything. `adopt` takes over its vector indexes.

pub mod adopt;
mod backup;
pub mod doctor;
mod first;
mod in_place;
mod job;
mod maintenance;
mod new_database;
mod openers;
mod pages;
mod proof;
pub mod protocol;
pub mod recovery;
mod recovery_record;
mod rename;
pub mod request;
mod sidecars;
mod target;
mod write_lock;

#[cfg(test)]
mod process;
#[cfg(test)]
mod tests;
