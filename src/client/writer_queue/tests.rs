//! Tests of the queue.

use super::*;
use crate::jobs::cancel::{CancelReason, WaitObserver};
use crate::jobs::ids::{LaneId, WaitNumber};
use std::sync::mpsc;
use std::thread;

pub const PATIENT: LockTimeouts =
    LockTimeouts { others: Duration::ZERO, own: Duration::from_secs(60) };
pub const IMPATIENT: LockTimeouts =
    LockTimeouts { others: Duration::ZERO, own: Duration::from_millis(20) };

pub fn queue() -> Arc<WriterQueue> {
    Arc::new(WriterQueue::default())
}

/// A lane of the client that most tests are about.
pub fn lane(lane: u32) -> LaneKey {
    LaneKey { client: ClientId(0), lane: LaneId(lane) }
}

/// The main lane of another client.
pub fn other_client() -> LaneKey {
    LaneKey { client: ClientId(1), lane: LaneId::MAIN }
}

pub fn take(queue: &Arc<WriterQueue>, lane: LaneKey, timeouts: LockTimeouts) -> Result<(), Error> {
    queue.begin_job(lane);
    queue.take_slot(lane, CallNumber::next(), timeouts, &Cancel::default(), Instant::now())
}

#[test]
fn the_writer_slot_follows_the_order_of_the_calls_not_of_the_arrivals() {
    let queue = queue();
    let (early, late) = (CallNumber::next(), CallNumber::next());
    let reserved = queue.reserve(lane(0).client, early);
    let (sender, receiver) = mpsc::channel();
    let late_writer = {
        let (queue, sender) = (Arc::clone(&queue), sender.clone());
        thread::spawn(move || {
            queue.begin_job(lane(2));
            queue.take_slot(lane(2), late, PATIENT, &Cancel::default(), Instant::now()).unwrap();
            sender.send("late").unwrap();
        })
    };
    queue.begin_job(lane(1));
    queue.take_slot(lane(1), early, PATIENT, &Cancel::default(), Instant::now()).unwrap();
    drop(reserved);
    sender.send("early").unwrap();
    queue.end_job(lane(1), false);
    late_writer.join().unwrap();
    assert_eq!(receiver.iter().take(2).collect::<Vec<_>>(), ["early", "late"]);
}

#[test]
fn a_dropped_ticket_lets_the_next_writer_pass() {
    let queue = queue();
    let ticket = queue.reserve(lane(0).client, CallNumber::next());
    drop(ticket);
    assert!(take(&queue, lane(1), PATIENT).is_ok());
}

#[test]
fn a_wait_for_an_idle_transaction_ends_with_a_lock_error() {
    let queue = queue();
    take(&queue, lane(1), PATIENT).unwrap();
    queue.end_job(lane(1), true);
    let error = take(&queue, lane(0), IMPATIENT).unwrap_err();
    assert_eq!(error.code(), "SQLITE_BUSY");
    queue.begin_job(lane(1));
    queue.end_job(lane(1), false);
    assert!(take(&queue, lane(0), IMPATIENT).is_ok());
}

#[test]
fn a_cancel_wakes_a_waiting_writer() {
    let queue = queue();
    take(&queue, lane(1), PATIENT).unwrap();
    queue.end_job(lane(1), true);
    let cancel = Arc::new(Cancel::default());
    let waiter = {
        let (queue, cancel) = (Arc::clone(&queue), Arc::clone(&cancel));
        thread::spawn(move || {
            queue.take_slot(lane(0), CallNumber::next(), PATIENT, &cancel, Instant::now())
        })
    };
    cancel.raise(CancelReason::ClientClosed);
    queue.wake();
    assert_eq!(waiter.join().unwrap().unwrap_err().code(), "CLIENT_CLOSED");
    queue.end_job(lane(1), false);
    assert!(take(&queue, lane(2), PATIENT).is_ok(), "the cancelled writer has left the queue");
}

#[test]
fn a_transaction_that_has_read_does_not_wait() {
    let queue = queue();
    take(&queue, lane(1), PATIENT).unwrap();
    assert!(!queue.try_take_slot(lane(2)));
    assert!(queue.try_take_slot(lane(1)));
    queue.end_job(lane(1), false);
    assert!(queue.try_take_slot(lane(2)));
}

