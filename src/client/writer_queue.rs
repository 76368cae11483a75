//! The queue in which the writers of one client wait for the writer slot.
//!
//! SQLite has one writer per database. Between the connections of one client nobody shall fail for
//! that: a lane that wants to write takes the slot here first, in the order of the calls, and keeps it
//! until its connection is back in autocommit. Between clients and processes SQLite's own locks decide:
//! see `busy`.
//!
//! A wait that cannot end, because the slot's holder is a transaction of this very client whose owner
//! waits for us, ends once that transaction has been idle for as long as the timeouts say.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::activity::{Activity, Phase};
use super::error::Error;
use crate::jobs::cancel::Cancel;
use crate::jobs::ids::LaneId;
use crate::sync::{Condvar, Mutex, lock, wait, wait_for};

/// How long to wait for a lock.
#[derive(Clone, Copy, Debug)]
pub struct LockTimeouts {
    /// For locks of other clients and processes (the `timeout` setting; SQLite's busy_timeout).
    pub others: Duration,
    /// For a lock that an idle transaction of the same client holds.
    pub own: Duration,
}

/// How long to wait for an idle transaction of the same client where no `timeout` is set.
pub const DEFAULT_OWN_TIMEOUT: Duration = Duration::from_secs(5);

/// See the module's documentation.
#[derive(Debug, Default)]
pub struct WriterQueue {
    pub(super) state: Mutex<State>,
    pub(super) changed: Condvar,
}

/// Who waits, and what the lanes do.
#[derive(Debug, Default)]
pub struct State {
    last_call: u64,
    /// The lane that has the writer slot.
    pub(super) holder: Option<LaneId>,
    waiting: BTreeSet<u64>,
    pub(super) activity: Activity,
}

/// A place in the queue, taken when the call is made. Dropping it gives it back.
#[derive(Debug)]
pub struct Ticket {
    queue: Arc<WriterQueue>,
    call: u64,
}

impl WriterQueue {
    /// The number of a call, in the order of the calls: its place if it turns out to write.
    pub fn number_call(&self) -> u64 {
        let mut state = lock(&self.state);
        state.last_call += 1;
        state.last_call
    }

    /// Joins the queue right now, for a call that is known to write.
    pub fn reserve(self: &Arc<Self>, call: u64) -> Ticket {
        lock(&self.state).waiting.insert(call);
        Ticket { queue: Arc::clone(self), call }
    }

