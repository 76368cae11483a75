//! The queue in which the writers of one client wait for the writer slot.
//!
//! SQLite allows one writer per database. Writers of the same client must not fail because of that. A
//! lane that wants to write therefore takes the writer slot first, in the order of the calls, and keeps
//! it until its connection is back in autocommit mode. Between clients and processes, SQLite's own locks
//! decide; the module `busy` handles them.
//!
//! The holder of the slot may be a transaction of the same client whose owner waits for the waiting
//! call. Such a wait would never end. It ends with an error once the transaction has been idle for
//! [`LockTimeouts::own`].

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::activity::{Activity, Phase};
use super::error::Error;
use crate::jobs::cancel::Cancel;
use crate::jobs::ids::LaneId;
use crate::sync::{Condvar, Mutex, lock, wait, wait_for};

/// The longest waits for a lock.
#[derive(Clone, Copy, Debug)]
pub struct LockTimeouts {
    /// The wait for other clients and processes (the `timeout` setting; SQLite's busy_timeout).
    pub others: Duration,
    /// The wait for an idle transaction of the same client.
    pub own: Duration,
}

/// The wait for an idle transaction of the same client if no `timeout` is set.
pub const DEFAULT_OWN_TIMEOUT: Duration = Duration::from_secs(5);

/// The queue of one client's writers.
#[derive(Debug, Default)]
pub struct WriterQueue {
    pub(super) state: Mutex<State>,
    pub(super) changed: Condvar,
}

/// The holder of the slot, the waiting calls, and the activity of the lanes.
#[derive(Debug, Default)]
pub struct State {
    last_call: u64,
    /// The lane that has the writer slot.
    pub(super) holder: Option<LaneId>,
    waiting: BTreeSet<u64>,
    pub(super) activity: Activity,
}

/// A call's place in the queue. Dropping the ticket gives the place up.
#[derive(Debug)]
pub struct Ticket {
    queue: Arc<WriterQueue>,
    call: u64,
}

impl WriterQueue {
    /// A number for a new call. The numbers increase in the order of the calls, and decide the order of
    /// the writers.
    pub fn number_call(&self) -> u64 {
        let mut state = lock(&self.state);
        state.last_call += 1;
        state.last_call
    }

    /// Takes a place in the queue before the call runs, for a call that is known to write.
    pub fn reserve(self: &Arc<Self>, call: u64) -> Ticket {
        lock(&self.state).waiting.insert(call);
        Ticket { queue: Arc::clone(self), call }
    }

    /// Takes the writer slot for `lane`, after all earlier calls in the queue. Returns at once if the lane
    /// has the slot already.
    ///
    /// # Errors
    /// [`Error::HeldByOwnTransaction`] if an idle transaction of the client held the slot for too long;
    /// [`Error::Cancelled`].
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
                // The holder is working, or the first call in the queue is about to take the slot.
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

    /// Takes the slot for `lane` if the slot is free or the lane has it. Returns whether the lane has it
    /// now. Used by a transaction that has read already, which waiting cannot help: in WAL mode its
    /// snapshot would be stale once it got the slot (SQLITE_BUSY_SNAPSHOT), and in a rollback-journal
    /// mode the writer waits for this very reader.
    pub fn try_take_slot(&self, lane: LaneId) -> bool {
        let mut state = lock(&self.state);
        *state.holder.get_or_insert(lane) == lane
    }

    /// Records that a job has begun on the lane.
    pub fn begin_job(&self, lane: LaneId) {
        lock(&self.state).activity.set_phase(lane, Phase::Running);
    }

    /// Records that a job has ended on the lane, and whether it left a transaction open. If it did not,
    /// the lane gives up the slot.
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

    /// Records that a connection has read the file. Until then a lane that reads may be recovering the
    /// file.
    pub fn has_read(&self) {
        lock(&self.state).activity.has_read = true;
    }

    /// Records that the lane is closed. The lane gives up the slot.
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

    /// Makes every waiting lane check its cancel flag.
    pub fn wake(&self) {
        // A waiter holds the lock from its check until it sleeps. So this lock is taken before the
        // check, which then sees the flag, or during the sleep, which the signal ends.
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
    fn the_writer_slot_follows_the_order_of_the_calls_not_of_the_arrivals() {
        let queue = queue();
        let (early, late) = (queue.number_call(), queue.number_call());
        let reserved = queue.reserve(early);
        let (sender, receiver) = mpsc::channel();
        let late_writer = {
            let (queue, sender) = (Arc::clone(&queue), sender.clone());
            thread::spawn(move || {
                queue.begin_job(LaneId(2));
                queue.take_slot(LaneId(2), late, PATIENT, &Cancel::default()).unwrap();
                sender.send("late").unwrap();
            })
        };
        queue.begin_job(LaneId(1));
        queue.take_slot(LaneId(1), early, PATIENT, &Cancel::default()).unwrap();
        drop(reserved);
        sender.send("early").unwrap();
        queue.end_job(LaneId(1), false);
        late_writer.join().unwrap();
        assert_eq!(receiver.iter().take(2).collect::<Vec<_>>(), ["early", "late"]);
    }

    #[test]
    fn a_dropped_ticket_lets_the_next_writer_pass() {
        let queue = queue();
        let ticket = queue.reserve(queue.number_call());
        drop(ticket);
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
    fn a_cancel_wakes_a_waiting_writer() {
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
            "the cancelled writer has left the queue"
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
