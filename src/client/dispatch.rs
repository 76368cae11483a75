//! Hands the calls of one client to its lanes, and learns from the lanes when the next calls may start.
//!
//! The lock of the lanes is held for a few instructions only. What a lane needs to run a call, such as a thread,
//! it gets after the lock is free.

use std::sync::{Arc, Weak};
use std::time::Instant;

use super::call::{Call, HandOn, NextLane};
use super::checkpoints::Pass;
use super::class::Class;
use super::lane::{Cancelled, Job, Lane, Need};
use super::lanes::Lanes;
use super::line::{Aside, Step, Turns, Way};
use super::session::Session;
use super::state::{ClientState, Journal};
use crate::jobs::cancel::CancelReason;
use crate::jobs::ids::{CallNumber, JobId, LaneId, TransactionId, WaitNumber};
use crate::sync::{Condvar, Mutex, MutexGuard, lock, wait_for};
use crate::wire::request;

/// The lanes of one client, and the line of its calls.
pub struct Dispatch {
    state: Arc<ClientState>,
    lanes: Mutex<Lanes>,
    /// Signalled when all calls of the line have ended.
    done: Condvar,
}

/// What is to be done once the lanes are unlocked.
#[derive(Default)]
struct Next {
    needs: Vec<(Arc<Lane<Session>>, Need)>,
    rejected: Vec<Call>,
}

impl Dispatch {
    /// Hands the calls of a client to these lanes, which hand on to `next`.
    pub fn new(state: Arc<ClientState>, lanes: Lanes, next: &NextLane) -> Arc<Self> {
        let dispatch = Arc::new(Self { state, lanes: Mutex::new(lanes), done: Condvar::new() });
        let (turns, hands_on): (Weak<Self>, Weak<Self>) =
            (Arc::downgrade(&dispatch), Arc::downgrade(&dispatch));
        dispatch.state.know(turns);
        let _ = next.set(hands_on);
        dispatch
    }

