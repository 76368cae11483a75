//! The protocol for a database: whoever opens it finds the old one or the new one, with every transaction
//! that was acknowledged, at any instant and after any crash.
//!
//! A database is more than a file: what is in its `-wal`, and whoever has it open, belong to it. A
//! rename is right only when nobody else has the old file open. In its steps:
//!
//! 1. the target's lock, as with every swap; `recovery`: what a killed swap left is set right;
//! 2. `proof`: has anybody else the old database open? Then `inUse` decides;
//! 3. `write_lock`: from now on nobody else commits, and everybody may read;
//! 4. `new_database`: a staging file like the old one, in which the caller builds; `pages` copies one there;
//! 5. its checks, and the caller's own; then it is one file that nobody has open, with the old one's
//!    owner, mode and attributes, and on the disk;
//! 6. `rename`: its file takes the old one's name; or `in_place`: its content takes the place of the
//!    old one's, in one transaction of SQLite's. Where there was no old one: `first`.
//! 7. `backup`: the old one gets its name.
//!
//! `recovery_record` is what a recovery must know; `maintenance`, the connections that all of this uses;
//! `openers`, who else is there; `doctor`, a look at all of it that changes nothing.

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
