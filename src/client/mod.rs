//! One client: its gate, its lanes, its queue of writers, and how it is closed.

mod activity;
mod busy;
mod closing;
pub mod error;
mod gate;
mod hooks;
mod lane;
mod lanes;
#[cfg(test)]
#[cfg(feature = "model")]
mod models;
mod row_sink;
mod run;
mod session;
mod settings;
pub mod state;
#[cfg(test)]
#[cfg(not(feature = "model"))]
mod tests;
mod writer_queue;

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::files::FileId;
use crate::jobs::cancel::CancelReason;
use crate::jobs::ids::{JobId, LaneId, TransactionId};
use crate::jobs::outbox::Outbox;
use crate::sync::atomic::AtomicBool;
use crate::sync::thread::JoinHandle;
use crate::sync::{Mutex, MutexGuard, lock};
use crate::wire::request;
use error::Error;
pub use gate::Refused;
use lane::{Cancelled, Lane};
use lanes::Lanes;
pub use lanes::Move;
use session::{Call, Session};
use state::{ClientState, Options};

/// How long `Transaction.close()` waits for its rollback before it leaves it to the lane's thread.
const ROLLBACK_LIMIT: Duration = Duration::from_millis(100);

/// See the module's documentation.
pub struct Client {
    state: Arc<ClientState>,
    lanes: Mutex<Lanes>,
    /// The file that the client has opened first: every later connection must find the same.
    file: Arc<OnceLock<FileId>>,
    /// The closing shall not wait for what is queued.
    hurry: AtomicBool,
    closer: Mutex<Option<JoinHandle<()>>>,
}

impl Client {
    /// Opens the database and its first connection, on the caller's thread: a file that cannot be opened
    /// is an error here and now. A shared cache in memory is opened by the lane's thread: it cannot fail,
    /// and SQLite would wait for the statements of those who share it. So is a file on which another
    /// process keeps a lease: that thread can wait, until a cancel.
    pub fn open(options: Options, outbox: Arc<dyn Outbox>) -> Result<Self, Error> {
        Self::open_in(Arc::new(ClientState::new(options, outbox)), None)
    }

    /// Opens a database again that was closed: with the settings and the statements that it had, on the
    /// file that is there now. None is created.
    pub fn open_again(&self) -> Result<Self, Error> {
        // It is closed already: this joins the thread that has done it.
        self.close(&mut |_, _| ())?;
        let file = match self.state.options.location.path() {
            Some(path) => Some(FileId::of(path).map_err(|error| Error::cannot_open(path, &error))?),
            None => None,
        };
        Self::open_in(Arc::new(self.state.renewed()), file)
    }

    /// `file` is the one that must be found; without it, one is created where there is none.
    fn open_in(state: Arc<ClientState>, file: Option<FileId>) -> Result<Self, Error> {
        let file = Arc::new(file.map_or_else(OnceLock::new, OnceLock::from));
        let mut session = Session::new(LaneId::MAIN, Arc::clone(&state), Arc::clone(&file));
        let shares_cache = state.options.location.shares_cache();
        if !shares_cache {
            match session.open() {
                Err(error) if error.is_leased() => {}
                opened => opened?,
            }
        }
        let lanes = Lanes::new(lane(LaneId::MAIN, session), state.options.most_lanes);
        state.gate.open();
        let client = Self {
            state,
            lanes: Mutex::new(lanes),
            file,
            hurry: AtomicBool::new(false),
            closer: Mutex::new(None),
        };
        if shares_cache && let Some(lane) = client.lanes().of(TransactionId::NONE) {
            lane.push(client.own_call(TransactionId::NONE, request::END_ANY_TRANSACTION));
        }
        Ok(client)
    }