    /// The lanes.
    pub fn lanes(&self) -> MutexGuard<'_, Lanes> {
        lock(&self.lanes)
    }

    /// Lets a call outside of transactions, or one that begins a transaction, start in its turn.
    pub fn enter(&self, mut call: Call, class: Class) {
        call.class = class;
        let (lane, queued) = {
            let mut lanes = self.lanes();
            let Some(main) = lanes.of(TransactionId::NONE) else {
                drop(lanes);
                return call.reject(CancelReason::ClientClosed);
            };
            if lanes.is_sealed || !lanes.line.start_at_once(class) {
                drop(lanes);
                return self.change(|lanes| lanes.line.enter(call.number, call.job, class, call));
            }
            call.way = Some(Way::Main);
            let queued = main.enqueue(call);
            (main, queued)
        };
        match queued {
            Ok(need) => lane.meet(need),
            Err(call) => call.reject(CancelReason::ClientClosed),
        }
    }

    /// Takes out a call that waits in the line or on a lane, or asks it to end.
    pub fn cancel(&self, job: JobId, reason: CancelReason) -> Cancelled {
        match self.cancel_once(job, reason) {
            // A lane may have handed it on between the looks at two lanes.
            Cancelled::Running if self.cancel_once(job, reason) == Cancelled::Queued => {
                Cancelled::Queued
            }
            cancelled => cancelled,
        }
    }

    fn cancel_once(&self, job: JobId, reason: CancelReason) -> Cancelled {
        let (waiting, lanes) = {
            let mut lanes = self.lanes();
            let waiting = lanes.line.remove(job);
            (waiting, lanes.all().cloned().collect::<Vec<_>>())
        };
        if let Some(call) = waiting {
            // What waited behind it may start now.
            self.change(|_| ());
            call.reject(reason);
            return Cancelled::Queued;
        }
        // The job that a lane has handed on is the current one there for another moment. The main lane comes before
        // the reader lanes: a job that is handed back meanwhile is in the line at the second time.
        let mut found = Cancelled::Gone;
        for lane in lanes {
            match lane.cancel(job, reason) {
                Cancelled::Gone => {}
                Cancelled::Running => found = Cancelled::Running,
                Cancelled::Queued => return Cancelled::Queued,
            }
        }
        found
    }

    /// Rejects the calls that wait in the line, and those that come from now on.
    pub fn seal(&self) {
        self.change(|lanes| lanes.is_sealed = true);
    }

    /// From now on each transaction is rolled back as soon as it has begun. Returns the lanes of those that have begun
    /// before.
    pub fn begin_draining(&self) -> Vec<Arc<Lane<Session>>> {
        let mut lanes = self.lanes();
        lanes.is_draining = true;
        lanes.of_begun_transactions()
    }

    /// Waits until all calls of the line have ended, or `deadline` passes, or `hurry` returns true; it is called at
    /// the beginning and after every change or [`Dispatch::wake`]. To be called after [`Dispatch::begin_draining`].
    pub fn drain(&self, deadline: Instant, hurry: &dyn Fn() -> bool) {
        let mut lanes = self.lanes();
        while !lanes.line.is_done() {
            let left = deadline.checked_duration_since(Instant::now());
            let Some(left) = left.filter(|_| !hurry()) else { return };
            lanes = wait_for(&self.done, lanes, left);
        }
    }

    /// Makes the callers of [`Dispatch::drain`] check their conditions again.
    pub fn wake(&self) {
        drop(self.lanes());
        self.done.notify_all();
    }

    /// Closes the connection that makes checkpoints and those of idle reader lanes, and waits for that: the client has
    /// been pinned to one connection, which may be the only one that the file can have from now on.
    pub fn rest(&self, deadline: Instant) {
        let (readers, checkpointer) = {
            let lanes = self.lanes();
            (lanes.readers().to_vec(), lanes.checkpointer().cloned())
        };
        if let Some(lane) = checkpointer {
            lane.wait_idle(Some(deadline), &|| false);
        }
        for (index, lane) in readers.iter().enumerate() {
            if !self.lanes().line.begin_rest(index) {
                continue;
            }
            let mut call = self.own_call(request::REST);
            call.way = Some(Way::Reader(index));
            lane.push(call);
            lane.wait_idle(Some(deadline), &|| false);
        }
    }

    /// Changes the line, and starts what may start now.
    fn change(&self, change: impl FnOnce(&mut Lanes)) {
        let next = {
            let mut lanes = self.lanes();
            change(&mut lanes);
            let next = self.advance(&mut lanes);
            if lanes.is_draining && lanes.line.is_done() {
                self.done.notify_all();
            }
            next
        };
        for call in next.rejected {
            call.reject(CancelReason::ClientClosed);
        }
        for (lane, need) in next.needs {
            lane.meet(need);
        }
    }

    /// Starts what may start now.
    fn advance(&self, lanes: &mut Lanes) -> Next {
        lanes.line.set_aside(match self.state.journal() {
            _ if self.state.pinned_lane().is_some() => Aside::Never,
            // The main lane looks at the file first: SQLite removes the WAL with the last connection that has opened it,
            // but not with one that only reads.
            Journal::Rollback | Journal::Unknown => Aside::WhileBlocked,
            Journal::Wal => Aside::Always,
        });
        let mut next = Next::default();
        if lanes.is_sealed {
            next.rejected.extend(lanes.line.take_all());
        }
        while let Some(step) = lanes.line.next() {
            let (mut call, way) = match step {
                Step::Start(call, way) => (call, way),
                Step::Rest(reader) => (self.own_call(request::REST), Way::Reader(reader)),
            };
            call.way = Some(way);
            let lane = match way {
                Way::Main => lanes.of(TransactionId::NONE),
                Way::Transaction | Way::Cursor(_) => {
                    lanes.follow(call.job.into(), self.state.pinned_lane());
                    lanes.of(call.job.into())
                }
                Way::Reader(reader) => lanes.reader(reader).cloned(),
            };
            let Some(lane) = lane else {
                next.rejected.push(call);
                continue;
            };
            let ends = lanes.is_draining && matches!(way, Way::Transaction | Way::Cursor(_));
            let end = ends.then(|| self.own_call(request::END_ANY_TRANSACTION));
            for call in [Some(call), end].into_iter().flatten() {
                match lane.enqueue(call) {
                    Ok(Need::Nothing) => {}
                    Ok(need) => next.needs.push((Arc::clone(&lane), need)),
                    Err(call) => next.rejected.push(call),
                }
            }
        }
        next
    }

    fn own_call(&self, request: &[u8]) -> Call {
        Call::own(Arc::clone(&self.state), TransactionId::NONE, request)
    }
}

