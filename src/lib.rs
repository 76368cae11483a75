//! The native core of latchdb: it owns every SQLite connection, JavaScript holds only numbers.
//!
//! Data flows down this list, results flow up:
//!
//! - this file, and [`swap_api`] for swaps: what JavaScript can call, one function per operation;
//! - [`environment`]: what belongs to one JavaScript environment, and its end;
//! - [`database`]: one client, its lanes, and how it is closed; [`gate`]: who gets in;
//! - [`lane`]: a queue of jobs and the thread that runs them; [`cancel`]: how one is ended;
//! - [`session`]: what a lane runs: requests, in and out of transactions;
//! - [`write_line`]: the writers of one client take turns;
//! - [`connection`]: one SQLite connection; [`open_files`]: which files are open here;
//! - [`file_jobs`]: the threads that swap files; [`swap`]: replacing a file, the protocol;
//! - [`wire`]: how requests and answers look as bytes; [`error`]: everything that can go wrong.
//!
//! `context` holds what the lanes of one client share. See ARCHITECTURE.md.

mod cancel;
mod connection;
mod context;
mod database;
mod environment;
mod error;
mod file_jobs;
mod gate;
mod lane;
#[cfg(test)]
#[cfg(feature = "model")]
mod models;
mod open_files;
mod session;
mod swap;
pub mod swap_api;
mod sync;
mod wire;
mod write_line;

use std::time::Duration;

use napi::bindgen_prelude::{ArrayBuffer, Either, Env, Error as NapiError, Function, Result};
use napi_derive::napi;

use context::Location;
use database::Database;
use environment::{Environment, Lookup};
use gate::Refused;
use wire::response::{Outcome, Records};

/// What a call that hands over work answers.
#[napi]
#[derive(Debug, PartialEq, Eq)]
pub enum Submitted {
    /// It is queued.
    Accepted,
    /// The client is closed.
    Closed,
    /// There never was such a client.
    NeverOpened,
}

impl From<Refused> for Submitted {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Closed => Self::Closed,
            Refused::NeverOpened => Self::NeverOpened,
        }
    }
}

/// Sets up the calling environment. `on_ready` is called when there are answers to fetch with
/// `takeResults`. Returns the number that the other functions call `attachment`.
#[napi]
#[allow(clippy::needless_pass_by_value)]
pub fn attach(env: Env, on_ready: Function<'_, (), ()>) -> Result<u32> {
    environment::attach(env, &on_ready)
}

/// How a database is opened.
#[napi(object)]
pub struct OpenOptions {
    /// The path of the file, or SQLite's URI of an in-memory database.
    pub location: String,
    /// Whether `location` is the URI of an in-memory database.
    pub in_memory: bool,
    /// The `timeout` setting in milliseconds.
    pub timeout: Option<f64>,
    /// Whether integers become JavaScript numbers.
    pub numbers: bool,
}

/// Opens a database and its first connection. Returns its number, or an error record.
#[napi]
#[allow(clippy::needless_pass_by_value)]
pub fn open_database<'env>(
    env: &'env Env,
    attachment: u32,
    options: OpenOptions,
) -> Result<Either<u32, ArrayBuffer<'env>>> {
    let location = match options {
        OpenOptions { in_memory: true, location, .. } => Location::Memory(location),
        OpenOptions { location, .. } if location.is_empty() => Location::Temporary,
        OpenOptions { location, .. } => match std::path::absolute(&location) {
            Ok(path) => Location::File(path),
            Err(error) => {
                let code = rusqlite::ffi::SQLITE_CANTOPEN;
                let error = error::Error::Open { code, path: location, cause: error.to_string() };
                return error_record(env, &error).map(Either::B);
            }
        },
    };
    let timeout = milliseconds(options.timeout.unwrap_or(0.0));
    let mailbox = environment::with(*env, attachment, |environment| environment.mailbox())?;
    match Database::open(location, timeout, options.numbers, mailbox) {
        Ok(database) => {
            environment::with(*env, attachment, |environment| environment.register(database))
                .map(Either::A)
        }
        Err(error) => error_record(env, &error).map(Either::B),
    }
}

/// Gives the text of a statement a number (not 0), by which requests name it.
#[napi]
pub fn define_statement(
    env: Env,
    attachment: u32,
    database: u32,
    id: u32,
    sql: String,
) -> Result<()> {
    with_database(env, attachment, database, |database| database.define_statement(id, sql))
}

/// Takes the number of a statement back.
#[napi]
pub fn forget_statement(env: Env, attachment: u32, database: u32, id: u32) -> Result<()> {
    with_database(env, attachment, database, |database| database.forget_statement(id))
}

/// Queues a request, the first `length` bytes of `buffer`, on a lane. `transaction` is the job that
/// began the transaction it belongs to, or 0.
#[napi]
#[allow(clippy::too_many_arguments)]
pub fn submit(
    env: Env,
    attachment: u32,
    database: u32,
    lane: u32,
    job: u32,
    transaction: u32,
    buffer: &[u8],
    length: u32,
) -> Result<Submitted> {
    let request = buffer
        .get(..length as usize)
        .ok_or_else(|| NapiError::from_reason("length is beyond the buffer"))?
        .to_vec();
    environment::with(env, attachment, |environment| match environment.database(database) {
        Lookup::Closed => Submitted::Closed,
        Lookup::NeverOpened => Submitted::NeverOpened,
        Lookup::Found(found) => {
            environment.begin_wait(env);
            found.submit(lane, job, transaction, request).map_or_else(
                |refused| {
                    environment.end_waits(env, 1);
                    refused.into()
                },
                |()| Submitted::Accepted,
            )
        }
    })
}

