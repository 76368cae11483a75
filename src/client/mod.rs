//! One client: its gate, its lanes, the writer queue of its file, and its closing.

mod activity;
mod answers;
mod aside;
mod busy;
mod call;
mod checkpoints;
mod class;
mod closing;
mod counts;
mod cursors;
mod describe;
mod dispatch;
pub mod error;
mod error_place;
mod gate;
mod group;
mod hooks;
mod in_place;
mod known_commits;
mod lane;
mod lanes;
mod line;
mod many;
#[cfg(test)]
#[cfg(feature = "model")]
mod models;
mod perform;
mod read_ahead;
mod row_sink;
mod run;
mod scratch;
mod session;
mod settings;
mod shared_queues;
pub mod state;
#[cfg(test)]
#[cfg(not(feature = "model"))]
mod tests;
pub mod timings;
mod waits;
mod writer_queue;

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::files::FileId;
use crate::jobs::cancel::CancelReason;
use crate::jobs::ids::{JobId, LaneId, TransactionId};
use crate::jobs::outbox::Outbox;
use crate::sync::atomic::AtomicBool;
use crate::sync::thread::JoinHandle;
use crate::sync::{Mutex, MutexGuard};
use crate::wire::request;
use crate::wire::request::Sql;
use call::{Call, NextLane};
use class::Class;
use counts::Counts;
use dispatch::Dispatch;
use error::Error;
pub use gate::Refused;
use lane::{Cancelled, Lane};
use lanes::Lanes;
pub use lanes::Move;
use session::Session;
use state::{ClientState, Options};

/// How long `Transaction.close()` waits for its rollback. A longer rollback ends on the lane's thread.
const ROLLBACK_LIMIT: Duration = Duration::from_millis(100);

/// How long a client that has been pinned waits until its other connections are closed.
const REST_LIMIT: Duration = Duration::from_millis(100);

/// The native half of one client of JavaScript.
pub struct Client {
    state: Arc<ClientState>,
    dispatch: Arc<Dispatch>,
    /// The file that the client opened first. Every later connection must find the same file.
    file: Arc<OnceLock<FileId>>,
    /// Whether the closing stops waiting for queued jobs.
    hurry: AtomicBool,
    closer: Mutex<Option<JoinHandle<()>>>,
}

impl Client {
    /// Opens a client and its first connection, on the caller's thread, so that a file that cannot be
    /// opened is an error of this call.
    ///
    /// In two cases the lane's thread opens the connection instead. An in-memory database with a shared
    /// cache cannot fail to open, but SQLite may wait for statements of the other connections that share
    /// the cache. A file on which another process holds a lease may take a while to open; the lane's
    /// thread can wait for it, and a cancel ends that wait.
    pub fn open(options: Options, outbox: Arc<dyn Outbox>) -> Result<Self, Error> {
        Self::open_in(Arc::new(ClientState::new(options, outbox)), None)
    }

    /// Opens a closed client again, with its former settings and statements, on the file that its path
    /// names now. Does not create a file: a missing one is an error.
    pub fn open_again(&self) -> Result<Self, Error> {
        // The client is closed already: this only joins the thread that closed it.
        self.close(&mut |_, _| ())?;
        let file = match self.state.options.location.path() {
            Some(path) => Some(FileId::of(path).map_err(|error| Error::cannot_open(path, &error))?),
            None => None,
        };
        Self::open_in(Arc::new(self.state.renewed()), file)
    }