#[test]
fn a_transaction_that_has_read_passes_a_checkpoint() {
    let queue = queue();
    take(&queue, checkpointer(0), PATIENT).unwrap();
    assert!(queue.try_take_slot(lane(1)));
    queue.end_job(checkpointer(0), false);
    assert!(!queue.try_take_slot(lane(2)), "the transaction keeps the slot");
    queue.end_job(lane(1), false);
    assert!(queue.try_take_slot(lane(2)));
}

/// Tells whether a wait is observed, as it begins and ends.
struct Observer(mpsc::Sender<bool>);

impl WaitObserver for Observer {
    fn begin_wait(&self, _: WaitNumber) {
        self.0.send(true).unwrap();
    }

    fn end_wait(&self, _: WaitNumber) {
        self.0.send(false).unwrap();
    }
}

/// A writer that waits for the slot on a thread of its own.
struct ObservedWriter {
    queue: Arc<WriterQueue>,
    thread: thread::JoinHandle<Result<(), Error>>,
    told: mpsc::Receiver<bool>,
}

impl ObservedWriter {
    /// Is there once it waits.
    fn start(queue: &Arc<WriterQueue>) -> Self {
        let (sender, told) = mpsc::channel();
        let writer = Arc::clone(queue);
        let thread = thread::spawn(move || {
            let observer: Arc<dyn WaitObserver> = Arc::new(Observer(sender));
            let cancel = Cancel::observed(Arc::downgrade(&observer));
            let call = CallNumber::next();
            writer.begin_job(lane(0));
            writer.take_slot(lane(0), call, PATIENT, &cancel, Instant::now())
        });
        while !lock(&queue.state).ready.values().any(|waiter| waiter.lane == lane(0)) {
            thread::yield_now();
        }
        Self { queue: Arc::clone(queue), thread, told }
    }

    /// Nothing was told for longer than the first moment of a wait.
    fn has_not_told(&self) -> bool {
        self.told.recv_timeout(10 * UNOBSERVED) == Err(mpsc::RecvTimeoutError::Timeout)
    }

    /// It tells that its wait begins, and this is known in the queue.
    fn tells(&self) -> bool {
        let begins = self.told.recv().unwrap();
        while lock(&self.queue.state).ready.values().all(|waiter| waiter.told.is_none()) {
            thread::yield_now();
        }
        begins
    }

    /// What was told before now.
    fn has_told(&self) -> bool {
        self.told.try_recv().unwrap()
    }

    /// Waits until it has the slot, and has told nothing more.
    fn succeeds(self) {
        self.thread.join().unwrap().unwrap();
        assert!(self.told.recv().is_err(), "nothing more was told");
    }
}

/// The lane of a client that makes checkpoints.
fn checkpointer(client: u64) -> LaneKey {
    LaneKey { client: ClientId(client), lane: LaneId::reader(1) }
}

#[test]
fn a_wait_for_a_checkpoint_is_not_told_of() {
    for client in [0, 1] {
        let queue = queue();
        take(&queue, checkpointer(client), PATIENT).unwrap();
        let writer = ObservedWriter::start(&queue);
        assert!(writer.has_not_told());
        queue.end_job(checkpointer(client), false);
        writer.succeeds();
    }
}

#[test]
fn a_wait_is_told_of_when_a_transaction_takes_over_from_a_checkpoint() {
    let queue = queue();
    take(&queue, checkpointer(0), PATIENT).unwrap();
    let writer = ObservedWriter::start(&queue);
    assert!(writer.has_not_told());
    assert!(queue.try_take_slot(lane(1)));
    assert!(writer.tells(), "the wait has begun");
    queue.end_job(checkpointer(0), false);
    queue.end_job(lane(1), false);
    assert!(!writer.has_told(), "the wait has ended");
    writer.succeeds();
}

#[test]
fn a_wait_is_told_of_when_a_transaction_follows_a_checkpoint() {
    let queue = queue();
    let early = CallNumber::next();
    let ticket = queue.reserve(lane(1).client, early);
    take(&queue, checkpointer(1), PATIENT).unwrap();
    let writer = ObservedWriter::start(&queue);
    assert!(writer.has_not_told());
    queue.end_job(checkpointer(1), false);
    assert!(writer.has_not_told(), "the transaction has not taken the slot");
    queue.begin_job(lane(1));
    queue.take_slot(lane(1), early, PATIENT, &Cancel::default(), Instant::now()).unwrap();
    drop(ticket);
    queue.end_job(lane(1), true);
    assert!(writer.tells(), "the transaction has the slot, and does nothing");
    queue.end_job(lane(1), false);
    assert!(!writer.has_told(), "the wait has ended");
    writer.succeeds();
}

