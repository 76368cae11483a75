//! The native core of latchdb: it owns every SQLite connection, JavaScript holds only numbers.
//!
//! Data flows down this list, results flow up:
//!
//! - `api`: what JavaScript can call, one thin function per operation;
//! - `environment`: what belongs to one JavaScript environment, and its end;
//! - `client`: one client, from its opening to its closing in order; `swap`: replacing files and
//!   databases;
//! - `sqlite`: the engine floor, one SQLite connection;
//! - `jobs`: numbers, cancels, the threads for files, the channel to JavaScript; `wire`: how requests
//!   and answers look as bytes;
//! - `files`: which files this process has open.
//!
//! `sync`, `value` and `failpoints` are for all of them. See ARCHITECTURE.md.

pub mod api;
mod client;
mod environment;
mod failpoints;
mod files;
mod jobs;
mod sqlite;
mod swap;
mod sync;
mod value;
mod wire;