/// Opens a further lane for a transaction; -1 where the client is closed.
#[napi]
pub fn open_lane(env: Env, attachment: u32, database: u32) -> Result<i64> {
    environment::with(env, attachment, |environment| match environment.database(database) {
        Lookup::Found(database) => database.open_lane().map_or(-1, i64::from),
        Lookup::Closed | Lookup::NeverOpened => -1,
    })
}

/// Closes a lane that has nothing to do.
#[napi]
pub fn close_lane(env: Env, attachment: u32, database: u32, lane: u32) -> Result<()> {
    with_database(env, attachment, database, |database| {
        // SQLite keeps no lock of a connection that it could not close; the client's own closing
        // says so again.
        let _ = database.close_lane(lane);
    })
}

/// Cancels one job on behalf of its caller's `AbortSignal`.
#[napi]
pub fn cancel(env: Env, attachment: u32, database: u32, lane: u32, job: u32) -> Result<()> {
    with_database(env, attachment, database, |database| database.cancel(lane, job))
}

/// Rolls back the transaction that `transaction` began, and waits for it.
#[napi]
pub fn end_transaction(
    env: Env,
    attachment: u32,
    database: u32,
    lane: u32,
    transaction: u32,
) -> Result<()> {
    with_database(env, attachment, database, |database| {
        database.end_transaction(lane, transaction);
    })
}

/// Closes a database. When this returns, nothing of it is left. Answers a record: what was closed,
/// or an error.
#[napi]
pub fn close_database<'env>(
    env: &'env Env,
    attachment: u32,
    database: u32,
) -> Result<ArrayBuffer<'env>> {
    let found = environment::with(*env, attachment, |environment| environment.database(database))?;
    let closed = match found {
        Lookup::Found(found) => found.close(),
        Lookup::Closed | Lookup::NeverOpened => Ok(Outcome::default()),
    };
    environment::with(*env, attachment, |environment| environment.release(database))?;
    let mut records = Records::new(0);
    match closed {
        Ok(outcome) => records.done(outcome),
        Err(error) => records.error(Outcome::default(), &error, None),
    }
    ArrayBuffer::copy_from(env, records.take())
}

/// Closes every database of an attachment, at the end of the main thread.
#[napi]
pub fn close_all(env: Env, attachment: u32) -> Result<()> {
    environment::with(env, attachment, Environment::close_all)
}

/// Closes a database on a thread of its own and answers `job` when it is done. With `drain` what is
/// queued is let finish first, for `timeout` milliseconds at most.
#[napi]
pub fn shut_down_database(
    env: Env,
    attachment: u32,
    database: u32,
    job: u32,
    drain: bool,
    timeout: f64,
) -> Result<Submitted> {
    let limit = drain.then(|| milliseconds(timeout));
    environment::with(env, attachment, |environment| match environment.database(database) {
        Lookup::Closed => Submitted::Closed,
        Lookup::NeverOpened => Submitted::NeverOpened,
        Lookup::Found(found) => {
            environment.begin_wait(env);
            found.shut_down(job, limit).map_or_else(
                |refused| {
                    environment.end_waits(env, 1);
                    refused.into()
                },
                |()| Submitted::Accepted,
            )
        }
    })
}

/// The next answers, or null.
#[napi]
pub fn take_results(env: &Env, attachment: u32) -> Result<Option<ArrayBuffer<'_>>> {
    let delivery = environment::with(*env, attachment, |environment: &mut Environment| {
        let delivery = environment.mailbox().fetch();
        if let Some(delivery) = &delivery {
            environment.end_waits(*env, delivery.ended);
        }
        delivery
    })?;
    delivery.map(|delivery| ArrayBuffer::copy_from(env, delivery.records)).transpose()
}

/// How many connections of this process have the file at this path open.
#[napi]
#[allow(clippy::needless_pass_by_value)]
pub fn count_connections(path: String) -> u32 {
    open_files::FileId::of(path.as_ref())
        .map_or(0, |id| u32::try_from(open_files::connections(&id)).unwrap_or(u32::MAX))
}

/// A time that JavaScript gives; what is longer than SQLite's longest (24 days) is that.
fn milliseconds(given: f64) -> Duration {
    Duration::try_from_secs_f64(given.min(f64::from(i32::MAX)) / 1e3).unwrap_or_default()
}

fn with_database(
    env: Env,
    attachment: u32,
    number: u32,
    action: impl FnOnce(&Database),
) -> Result<()> {
    let found = environment::with(env, attachment, |environment| environment.database(number))?;
    if let Lookup::Found(database) = found {
        action(&database);
    }
    Ok(())
}

fn error_record<'env>(env: &'env Env, error: &error::Error) -> Result<ArrayBuffer<'env>> {
    let mut records = Records::new(0);
    records.error(Outcome::default(), error, None);
    ArrayBuffer::copy_from(env, records.take())
}