#[test]
fn a_wait_is_not_told_of_any_more_when_a_checkpoint_follows_a_transaction() {
    let queue = queue();
    take(&queue, lane(1), PATIENT).unwrap();
    queue.end_job(lane(1), true);
    let early = CallNumber::next();
    let writer = ObservedWriter::start(&queue);
    assert!(writer.tells());
    let checkpoint = {
        let queue = Arc::clone(&queue);
        thread::spawn(move || {
            queue.begin_job(checkpointer(1));
            let cancel = Cancel::default();
            queue.take_slot(checkpointer(1), early, PATIENT, &cancel, Instant::now())
        })
    };
    while lock(&queue.state).ready.len() < 2 {
        thread::yield_now();
    }
    queue.end_job(lane(1), false);
    assert!(!writer.has_told(), "it waits for a checkpoint now");
    checkpoint.join().unwrap().unwrap();
    assert!(writer.has_not_told());
    // A transaction takes the slot after all.
    assert!(queue.try_take_slot(lane(2)));
    assert!(writer.tells());
    queue.end_job(checkpointer(1), false);
    queue.end_job(lane(2), false);
    assert!(!writer.has_told());
    writer.succeeds();
}

#[test]
fn a_call_that_has_waited_already_does_not_wait_again() {
    let queue = queue();
    take(&queue, other_client(), PATIENT).unwrap();
    queue.end_job(other_client(), true);
    thread::sleep(IN_PASSING);
    let began = Instant::now().checked_sub(IN_PASSING).unwrap();
    let number = CallNumber::next();
    queue.begin_job(lane(0));
    let waited = Instant::now();
    let taken = queue.take_slot(lane(0), number, PATIENT, &Cancel::default(), began);
    assert!(matches!(taken, Err(Error::HeldByOtherClient)));
    assert!(waited.elapsed() < IN_PASSING / 2);
}

#[test]
fn the_pauses_of_a_transaction_of_another_client_add_up() {
    let queue = queue();
    let began = Instant::now();
    take(&queue, other_client(), PATIENT).unwrap();
    for _ in 0..3 {
        queue.end_job(other_client(), true);
        thread::sleep(IN_PASSING / 2);
        queue.begin_job(other_client());
    }
    queue.end_job(other_client(), true);
    queue.begin_job(lane(0));
    let number = CallNumber::next();
    let taken = queue.take_slot(lane(0), number, PATIENT, &Cancel::default(), began);
    assert!(matches!(taken, Err(Error::HeldByOtherClient)));
    assert!(lock(&queue.state).activity.idle(other_client()).unwrap().since.elapsed() < IN_PASSING);
}

#[test]
fn a_call_that_does_not_run_yet_holds_up_its_own_client_only() {
    let queue = queue();
    let early = CallNumber::next();
    let ticket = queue.reserve(lane(0).client, early);
    assert!(take(&queue, other_client(), PATIENT).is_ok());
    queue.end_job(other_client(), false);
    let late = {
        let queue = Arc::clone(&queue);
        thread::spawn(move || take(&queue, lane(1), PATIENT))
    };
    queue.begin_job(lane(0));
    queue.take_slot(lane(0), early, PATIENT, &Cancel::default(), Instant::now()).unwrap();
    queue.end_job(lane(0), false);
    drop(ticket);
    late.join().unwrap().unwrap();
}

#[test]
fn a_transaction_of_another_client_is_waited_for_within_its_own_timeout() {
    let queue = queue();
    take(&queue, other_client(), PATIENT).unwrap();
    queue.end_job(other_client(), true);
    let began = Instant::now();
    let error = take(&queue, lane(0), PATIENT).unwrap_err();
    assert!(matches!(error, Error::HeldByOtherClient), "{error}");
    assert!(began.elapsed() >= IN_PASSING && began.elapsed() < PATIENT.own);
}