    /// Opens a client with this state. `file` is the file that must be found. Without it, a missing file
    /// is created.
    fn open_in(state: Arc<ClientState>, file: Option<FileId>) -> Result<Self, Error> {
        let file = Arc::new(file.map_or_else(OnceLock::new, OnceLock::from));
        let next = Arc::new(NextLane::new());
        let session = Session::new(LaneId::MAIN, Arc::clone(&state), Arc::clone(&file));
        let mut session = session.handing_on_to(&next);
        let shares_cache = state.options.location.shares_cache();
        if !shares_cache {
            match session.open() {
                Err(error) if error.is_leased() => {}
                opened => opened?,
            }
        }
        let reader = |index| {
            let session = Session::reader(index, Arc::clone(&state), Arc::clone(&file));
            lane(session.handing_on_to(&next))
        };
        let readers: Vec<_> = (0..state.options.readers).map(reader).collect();
        let checkpointer = state.options.background_checkpoints.then(|| {
            let (state, file) = (Arc::clone(&state), Arc::clone(&file));
            lane(Session::checkpointer(readers.len(), state, file))
        });
        let lanes = Lanes::new(lane(session), state.options.most_lanes, readers, checkpointer);
        let dispatch = Dispatch::new(Arc::clone(&state), lanes, &next);
        state.gate.open();
        let client =
            Self { state, dispatch, file, hurry: AtomicBool::new(false), closer: Mutex::new(None) };
        if shares_cache && let Some(lane) = client.lanes().of(TransactionId::NONE) {
            lane.push(client.own_call(TransactionId::NONE, request::END_ANY_TRANSACTION));
        }
        Ok(client)
    }

    /// Queues a request, if the gate is open. A request that begins a transaction takes a lane for the
    /// transaction; [`Client::release`] gives the lane back.
    ///
    /// # Errors
    /// [`Refused`] if the client is not open. The job is not answered then.
    pub fn submit(
        &self,
        job: JobId,
        transaction: TransactionId,
        request: Vec<u8>,
    ) -> Result<(), Refused> {
        let _pass = self.state.gate.enter()?;
        let call = self.call(job, transaction, request);
        if request::is_begin(&call.request) {
            let open = |id| {
                let (state, file) = (Arc::clone(&self.state), Arc::clone(&self.file));
                lane(Session::new(id, state, file))
            };
            let only_reads = request::is_read_begin(&call.request);
            let class = {
                let mut lanes = self.lanes();
                let lane = lanes.begin(job.into(), self.state.pinned_lane(), open);
                lane.ok_or(Refused::Closed)?;
                match lanes.is_on_main(job.into()) {
                    true => Class::BeginOnMain,
                    false if request::begins_with_cursor(&call.request) => Class::BeginCursor,
                    false if only_reads => Class::BeginRead,
                    false => Class::Begin,
                }
            };
            self.dispatch.enter(call, class);
        } else if transaction == TransactionId::NONE {
            let class = self.class_of(&call.request);
            self.dispatch.enter(call, class);
        } else {
            if request::closes_cursor(&call.request, transaction.0)
                && let Some(lane) = self.lanes().of_open(transaction)
            {
                // It may be reading on.
                lane.cancel_all(CancelReason::TransactionClosed);
            }
            let lane = self.lanes().of(transaction);
            lane.ok_or(Refused::Closed)?.push(call);
        }
        Ok(())
    }

    /// What the order of the calls has to know of a request outside of transactions.
    fn class_of(&self, request: &[u8]) -> Class {
        match request::sql_of(request) {
            Some(Sql::Id(id)) => self.state.class_of(id),
            Some(Sql::Text(sql)) if request::is_execute(request) => Class::of_statement(sql),
            Some(Sql::Text(sql)) => Class::of_script(sql),
            None => Class::Main,
        }
    }

    /// Runs the request at the beginning of `buffer`, `length` bytes, on the calling thread, if the gate is
    /// open and if that takes no longer than to wake another thread. Returns whether it has run. The answer is
    /// then in `buffer`. If not, the request must be queued.
    ///
    /// # Errors
    /// [`Refused`] if the client is not open. The job is not answered then.
    pub fn run_in_place(
        &self,
        job: JobId,
        transaction: TransactionId,
        buffer: &mut [u8],
        length: usize,
    ) -> Result<bool, Refused> {
        let _pass = self.state.gate.enter()?;
        if !request::is_execute(buffer) {
            return Ok(false);
        }
        let lane = {
            let lanes = self.lanes();
            // A call that was made before comes first.
            let is_free = transaction != TransactionId::NONE || lanes.line.is_free();
            lanes.of(transaction).filter(|_| is_free)
        };
        let Some(lane) = lane else { return Ok(false) };
        let answered = lane.run_in_place(job, |session, has_thread| {
            session.run_in_place(job, transaction, buffer, length, !has_thread)
        });
        let Some(answered) = answered else { return Ok(false) };
        if answered.checkpoint_is_due {
            lane.push(self.own_call(TransactionId::NONE, request::CHECKPOINT));
        }
        Ok(true)
    }