    /// Queues a request: the first check of the gate. The beginning of a transaction takes a lane for it;
    /// [`Client::release`] gives that back.
    pub fn submit(
        &self,
        job: JobId,
        transaction: TransactionId,
        request: Vec<u8>,
    ) -> Result<(), Refused> {
        let _pass = self.state.gate.enter()?;
        let lane = if request::is_begin(&request) {
            let open = |id| {
                let (state, file) = (Arc::clone(&self.state), Arc::clone(&self.file));
                lane(id, Session::new(id, state, file))
            };
            self.lanes().begin(job.into(), self.state.pinned_lane(), open)
        } else {
            self.lanes().of(transaction)
        };
        lane.ok_or(Refused::Closed)?.push(self.call(job, transaction, request));
        Ok(())
    }

    fn call(&self, job: JobId, transaction: TransactionId, request: Vec<u8>) -> Call {
        let number = self.state.writers.number_call();
        let ticket = request::is_write_begin(&request).then(|| self.state.writers.reserve(number));
        Call { job, request, transaction, number, ticket, client: Arc::clone(&self.state) }
    }

    /// A call that nobody waits for.
    fn own_call(&self, transaction: TransactionId, request: &[u8]) -> Call {
        self.call(JobId::NONE, transaction, request.to_vec())
    }

    /// A transaction is over, or its last request is queued: other calls can use its lane.
    pub fn release(&self, transaction: TransactionId) {
        self.lanes().release(transaction);
    }

    /// The state of the lanes, as flags ([`crate::wire::kinds::LaneFlag`]).
    pub fn lane_state(&self) -> u8 {
        self.lanes().state(self.state.pinned_lane())
    }

    /// Begins to make the lane that the client is pinned to its main lane.
    pub fn begin_move(&self) -> Move {
        self.lanes().begin_move(self.state.pinned_lane())
    }

    /// Ends that, once the former main lane has nothing to do.
    pub fn finish_move(&self) {
        let former = self.lanes().finish_move(self.state.pinned_lane());
        close_lanes(former);
    }

    /// Closes the lanes that have nothing to do, but the main lane.
    pub fn close_idle_lanes(&self) {
        let idle = self.lanes().take_idle();
        close_lanes(idle);
    }

    /// Cancels one job on behalf of its caller's `AbortSignal`.
    pub fn cancel(&self, job: JobId) {
        let lanes: Vec<_> = self.lanes().all().cloned().collect();
        for lane in lanes {
            if lane.cancel(job, CancelReason::Aborted) != Cancelled::Gone {
                return;
            }
        }
    }

    /// Ends a transaction that its owner closes: cancels what it still runs, rolls back, and waits for
    /// that, because the owner counts on its locks being free.
    pub fn end_transaction(&self, transaction: TransactionId) {
        let Ok(_pass) = self.state.gate.enter() else {
            return;
        };
        let Some(lane) = self.lanes().of(transaction) else { return };
        lane.cancel_all(CancelReason::TransactionClosed);
        lane.push(self.own_call(transaction, request::ROLLBACK));
        lane.wait_idle(Some(Instant::now() + ROLLBACK_LIMIT), &|| false);
    }

    /// Gives a statement's text a number.
    pub fn define_statement(&self, id: u32, sql: String) {
        self.state.define_statement(id, sql);
    }

    /// Takes the number of a statement back.
    pub fn forget_statement(&self, id: u32) {
        self.state.forget_statement(id);
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        lock(&self.lanes)
    }
}

/// Closes lanes that nobody can queue anything on any more.
fn close_lanes(lanes: impl IntoIterator<Item = Arc<Lane<Session>>>) {
    for lane in lanes {
        lane.seal();
        if let Some(session) = lane.join() {
            // SQLite keeps no lock of a connection that it could not close; the client's own closing
            // says so again.
            let _ = session.close();
        }
    }
}

fn lane(id: LaneId, session: Session) -> Lane<Session> {
    let (cancel, interrupt) = (session.cancel_flag(), session.interrupt());
    Lane::new(format!("latchdb-lane-{}", id.0), session, cancel, interrupt)
}