impl Turns for Dispatch {
    fn ended(&self, way: Way, is_explicit: bool, has_connection: bool) {
        self.change(|lanes| {
            match way {
                Way::Main => lanes.line.set_explicit(is_explicit),
                Way::Reader(reader) => lanes.line.set_connection(reader, has_connection),
                Way::Transaction | Way::Cursor(_) => {}
            }
            lanes.line.ended(way);
        });
    }

    fn left(&self, way: Way) {
        self.change(|lanes| lanes.line.left(way));
    }

    fn begun(&self, reader: usize) {
        self.change(|lanes| lanes.line.begun(reader));
    }

    fn cursor_has_begun(&self, cursor: CallNumber) {
        self.change(|lanes| lanes.line.cursor_has_begun(cursor));
    }

    fn rested(&self, reader: usize) {
        self.change(|lanes| lanes.line.rested(reader));
    }

    fn checkpoint_is_due(&self, pass: Pass) {
        let (lane, index, mut call) = {
            let mut lanes = self.lanes();
            if lanes.is_sealed || lanes.is_draining {
                return;
            }
            let Some(index) = lanes.line.begin_checkpoint(pass) else { return };
            // It comes before the transactions behind a call that needs the file alone and waits for it.
            let call = self.own_call(match pass {
                Pass::Beside => request::CHECKPOINT,
                Pass::Whole => request::WHOLE_CHECKPOINT,
                Pass::Held | Pass::Own => request::HELD_CHECKPOINT,
            });
            (lanes.reader(index).cloned(), index, call)
        };
        if pass == Pass::Held
            && let Some(writers) = self.state.writers()
        {
            // The writes that are called from now on wait for it.
            call.ticket = Some(writers.reserve(self.state.id, call.number));
        }
        call.way = Some(Way::Reader(index));
        match lane {
            Some(lane) => lane.push(call),
            None => call.reject(CancelReason::ClientClosed),
        }
    }

    fn read_on(&self, cursors: &[TransactionId]) {
        for cursor in cursors {
            let lane = self.lanes().of_open(*cursor);
            if let Some(lane) = lane {
                lane.push(Call::own(Arc::clone(&self.state), *cursor, request::READ_ON));
            }
        }
    }

    fn set_blocked(&self, lane: LaneId, wait: WaitNumber, is_blocked: bool) {
        self.change(|lanes| {
            if lanes.main() != Some(lane) {
                return;
            }
            lanes.line.set_blocked(wait, is_blocked);
            if lanes.line.is_blocked() {
                // What was called behind a read that waits in the line starts behind it again.
                let mut has_read = false;
                take_back(lanes, |call| {
                    has_read |= call.class.is_read();
                    has_read
                });
            }
        });
    }
}

impl HandOn for Dispatch {
    fn hand_on(&self, mut call: Call, class: Class) {
        let Some(way) = call.way.take() else { return };
        call.class = class;
        self.change(|lanes| {
            lanes.line.ended(way);
            // What was called later starts after it.
            if way == Way::Main {
                take_back(lanes, |_| true);
            }
            lanes.line.enter(call.number, call.job, class, call);
        });
    }

    fn cancel_again(&self, job: JobId, reason: CancelReason) {
        self.cancel(job, reason);
    }
}

/// Takes calls back from the queue of the main lane into the line.
fn take_back(lanes: &mut Lanes, mut is_wanted: impl FnMut(&Call) -> bool) {
    let Some(main) = lanes.of(TransactionId::NONE) else { return };
    let is_wanted = |call: &Call| call.way == Some(Way::Main) && is_wanted(call);
    for mut call in main.take_back(is_wanted) {
        if let Some(way) = call.way.take() {
            lanes.line.left(way);
        }
        lanes.line.enter(call.number, call.job, call.class, call);
    }
}
