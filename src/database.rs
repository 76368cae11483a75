//! One client: its gate, its lanes, and how it is closed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::context::{Context, Location, Outbox};
use crate::error::{CancelReason, Error};
use crate::gate::{Refused, Shut};
use crate::lane::Lane;
use crate::open_files::FileId;
use crate::session::{Call, Session};
use crate::wire::request;
use crate::wire::response::{Outcome, Records};
use crate::write_line::LaneId;

/// The lane on which everything outside of transactions runs.
pub const MAIN_LANE: LaneId = 0;

/// How long `Transaction.close()` waits for its rollback before it leaves it to the lane's thread.
const ROLLBACK_LIMIT: Duration = Duration::from_millis(100);

/// See the module's own text.
pub struct Database {
    context: Arc<Context>,
    lanes: Mutex<BTreeMap<LaneId, Arc<Lane<Session>>>>,
    last_lane: AtomicU32,
    file: Option<FileId>,
    hurry: AtomicBool,
    closer: Mutex<Option<JoinHandle<()>>>,
}

impl Database {
    /// Opens the database and its first connection, on the caller's thread: a file that cannot be
    /// opened is an error here and now.
    pub fn open(
        location: Location,
        timeout: Option<Duration>,
        numbers: bool,
        outbox: Arc<dyn Outbox>,
    ) -> Result<Self, Error> {
        let context = Arc::new(Context::new(location, timeout, numbers, outbox));
        let mut session = Session::new(MAIN_LANE, Arc::clone(&context), None);
        session.open()?;
        let file = session.file_id();
        let lanes = BTreeMap::from([(MAIN_LANE, Arc::new(lane(MAIN_LANE, session)))]);
        context.gate.open();
        Ok(Self {
            context,
            lanes: Mutex::new(lanes),
            last_lane: AtomicU32::new(MAIN_LANE),
            file,
            hurry: AtomicBool::new(false),
            closer: Mutex::new(None),
        })
    }

    /// Whether the gate lets work in.
    pub fn check(&self) -> Result<(), Refused> {
        self.context.gate.enter().map(drop)
    }

    /// Queues a request on a lane: the first check of the gate. `transaction` is the job that began
    /// the transaction the request belongs to, or 0.
    pub fn submit(
        &self,
        lane: LaneId,
        job: u32,
        transaction: u32,
        request: Vec<u8>,
    ) -> Result<(), Refused> {
        let _pass = self.context.gate.enter()?;
        let lane = self.lane(lane).ok_or(Refused::Closed)?;
        lane.push(self.call(job, transaction, request));
        Ok(())
    }

    fn call(&self, job: u32, transaction: u32, request: Vec<u8>) -> Call {
        let number = self.context.line.number_call();
        let place = request::is_write_begin(&request).then(|| self.context.line.reserve(number));
        Call {
            job,
            request,
            transaction,
            number,
            place,
            context: Arc::clone(&self.context),
        }
    }

    /// A further lane, for a transaction. Its connection is opened by its first job.
    pub fn open_lane(&self) -> Result<LaneId, Refused> {
        let _pass = self.context.gate.enter()?;
        let id = self.last_lane.fetch_add(1, Ordering::Relaxed) + 1;
        let session = Session::new(id, Arc::clone(&self.context), self.file.clone());
        self.lanes().insert(id, Arc::new(lane(id, session)));
        Ok(id)
    }

    /// Closes one lane that has nothing to do, with its connection.
    pub fn close_lane(&self, lane: LaneId) -> Result<(), Error> {
        let Some(lane) = self.lanes().remove(&lane) else {
            return Ok(());
        };
        lane.stop(CancelReason::ClientClosed);
        lane.join().map_or(Ok(()), Session::close)
    }

    /// Cancels one job on behalf of its caller's `AbortSignal`.
    pub fn cancel(&self, lane: LaneId, job: u32) {
        if let Some(lane) = self.lane(lane) {
            lane.cancel(job, CancelReason::Aborted);
        }
    }

    /// Ends a transaction that its owner closes: cancels what it still runs, rolls back, and waits
    /// for that, because the owner counts on its locks being free.
    pub fn end_transaction(&self, lane: LaneId, transaction: u32) {
        let Ok(_pass) = self.context.gate.enter() else {
            return;
        };
        let Some(lane) = self.lane(lane) else { return };
        lane.cancel_all(CancelReason::TransactionClosed);
        lane.push(self.call(0, transaction, request::ROLLBACK.to_vec()));
        lane.wait_idle(Some(Instant::now() + ROLLBACK_LIMIT), &|| false);
    }

    /// Gives a statement's text a number.
    pub fn define_statement(&self, id: u32, sql: String) {
        self.context.define_statement(id, sql);
    }

