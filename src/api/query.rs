//! Functions of clients: opening, running calls, closing. The native half of a client is called a
//! database here.

use std::sync::Arc;

use napi::bindgen_prelude::{ArrayBuffer, Either, Env, Error as NapiError, Result, Uint8Array};
use napi_derive::napi;

use super::arguments::milliseconds;
use super::call_buffer::CallBuffer;
use crate::client::error::Error;
use crate::client::state::Options;
use crate::client::{Client, Move, Refused};
use crate::environment::{self, Lookup, attachments};
use crate::failpoints::{Point, reach};
use crate::files;
use crate::jobs::cancel::CancelReason;
use crate::jobs::ids::{JobId, TransactionId};
use crate::jobs::panics;
use crate::sqlite::{Found, Location, RunOptions};
use crate::swap::database::recovery;
use crate::sync::Mutex;
use crate::wire::records::{Outcome, Records};

/// The result of queueing work.
#[napi]
#[derive(Debug, PartialEq, Eq)]
pub enum Submitted {
    /// The work is queued, and its job will be answered.
    Accepted,
    /// The work is done. The records of its answer are at the beginning of the request's buffer.
    Answered,
    /// The client is closed or closing.
    Closed,
    /// No client ever had this number.
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

/// The options of a database that few clients have.
#[napi(object)]
#[derive(Default)]
pub struct RareOptions {
    /// Whether a missing file is an error, and not created.
    pub must_exist: bool,
    /// Whether the arguments of a statement have to be those of its parameters.
    pub strict: bool,
    /// Whether the tables of columns are wanted.
    pub tables: bool,
    /// How long a statement may run, in milliseconds.
    pub query_timeout: Option<f64>,
    /// The limits of each connection: SQLite's number of one, and its value, again and again.
    pub limits: Vec<i32>,
    /// The content of a database in memory.
    pub data: Option<Uint8Array>,
}

/// Opens a database and its first connection. Returns the number of the database, or an error record.
///
/// `location` is the path of the file, or SQLite's URI of an in-memory database with `in_memory`. An empty path
/// is SQLite's temporary database. `timeout` is the setting in milliseconds. With `numbers`, integers become
/// JavaScript numbers, and an unsafe integer is an error. `connections` is the largest number of connections
/// that may be open at once, without those of the `readers` reader lanes. With `adopt_vector_indexes`, vector
/// indexes of libSQL are taken over when they are met.
#[napi(catch_unwind)]
#[allow(clippy::too_many_arguments, reason = "each property of an object costs a lookup")]
pub fn open_database<'env>(
    env: &'env Env,
    attachment: u32,
    location: String,
    in_memory: bool,
    timeout: f64,
    numbers: bool,
    read_only: bool,
    connections: u32,
    readers: u32,
    group_commit: bool,
    background_checkpoints: bool,
    adopt_vector_indexes: bool,
    rare: Option<RareOptions>,
) -> Result<Either<u32, ArrayBuffer<'env>>> {
    reach(Point::Call);
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
    let rare = rare.unwrap_or_default();
    let options = Options {
        location,
        timeout: milliseconds(timeout),
        read_only,
        most_lanes: connections as usize,
        readers: readers as usize,
        group_commit,
        background_checkpoints,
        adopts_vector_indexes: adopt_vector_indexes,
        must_exist: rare.must_exist,
        run: RunOptions {
            strict: rare.strict,
            numbers,
            tables: rare.tables,
            time_limit: rare.query_timeout.map(milliseconds),
        },
        limits: rare.limits.chunks_exact(2).map(|limit| (limit[0], limit[1])).collect(),
        content: Arc::new(Mutex::new(rare.data.map(|data| data.to_vec()))),
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

/// Opens a database again that `shutDownDatabase` has closed. The database keeps its number and its
/// settings, and opens the file that its path names now. Returns null, or an error record.
#[napi(catch_unwind)]
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

/// Gives the text of a statement a number (not 0), by which requests can refer to it.
#[napi(catch_unwind)]
pub fn define_statement(
    env: Env,
    attachment: u32,
    database: u32,
    id: u32,
    sql: String,
) -> Result<()> {
    with_database(env, attachment, database, |database| database.define_statement(id, sql))
}

/// Frees the number of a statement.
#[napi(catch_unwind)]
pub fn forget_statement(env: Env, attachment: u32, database: u32, id: u32) -> Result<()> {
    with_database(env, attachment, database, |database| database.forget_statement(id))
}

/// Runs a request, the first `length` bytes of `buffer`, or queues it. `transaction` is the number of the
/// job that began the transaction of the call, or 0 outside of transactions. The addon chooses the lane.
/// With `in_place`, the request may run on this thread. Its answer is then in `buffer`.
#[napi(catch_unwind)]
#[allow(clippy::too_many_arguments)]
pub fn submit(
    env: Env,
    attachment: u32,
    database: u32,
    job: u32,
    transaction: u32,
    #[napi(ts_arg_type = "Uint8Array")] buffer: CallBuffer,
    length: u32,
    in_place: bool,
) -> Result<Submitted> {
    let (job, transaction) = (JobId(job), TransactionId(transaction));
    let length = length as usize;
    // SAFETY: the bytes are JavaScript's, on whose thread we are. No JavaScript runs before this function
    // returns, so nobody else reads or writes them, and the buffer is not detached meanwhile.
    let buffer = unsafe { buffer.into_slice() };
    if length > buffer.len() {
        return Err(NapiError::from_reason("length is beyond the buffer"));
    }
    if in_place
        && let Lookup::Found(found) = look_up(env, attachment, database)?
        && found.run_in_place(job, transaction, buffer, length) == Ok(true)
    {
        return Ok(Submitted::Answered);
    }
    let request = buffer[..length].to_vec();
    hand_over(env, attachment, database, |found| found.submit(job, transaction, request))
}

/// The state of the lanes, as bits of `LaneFlag` (`wire/kinds`). 0 if the client is closed.
#[napi(catch_unwind)]
pub fn lane_state(env: Env, attachment: u32, database: u32) -> Result<u32> {
    Ok(match look_up(env, attachment, database)? {
        Lookup::Found(client) => u32::from(client.lane_state()),
        Lookup::Closed | Lookup::NeverOpened => 0,
    })
}

/// What a client has counted: open connections, those of them that only read; how often a statement was found
/// prepared and had to be prepared; the commits that calls have shared, and these calls. Empty if the client is closed.
#[napi(catch_unwind)]
pub fn database_stats(env: Env, attachment: u32, database: u32) -> Result<Vec<f64>> {
    Ok(match look_up(env, attachment, database)? {
        Lookup::Found(client) => {
            let (connections, readers) = client.counts().connections();
            let Found { hits, misses } = client.counts().found();
            let (groups, grouped) = client.counts().groups();
            let counts =
                [u64::from(connections), u64::from(readers), hits, misses, groups, grouped];
            #[allow(clippy::cast_precision_loss, reason = "nobody counts beyond 2^53")]
            let counts = counts.map(|count| count as f64);
            counts.to_vec()
        }
        Lookup::Closed | Lookup::NeverOpened => Vec::new(),
    })
}

/// Frees the lane of a transaction for other calls. To be called when the transaction is over, or when
/// its last request is queued.
#[napi(catch_unwind)]
pub fn release_transaction(
    env: Env,
    attachment: u32,
    database: u32,
    transaction: u32,
) -> Result<()> {
    with_database(env, attachment, database, |client| client.release(TransactionId(transaction)))
}

/// The state of a client's move to the lane that it is pinned to.
#[napi]
#[derive(Debug, PartialEq, Eq)]
pub enum LaneMove {
    /// The move cannot begin yet.
    NotNow,
    /// The move has begun. `finishLaneMove` is to be called once every call of the main lane is answered.
    Begun,
    /// The pinned lane is the main lane.
    Done,
}

/// Begins to make the pinned lane of a client its main lane.
#[napi(catch_unwind)]
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

/// Finishes a move that `beginLaneMove` has begun.
#[napi(catch_unwind)]
pub fn finish_lane_move(env: Env, attachment: u32, database: u32) -> Result<()> {
    with_database(env, attachment, database, Client::finish_move)
}

/// Closes the idle lanes, except the main lane.
#[napi(catch_unwind)]
pub fn close_idle_lanes(env: Env, attachment: u32, database: u32) -> Result<()> {
    with_database(env, attachment, database, Client::close_idle_lanes)
}

/// Cancels one job on behalf of its caller's `AbortSignal`.
#[napi(catch_unwind)]
pub fn cancel(env: Env, attachment: u32, database: u32, job: u32) -> Result<()> {
    with_database(env, attachment, database, |client| client.cancel(JobId(job)))
}

/// Rolls back the transaction that the job `transaction` began. Waits for the rollback, for at most
/// 100 ms.
#[napi(catch_unwind)]
pub fn end_transaction(env: Env, attachment: u32, database: u32, transaction: u32) -> Result<()> {
    with_database(env, attachment, database, |client| {
        client.end_transaction(TransactionId(transaction));
    })
}

/// Closes a database. When this returns, its threads and connections are gone. Answers with the records of
/// the closing: its steps, and then its result or an error. They are at the beginning of `buffer` (true), or
/// returned if it is too small for them. False if the database was closed before.
#[napi(catch_unwind)]
pub fn close_database<'env>(
    env: &'env Env,
    attachment: u32,
    database: u32,
    #[napi(ts_arg_type = "Uint8Array")] buffer: CallBuffer,
) -> Result<Either<bool, ArrayBuffer<'env>>> {
    let Lookup::Found(found) = look_up(*env, attachment, database)? else {
        return Ok(Either::A(false));
    };
    let records = environment::close(&found, JobId::NONE);
    drop(found);
    attachments::with(*env, attachment, |environment| environment.release(database))?;
    // SAFETY: the bytes are JavaScript's, on whose thread we are. No JavaScript runs before this function
    // returns, so nobody else reads or writes them, and the buffer is not detached meanwhile.
    let buffer = unsafe { buffer.into_slice() };
    match buffer.get_mut(..records.len()) {
        Some(answer) => answer.copy_from_slice(&records),
        None => return ArrayBuffer::copy_from(env, records).map(Either::B),
    }
    Ok(Either::A(true))
}

