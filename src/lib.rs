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
mod libsql_schema;
#[cfg(test)]
#[cfg(feature = "model")]
mod models;
mod open_files;
mod saboteur;
mod session;
mod swap;
pub mod swap_api;
mod sync;
mod wire;
mod write_line;

use std::sync::Arc;
use std::time::Duration;

use napi::bindgen_prelude::{ArrayBuffer, Either, Env, Error as NapiError, Function, Result};
use napi_derive::napi;

use context::Location;
use database::Database;
use environment::{Environment, Lookup, attachments};
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

/// The version of latchdb that this binary belongs to: the loader takes only its own.
#[napi]
#[must_use]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// Sets up the calling environment. `on_ready` is called when there are answers to fetch with
/// `takeResults`; `thread` is the number of the thread in JavaScript. Returns the number that the
/// other functions call `attachment`.
#[napi]
#[allow(clippy::needless_pass_by_value)]
pub fn attach(env: Env, on_ready: Function<'_, (), ()>, thread: u32) -> Result<u32> {
    attachments::attach(env, &on_ready, thread)
}

/// Lets an attachment go that has nothing open and waits for nothing. Returns whether it was so.
#[napi]
pub fn detach(env: Env, attachment: u32) -> Result<bool> {
    attachments::detach(env, attachment)
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
    /// Whether its connections can only read.
    pub read_only: bool,
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
                let error = error::Error::cannot_open(location.as_ref(), &error);
                return error_record(env, &error).map(Either::B);
            }
        },
    };
    let timeout = milliseconds(options.timeout.unwrap_or(0.0));
    let mailbox = attachments::with(*env, attachment, |environment| {
        (!environment.has_ended()).then(|| environment.mailbox())
    })?;
    let Some(mailbox) = mailbox.flatten() else {
        return error_record(env, &error::Error::EnvironmentEnded).map(Either::B);
    };
    match Database::open(location, timeout, options.numbers, options.read_only, mailbox) {
        Ok(database) => {
            let number =
                attachments::with(*env, attachment, |environment| environment.register(database))?;
            Ok(Either::A(number.unwrap_or_default()))
        }
        Err(error) => error_record(env, &error).map(Either::B),
    }
}

/// Opens a database again that `shutDownDatabase` has closed: under its number, with the settings that
/// it had, on the file that is there now. Returns null, or an error record.
#[napi]
pub fn reopen_database<'env>(
    env: &'env Env,
    attachment: u32,
    database: u32,
) -> Result<Option<ArrayBuffer<'env>>> {
    let closed = match look_up(*env, attachment, database)? {
        Lookup::Found(closed) => closed,
        Lookup::Closed | Lookup::NeverOpened => {
            let error = error::Error::Cancelled(error::CancelReason::ClientClosed);
            return error_record(env, &error).map(Some);
        }
    };
    let has_ended = attachments::with(*env, attachment, |environment| environment.has_ended())?;
    if has_ended.unwrap_or(true) {
        return error_record(env, &error::Error::EnvironmentEnded).map(Some);
    }
    match closed.open_again() {
        Ok(opened) => {
            attachments::with(*env, attachment, |environment| {
                environment.replace(database, opened);
            })?;
            Ok(None)
        }
        Err(error) => error_record(env, &error).map(Some),
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
    hand_over(env, attachment, database, |found| found.submit(lane, job, transaction, request))
}

/// Opens a further lane for a transaction; -1 where the client is closed.
#[napi]
pub fn open_lane(env: Env, attachment: u32, database: u32) -> Result<i64> {
    Ok(match look_up(env, attachment, database)? {
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

/// Closes a database. When this returns, nothing of it is left. Answers records: its steps, and what
/// was closed or an error.
#[napi]
pub fn close_database<'env>(
    env: &'env Env,
    attachment: u32,
    database: u32,
) -> Result<ArrayBuffer<'env>> {
    let records = match look_up(*env, attachment, database)? {
        Lookup::Found(found) => environment::close(&found, 0),
        Lookup::Closed | Lookup::NeverOpened => Vec::new(),
    };
    attachments::with(*env, attachment, |environment| environment.release(database))?;
    ArrayBuffer::copy_from(env, records)
}

/// Closes every database of an attachment, at the end of the main thread. Answers the records of each
/// under its number.
#[napi]
pub fn close_all(env: &Env, attachment: u32) -> Result<ArrayBuffer<'_>> {
    let records = attachments::with(*env, attachment, Environment::close_all)?;
    ArrayBuffer::copy_from(env, records.unwrap_or_default())
}

/// Ends the draining of a database that is being shut down.
#[napi]
pub fn hurry_database(env: Env, attachment: u32, database: u32) -> Result<()> {
    with_database(env, attachment, database, Database::hurry)
}

/// Asks all other environments of a thread to shut their clients down; each answers `job`. Returns
/// how many there are.
#[napi]
pub fn ask_to_shut_down(
    env: Env,
    attachment: u32,
    thread: u32,
    job: u32,
    drain: bool,
    timeout: f64,
) -> Result<u32> {
    let asked = attachments::with(env, attachment, |environment| {
        environment.ask_to_shut_down(env, thread, job, drain, milliseconds(timeout))
    })?;
    Ok(asked.unwrap_or(0))
}

/// Answers such a request of another environment.
#[napi]
pub fn acknowledge_shutdown(env: Env, attachment: u32, request: u32, report: String) -> Result<()> {
    attachments::with(env, attachment, |environment| environment.acknowledge(request, report))?;
    Ok(())
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
    hand_over(env, attachment, database, |found| found.shut_down(job, limit))
}

/// The next answers, or null.
#[napi]
pub fn take_results(env: &Env, attachment: u32) -> Result<Option<ArrayBuffer<'_>>> {
    let records = attachments::with(*env, attachment, |environment| environment.fetch(*env))?;
    records.flatten().map(|records| ArrayBuffer::copy_from(env, records)).transpose()
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

/// Hands over work whose answer JavaScript waits for: that keeps the event loop alive.
fn hand_over(
    env: Env,
    attachment: u32,
    number: u32,
    action: impl FnOnce(&Arc<Database>) -> std::result::Result<(), Refused>,
) -> Result<Submitted> {
    let submitted =
        attachments::with(env, attachment, |environment| match environment.database(number) {
            Lookup::Closed => Submitted::Closed,
            Lookup::NeverOpened => Submitted::NeverOpened,
            Lookup::Found(found) => {
                environment.begin_wait(env);
                action(&found).map_or_else(
                    |refused| {
                        environment.end_waits(env, 1);
                        refused.into()
                    },
                    |()| Submitted::Accepted,
                )
            }
        })?;
    Ok(submitted.unwrap_or(Submitted::Closed))
}

fn with_database(
    env: Env,
    attachment: u32,
    number: u32,
    action: impl FnOnce(&Database),
) -> Result<()> {
    if let Lookup::Found(database) = look_up(env, attachment, number)? {
        action(&database);
    }
    Ok(())
}

fn look_up(env: Env, attachment: u32, number: u32) -> Result<Lookup> {
    let found = attachments::with(env, attachment, |environment| environment.database(number))?;
    // Who is not attached any more had nothing open.
    Ok(found.unwrap_or(Lookup::Closed))
}

fn error_record<'env>(env: &'env Env, error: &error::Error) -> Result<ArrayBuffer<'env>> {
    let mut records = Records::new(0);
    records.error(Outcome::default(), error, None);
    ArrayBuffer::copy_from(env, records.take())
}
