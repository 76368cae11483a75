//! Clients: opening, calling, closing.

use std::sync::Arc;

use napi::bindgen_prelude::{ArrayBuffer, Either, Env, Error as NapiError, Result};
use napi_derive::napi;

use super::arguments::milliseconds;
use crate::client::error::Error;
use crate::client::state::Options;
use crate::client::{Client, Move, Refused};
use crate::environment::{self, Lookup, attachments};
use crate::files;
use crate::jobs::cancel::CancelReason;
use crate::jobs::ids::{JobId, TransactionId};
use crate::sqlite::Location;
use crate::swap::database::recovery;
use crate::wire::records::{Outcome, Records};

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
    /// How many connections it may have at once.
    pub connections: u32,
}

/// Opens a database and its first connection. Returns its number, or an error record.
#[napi]
#[allow(clippy::needless_pass_by_value)]
pub fn open_database<'env>(
    env: &'env Env,
    attachment: u32,
    options: OpenOptions,
) -> Result<Either<u32, ArrayBuffer<'env>>> {
    let OpenOptions { location, in_memory, timeout, numbers, read_only, connections } = options;
    let location = match location {
        uri if in_memory => Location::Memory(uri),
        path if path.is_empty() => Location::Temporary,
        path => match std::path::absolute(&path) {
            Ok(path) => Location::File(path),
            Err(error) => {
                let error = Error::cannot_open(path.as_ref(), &error);
                return error_record(env, &error).map(Either::B);
            }
        },
    };
    let options = Options {
        location,
        timeout: milliseconds(timeout.unwrap_or(0.0)),
        numbers,
        read_only,
        most_lanes: connections as usize,
        before_open: recovery::before_open,
    };
    let mailbox = attachments::with(*env, attachment, |environment| {
        (!environment.has_ended()).then(|| environment.mailbox())
    })?;
    let Some(mailbox) = mailbox.flatten() else {
        return error_record(env, &Error::EnvironmentEnded).map(Either::B);
    };
    match Client::open(options, mailbox) {
        Ok(client) => {
            let number =
                attachments::with(*env, attachment, |environment| environment.register(client))?;
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
            let error = Error::Cancelled(CancelReason::ClientClosed);
            return error_record(env, &error).map(Some);
        }
    };
    let has_ended = attachments::with(*env, attachment, |environment| environment.has_ended())?;
    if has_ended.unwrap_or(true) {
        return error_record(env, &Error::EnvironmentEnded).map(Some);
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

/// Queues a request, the first `length` bytes of `buffer`. `transaction` is the job that began the
/// transaction it belongs to, or 0. The lane is chosen here.
#[napi]
#[allow(clippy::too_many_arguments)]
pub fn submit(
    env: Env,
    attachment: u32,
    database: u32,
    job: u32,
    transaction: u32,
    buffer: &[u8],
    length: u32,
) -> Result<Submitted> {
    let request = buffer
        .get(..length as usize)
        .ok_or_else(|| NapiError::from_reason("length is beyond the buffer"))?
        .to_vec();
    hand_over(env, attachment, database, |found| {
        found.submit(JobId(job), TransactionId(transaction), request)
    })
}

/// The state of the lanes, as flags (`wire`).
#[napi]
pub fn lane_state(env: Env, attachment: u32, database: u32) -> Result<u32> {
    Ok(match look_up(env, attachment, database)? {
        Lookup::Found(client) => u32::from(client.lane_state()),
        Lookup::Closed | Lookup::NeverOpened => 0,
    })
}

/// A transaction is over, or its last request is queued: other calls can use its lane.
#[napi]
pub fn release_transaction(
    env: Env,
    attachment: u32,
    database: u32,
    transaction: u32,
) -> Result<()> {
    with_database(env, attachment, database, |client| client.release(TransactionId(transaction)))
}

/// How far the move to the lane is that a client is pinned to.
#[napi]
#[derive(Debug, PartialEq, Eq)]
pub enum LaneMove {
    /// It cannot begin yet.
    NotNow,
    /// It has begun, and is to be finished once every call of the main lane has its answer.
    Begun,
    /// That lane is the main lane.
    Done,
}

/// Begins to make the lane that a client is pinned to its main lane.
#[napi]
pub fn begin_lane_move(env: Env, attachment: u32, database: u32) -> Result<LaneMove> {
    Ok(match look_up(env, attachment, database)? {
        Lookup::Found(client) => match client.begin_move() {
            Move::NotNow => LaneMove::NotNow,
            Move::Begun => LaneMove::Begun,
            Move::Done => LaneMove::Done,
        },
        Lookup::Closed | Lookup::NeverOpened => LaneMove::NotNow,
    })
}

/// Ends that.
#[napi]
pub fn finish_lane_move(env: Env, attachment: u32, database: u32) -> Result<()> {
    with_database(env, attachment, database, Client::finish_move)
}

/// Closes the lanes that have nothing to do, but the main lane.
#[napi]
pub fn close_idle_lanes(env: Env, attachment: u32, database: u32) -> Result<()> {
    with_database(env, attachment, database, Client::close_idle_lanes)
}

/// Cancels one job on behalf of its caller's `AbortSignal`.
#[napi]
pub fn cancel(env: Env, attachment: u32, database: u32, job: u32) -> Result<()> {
    with_database(env, attachment, database, |client| client.cancel(JobId(job)))
}

/// Rolls back the transaction that `transaction` began, and waits for it.
#[napi]
pub fn end_transaction(env: Env, attachment: u32, database: u32, transaction: u32) -> Result<()> {
    with_database(env, attachment, database, |client| {
        client.end_transaction(TransactionId(transaction));
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
        Lookup::Found(found) => environment::close(&found, JobId::NONE),
        Lookup::Closed | Lookup::NeverOpened => Vec::new(),
    };
    attachments::with(*env, attachment, |environment| environment.release(database))?;
    ArrayBuffer::copy_from(env, records)
}

/// Ends the draining of a database that is being shut down.
#[napi]
pub fn hurry_database(env: Env, attachment: u32, database: u32) -> Result<()> {
    with_database(env, attachment, database, Client::hurry)
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
    hand_over(env, attachment, database, |found| found.shut_down(JobId(job), limit))
}

/// How many connections of this process have the file at this path open.
#[napi]
#[allow(clippy::needless_pass_by_value)]
pub fn count_connections(path: String) -> u32 {
    files::FileId::of(path.as_ref())
        .map_or(0, |id| u32::try_from(files::connections(&id)).unwrap_or(u32::MAX))
}

/// Hands over work whose answer JavaScript waits for: that keeps the event loop alive.
fn hand_over(
    env: Env,
    attachment: u32,
    number: u32,
    action: impl FnOnce(&Arc<Client>) -> std::result::Result<(), Refused>,
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
    action: impl FnOnce(&Client),
) -> Result<()> {
    if let Lookup::Found(database) = look_up(env, attachment, number)? {
        action(&database);
    }
    Ok(())
}

fn look_up(env: Env, attachment: u32, number: u32) -> Result<Lookup> {
    let found = attachments::with(env, attachment, |environment| environment.database(number))?;
    // A copy of our JavaScript that is not attached any more had nothing open.
    Ok(found.unwrap_or(Lookup::Closed))
}

fn error_record<'env>(env: &'env Env, error: &Error) -> Result<ArrayBuffer<'env>> {
    let mut records = Records::new(JobId::NONE);
    records.error(Outcome::default(), error.record(), None);
    ArrayBuffer::copy_from(env, records.take())
}