/// Makes a shutdown that is draining cancel the remaining jobs now.
#[napi(catch_unwind)]
pub fn hurry_database(env: Env, attachment: u32, database: u32) -> Result<()> {
    with_database(env, attachment, database, Client::hurry)
}

/// Closes a database on a thread of its own, and answers `job` when the database is closed. With
/// `drain`, queued jobs run first, for at most `timeout` milliseconds.
#[napi(catch_unwind)]
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

/// The number of connections in this process that have the file at this path open.
#[napi(catch_unwind)]
#[allow(clippy::needless_pass_by_value)]
pub fn count_connections(path: String) -> u32 {
    files::FileId::of(path.as_ref())
        .map_or(0, |id| u32::try_from(files::connections(&id)).unwrap_or(u32::MAX))
}

/// Hands over work whose answer JavaScript waits for. The event loop stays alive until the answer.
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
    // A copy of our JavaScript is detached only when it has nothing open.
    Ok(found.unwrap_or(Lookup::Closed))
}

fn error_record<'env>(env: &'env Env, error: &Error) -> Result<ArrayBuffer<'env>> {
    let mut records = Records::new(JobId::NONE);
    // A callback of SQLite may have panicked. SQLite knows it only as an error of its own.
    let panic = panics::since(0).map(Error::Panicked);
    records.error(Outcome::default(), panic.as_ref().unwrap_or(error).record(), None);
    ArrayBuffer::copy_from(env, records.take())
}
