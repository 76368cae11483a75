//! The native core of latchdb. It owns every SQLite connection; JavaScript holds only numbers.
//!
//! Calls go down this list, results go up:
//!
//! - `api`: the functions that JavaScript can call, one thin function per operation;
//! - `environment`: the state of one JavaScript environment, and its teardown;
//! - `client`: one client, from opening to closing; `swap`: replacing files and databases;
//! - `sqlite`: the engine floor, one SQLite connection;
//! - `jobs`: job numbers, cancels, the thread pool for file jobs, the channel to JavaScript; `wire`:
//!   the byte format of requests and answers;
//! - `files`: the files that this process has open;
//! - `vectors`: libSQL's vectors, without SQLite.
//!
//! Every module may use `sync`, `tokens`, `value` and `failpoints`. ARCHITECTURE.md describes the whole.

pub mod api;
mod client;
mod environment;
mod failpoints;
mod files;
mod functions;
mod jobs;
mod sqlite;
mod swap;
mod sync;
mod tokens;
mod value;
mod vectors;
mod wire;