    /// Takes the number of a statement back.
    pub fn forget_statement(&self, id: u32) {
        self.context.forget_statement(id);
    }

    /// Closes the client: when this returns, nothing of it is left. Callers at the same time share
    /// one closing; one that is draining is hurried on.
    ///
    /// Takes 100 ms at most, plus what cannot be interrupted: one built-in function that runs, one
    /// fsync, the closing checkpoint.
    pub fn close(&self) -> Result<Outcome, Error> {
        match self.context.gate.shut() {
            Shut::First => self.finish(None),
            Shut::Underway => {
                self.hurry.store(true, Ordering::SeqCst);
                for lane in self.lanes().values() {
                    lane.wake();
                }
                self.context.gate.wait_closed();
                self.join_closer();
                Ok(Outcome::default())
            }
            Shut::Done => {
                self.join_closer();
                Ok(Outcome::default())
            }
        }
    }

    /// Closes the client on a thread of its own and answers `job` when it is done. With `drain`
    /// what is queued is let finish first, until then at most.
    pub fn shut_down(self: &Arc<Self>, job: u32, drain: Option<Duration>) -> Result<(), Refused> {
        if self.context.gate.shut() != Shut::First {
            return Err(Refused::Closed);
        }
        let deadline = drain.map(|limit| Instant::now() + limit);
        let database = Arc::clone(self);
        let spawned = thread::Builder::new()
            .name("latchdb-closer".into())
            .spawn(move || database.finish_and_answer(job, deadline));
        match spawned {
            Ok(thread) => {
                *self.closer.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
            }
            // No thread is to be had: the caller's own does it.
            Err(_) => self.finish_and_answer(job, deadline),
        }
        Ok(())
    }

    fn finish_and_answer(&self, job: u32, drain: Option<Instant>) {
        let mut records = Records::new(job);
        match self.finish(drain) {
            Ok(outcome) => records.done(outcome),
            Err(error) => records.error(Outcome::default(), &error, None),
        }
        self.context.outbox.post(records.take(), true);
    }

    /// "Closing, in order" (ARCHITECTURE.md). The gate is shut already.
    fn finish(&self, drain: Option<Instant>) -> Result<Outcome, Error> {
        let lanes: Vec<_> = self.lanes().values().cloned().collect();
        if let Some(deadline) = drain {
            self.drain(&lanes, deadline);
        }
        let cancelled: usize = lanes
            .iter()
            .map(|lane| lane.stop(CancelReason::ClientClosed))
            .sum();
        let sessions: Vec<_> = lanes.iter().filter_map(|lane| lane.join()).collect();
        // Readers first, the writer last: the main lane is the first of the map.
        let mut result = Ok(());
        for session in sessions.into_iter().rev() {
            let closed = session.close();
            result = result.and(closed);
        }
        self.lanes().clear();
        let outcome = Outcome {
            autocommit: true,
            wal_left: self.wal_is_left(),
            cancelled: u32::try_from(cancelled).unwrap_or(u32::MAX),
            ..Outcome::default()
        };
        self.context.gate.mark_closed();
        result.map(|()| outcome)
    }

    /// Lets what is queued finish. Nobody can go on with a transaction any more, so each is rolled
    /// back behind its last queued job: the writers that wait for it get their turn.
    fn drain(&self, lanes: &[Arc<Lane<Session>>], deadline: Instant) {
        for lane in lanes {
            lane.push(self.call(0, 0, request::END_ANY_TRANSACTION.to_vec()));
            lane.seal();
        }
        for lane in lanes {
            lane.wait_idle(Some(deadline), &|| self.hurry.load(Ordering::SeqCst));
        }
    }

    fn wal_is_left(&self) -> bool {
        match &self.context.location {
            Location::File(path) => sidecar(path, "-wal").exists(),
            Location::Memory(_) | Location::Temporary => false,
        }
    }

    fn join_closer(&self) {
        let closer = self
            .closer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = closer {
            let _ = thread.join();
        }
    }

    fn lane(&self, id: LaneId) -> Option<Arc<Lane<Session>>> {
        self.lanes().get(&id).cloned()
    }

    fn lanes(&self) -> MutexGuard<'_, BTreeMap<LaneId, Arc<Lane<Session>>>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lane(id: LaneId, session: Session) -> Lane<Session> {
    let (cancel, interrupt) = (session.cancel_flag(), session.interrupt());
    Lane::new(format!("latchdb-lane-{id}"), session, cancel, interrupt)
}

/// The path of a file that SQLite keeps beside the database.
fn sidecar(path: &Path, suffix: &str) -> std::path::PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