    /// Takes the writer slot for `lane`, after every call that came before. Returns at once where the
    /// lane has the slot.
    pub fn take_slot(
        self: &Arc<Self>,
        lane: LaneId,
        call: u64,
        timeouts: LockTimeouts,
        cancel: &Cancel,
    ) -> Result<(), Error> {
        if lock(&self.state).holder == Some(lane) {
            return Ok(());
        }
        let ticket = self.reserve(call);
        let began = Instant::now();
        let mut state = lock(&self.state);
        loop {
            cancel.check()?;
            if state.holder.is_none() && state.waiting.first() == Some(&ticket.call) {
                state.holder = Some(lane);
                state.activity.set_phase(lane, Phase::Running);
                return Ok(());
            }
            state.activity.set_phase(lane, Phase::Waiting);
            let idle_since = state.holder.and_then(|holder| state.activity.idle_since(holder));
            state = match idle_since {
                // The holder works, or the first in the queue is about to take the slot.
                None => wait(&self.changed, state),
                Some(idle_since) => {
                    let deadline = idle_since.max(began) + timeouts.own;
                    let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                        state.activity.set_phase(lane, Phase::Running);
                        return Err(Error::HeldByOwnTransaction {
                            waited_ms: idle_since.elapsed().as_millis(),
                        });
                    };
                    wait_for(&self.changed, state, left)
                }
            };
        }
    }

    /// Takes the slot if it is free this instant. For a transaction that has read already: waiting
    /// cannot help it, because what it has read would be stale once the slot is its own
    /// (SQLITE_BUSY_SNAPSHOT), and in a rollback journal the writer waits for it.
    pub fn try_take_slot(&self, lane: LaneId) -> bool {
        let mut state = lock(&self.state);
        *state.holder.get_or_insert(lane) == lane
    }

    /// A job begins on the lane.
    pub fn begin_job(&self, lane: LaneId) {
        lock(&self.state).activity.set_phase(lane, Phase::Running);
    }

    /// A job ended on the lane, and left a transaction open or not. Without one the slot is free.
    pub fn end_job(&self, lane: LaneId, in_transaction: bool) {
        let mut state = lock(&self.state);
        state.activity.set_phase(lane, Phase::Idle);
        if let Some(entry) = state.activity.lanes.get_mut(&lane) {
            entry.in_transaction = in_transaction;
        }
        if !in_transaction && state.holder == Some(lane) {
            state.holder = None;
        }
        let anyone_else = state.activity.lanes.len() > 1;
        drop(state);
        if anyone_else {
            self.changed.notify_all();
        }
    }

    /// A lane has read the file: until then whoever does may be recovering it.
    pub fn has_read(&self) {
        lock(&self.state).activity.has_read = true;
    }

    /// The lane is closed: it holds nothing any more.
    pub fn forget_lane(&self, lane: LaneId) {
        let mut state = lock(&self.state);
        state.activity.lanes.remove(&lane);
        state.activity.last_closed = Some(Instant::now());
        if state.holder == Some(lane) {
            state.holder = None;
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Makes every waiting lane look at its cancel flag.
    pub fn wake(&self) {
        // The lock orders this after a check that is going on: else its sleep would miss the signal.
        drop(lock(&self.state));
        self.changed.notify_all();
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        lock(&self.queue.state).waiting.remove(&self.call);
        self.queue.changed.notify_all();
    }
}

#[cfg(test)]
#[cfg(not(feature = "model"))]
pub mod tests {
    use super::*;
    use crate::jobs::cancel::CancelReason;
    use std::sync::mpsc;
    use std::thread;

    pub const PATIENT: LockTimeouts =
        LockTimeouts { others: Duration::ZERO, own: Duration::from_secs(60) };
    pub const IMPATIENT: LockTimeouts =
        LockTimeouts { others: Duration::ZERO, own: Duration::from_millis(20) };

    pub fn queue() -> Arc<WriterQueue> {
        Arc::new(WriterQueue::default())
    }

    pub fn take(
        queue: &Arc<WriterQueue>,
        lane: LaneId,
        timeouts: LockTimeouts,
    ) -> Result<(), Error> {
        queue.begin_job(lane);
        queue.take_slot(lane, queue.number_call(), timeouts, &Cancel::default())
    }

    #[test]
    fn the_turn_goes_round_in_the_order_of_the_calls_not_of_the_arrivals() {
        let queue = queue();
        let (early, late) = (queue.number_call(), queue.number_call());
        let reserved = queue.reserve(early);
        let (said, heard) = mpsc::channel();
        let late_writer = {
            let (queue, said) = (Arc::clone(&queue), said.clone());
            thread::spawn(move || {
                queue.begin_job(LaneId(2));
                queue.take_slot(LaneId(2), late, PATIENT, &Cancel::default()).unwrap();
                said.send("late").unwrap();
            })
        };
        queue.begin_job(LaneId(1));
        queue.take_slot(LaneId(1), early, PATIENT, &Cancel::default()).unwrap();
        drop(reserved);
        said.send("early").unwrap();
        queue.end_job(LaneId(1), false);
        late_writer.join().unwrap();
        assert_eq!(heard.iter().take(2).collect::<Vec<_>>(), ["early", "late"]);
    }

    #[test]
    fn a_dropped_place_lets_the_next_one_pass() {
        let queue = queue();
        let gone = queue.reserve(queue.number_call());
        drop(gone);
        assert!(take(&queue, LaneId(1), PATIENT).is_ok());
    }

    #[test]
    fn a_wait_for_an_idle_transaction_ends_with_a_lock_error() {
        let queue = queue();
        take(&queue, LaneId(1), PATIENT).unwrap();
        queue.end_job(LaneId(1), true);
        let error = take(&queue, LaneId(0), IMPATIENT).unwrap_err();
        assert_eq!(error.code(), "SQLITE_BUSY");
        queue.begin_job(LaneId(1));
        queue.end_job(LaneId(1), false);
        assert!(take(&queue, LaneId(0), IMPATIENT).is_ok());
    }

    #[test]
    fn a_cancel_wakes_who_waits_in_the_line() {
        let queue = queue();
        take(&queue, LaneId(1), PATIENT).unwrap();
        queue.end_job(LaneId(1), true);
        let cancel = Arc::new(Cancel::default());
        let waiter = {
            let (queue, cancel) = (Arc::clone(&queue), Arc::clone(&cancel));
            thread::spawn(move || queue.take_slot(LaneId(0), 99, PATIENT, &cancel))
        };
        cancel.raise(CancelReason::ClientClosed);
        queue.wake();
        assert_eq!(waiter.join().unwrap().unwrap_err().code(), "CLIENT_CLOSED");
        queue.end_job(LaneId(1), false);
        assert!(
            take(&queue, LaneId(2), PATIENT).is_ok(),
            "the cancelled one stands in the queue no more"
        );
    }

    #[test]
    fn a_transaction_that_has_read_does_not_wait() {
        let queue = queue();
        take(&queue, LaneId(1), PATIENT).unwrap();
        assert!(!queue.try_take_slot(LaneId(2)));
        assert!(queue.try_take_slot(LaneId(1)));
        queue.end_job(LaneId(1), false);
        assert!(queue.try_take_slot(LaneId(2)));
    }
}