    fn call(&self, job: JobId, transaction: TransactionId, request: Vec<u8>) -> Call {
        let mut call = Call::own(Arc::clone(&self.state), transaction, request);
        call.job = job;
        if request::is_write_begin(&call.request)
            && let Some(queue) = self.state.writers()
        {
            call.ticket = Some(queue.reserve(self.state.id, call.number));
        }
        call
    }

    /// A call of latchdb itself, without a caller and without an answer.
    fn own_call(&self, transaction: TransactionId, request: &[u8]) -> Call {
        Call::own(Arc::clone(&self.state), transaction, request)
    }

    /// Frees the lane of a transaction for other calls. To be called when the transaction is over, or
    /// when its last request is queued.
    pub fn release(&self, transaction: TransactionId) {
        self.lanes().release(transaction);
    }

    /// The state of the lanes, as flags ([`crate::wire::kinds::LaneFlag`]).
    pub fn lane_state(&self) -> u8 {
        self.lanes().state(self.state.pinned_lane())
    }

    /// What the client has counted.
    pub fn counts(&self) -> &Counts {
        &self.state.counts
    }

    /// Begins to make the pinned lane the main lane.
    pub fn begin_move(&self) -> Move {
        let begun = self.lanes().begin_move(self.state.pinned_lane());
        if begun == Move::Done {
            self.dispatch.rest(Instant::now() + REST_LIMIT);
        }
        begun
    }

    /// Finishes the move that [`Client::begin_move`] has begun, and closes the former main lane. To be
    /// called once that lane is idle.
    pub fn finish_move(&self) {
        let former = self.lanes().finish_move(self.state.pinned_lane());
        close_lanes(former);
        self.dispatch.rest(Instant::now() + REST_LIMIT);
    }

    /// Closes the idle lanes, except the main lane.
    pub fn close_idle_lanes(&self) {
        let idle = self.lanes().take_idle();
        close_lanes(idle);
    }

    /// Cancels one job on behalf of its caller's `AbortSignal`.
    pub fn cancel(&self, job: JobId) {
        if self.dispatch.cancel(job, CancelReason::Aborted) == Cancelled::Running {
            self.state.outbox.withhold_rows(job);
        }
    }

    /// Ends a transaction for `Transaction.close()`: cancels its jobs, rolls it back, and waits for the
    /// rollback for at most 100 ms. It waits because the caller expects the transaction's locks to be
    /// free afterwards.
    pub fn end_transaction(&self, transaction: TransactionId) {
        let Ok(_pass) = self.state.gate.enter() else {
            return;
        };
        // The lane of a released transaction may run other calls, which must not be cancelled.
        let Some(lane) = self.lanes().of_open(transaction) else { return };
        lane.cancel_all(CancelReason::TransactionClosed);
        lane.push(self.own_call(transaction, request::ROLLBACK));
        lane.wait_idle(Some(Instant::now() + ROLLBACK_LIMIT), &|| false);
    }

    /// Gives a statement's text a number.
    pub fn define_statement(&self, id: u32, sql: String) {
        self.state.define_statement(id, sql);
    }

    /// Frees the number of a statement.
    pub fn forget_statement(&self, id: u32) {
        self.state.forget_statement(id);
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.dispatch.lanes()
    }
}

/// Closes lanes that have been taken out of [`Lanes`], so that no call can reach them any more.
fn close_lanes(lanes: impl IntoIterator<Item = Arc<Lane<Session>>>) {
    for lane in lanes {
        lane.seal();
        if let Some(session) = lane.join() {
            // An error is ignored. SQLite holds no lock for a connection that it could not close.
            let _ = session.close();
        }
    }
}

fn lane(session: Session) -> Lane<Session> {
    let (cancel, interrupt) = (session.cancel_flag(), session.interrupt());
    let (name, rest_after) = (session.name(), session.rest_after());
    Lane::new(name, session, cancel, interrupt, rest_after)
}
