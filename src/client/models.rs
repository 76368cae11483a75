//! Models of concurrent code. shuttle runs the gate, the lane, the cancel flag, the backlog and the writer queue
//! in many interleavings, and reports the first one that breaks a guarantee.

use std::sync::Arc;
use std::time::Instant;

use super::activity::LaneKey;
use super::gate::{Gate, Shut};
use super::lane::{Answer, Behind, Interrupt, Job, Lane, Work};
use super::writer_queue::{DEFAULT_OWN_TIMEOUT, LockTimeouts, WriterQueue};
use crate::jobs::backlog::{Backlog, ENOUGH_ROOM, MOST};
use crate::jobs::cancel::{Cancel, CancelReason, WaitObserver};
use crate::jobs::ids::{CallNumber, ClientId, JobId, LaneId, WaitNumber};

use crate::sync::{Condvar, Mutex, thread};

const INTERLEAVINGS: usize = 5_000;

/// The timeouts of a call that waits until it has the writer slot or is cancelled.
const PATIENT: LockTimeouts = LockTimeouts {
    others: std::time::Duration::ZERO,
    own: std::time::Duration::from_secs(1 << 20),
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Ran,
    Rejected(CancelReason),
    Interrupted(CancelReason),
}

/// How each job has ended, by its number.
type Ends = Arc<Mutex<Vec<(u32, End)>>>;

struct ModelJob {
    id: u32,
    /// Whether the job runs until it is cancelled.
    endless: bool,
    ends: Ends,
}

impl Job for ModelJob {
    fn id(&self) -> JobId {
        JobId(self.id)
    }
    fn reject(self, reason: CancelReason) {
        self.ends.lock().unwrap().push((self.id, End::Rejected(reason)));
    }
}

struct ModelWork {
    cancel: Arc<Cancel>,
    wake: Arc<(Mutex<()>, Condvar)>,
}

impl Work for ModelWork {
    type Job = ModelJob;
    type Answer = ModelAnswer;
    fn run(&mut self, job: ModelJob, _: &dyn Behind<ModelJob>) -> ModelAnswer {
        let mut guard = self.wake.0.lock().unwrap();
        let end = loop {
            if let Some(reason) = self.cancel.reason() {
                break End::Interrupted(reason);
            }
            if !job.endless {
                break End::Ran;
            }
            guard = self.wake.1.wait(guard).unwrap();
        };
        drop(guard);
        ModelAnswer { id: job.id, end, ends: job.ends }
    }
}

struct ModelAnswer {
    id: u32,
    end: End,
    ends: Ends,
}

impl Answer for ModelAnswer {
    fn send(self) {
        self.ends.lock().unwrap().push((self.id, self.end));
    }
}

fn lane() -> Lane<ModelWork> {
    let cancel = Arc::new(Cancel::default());
    let wake = Arc::new((Mutex::new(()), Condvar::new()));
    let interrupt: Interrupt = {
        let wake = Arc::clone(&wake);
        Arc::new(move || {
            drop(wake.0.lock().unwrap());
            wake.1.notify_all();
        })
    };
    let work = ModelWork { cancel: Arc::clone(&cancel), wake };
    Lane::new("model".into(), work, cancel, interrupt, None)
}

fn end_of(ends: &Ends, id: u32) -> End {
    let ends = ends.lock().unwrap();
    let mut own = ends.iter().filter(|(job, _)| *job == id);
    let (_, end) = own.next().expect("a job without an answer");
    assert!(own.next().is_none(), "a job with two answers");
    *end
}

/// Closing against submitting: each job that passes the gate is answered exactly once, before the closing
/// is over. No job passes a gate that is shut.
#[test]
fn every_job_that_passed_the_gate_is_answered_once() {
    shuttle::check_random(
        || {
            let gate = Arc::new(Gate::new());
            gate.open();
            let lane = Arc::new(lane());
            let ends: Ends = Arc::default();
            let callers: Vec<_> = (0..2)
                .map(|caller| {
                    let (gate, lane, ends) =
                        (Arc::clone(&gate), Arc::clone(&lane), Arc::clone(&ends));
                    thread::spawn(move || {
                        let mut accepted = Vec::new();
                        for id in [caller * 10 + 1, caller * 10 + 2] {
                            let Ok(_pass) = gate.enter() else { break };
                            accepted.push(id);
                            lane.push(ModelJob { id, endless: id == 1, ends: Arc::clone(&ends) });
                        }
                        accepted
                    })
                })
                .collect();
            assert_eq!(gate.shut(), Shut::First);
            lane.stop(CancelReason::ClientClosed);
            assert!(lane.join().is_some(), "join returns the work");
            gate.mark_closed();
            let answered = ends.lock().unwrap().len();
            for caller in callers {
                for id in caller.join().unwrap() {
                    end_of(&ends, id);
                }
            }
            assert_eq!(ends.lock().unwrap().len(), answered, "an answer after the closing");
            assert!(gate.enter().is_err());
        },
        INTERLEAVINGS,
    );
}

/// A cancel ends its own job or comes too late. It never ends the next job.
#[test]
fn a_cancel_never_hits_another_job() {
    shuttle::check_random(
        || {
            let lane = Arc::new(lane());
            let ends: Ends = Arc::default();
            for id in 1..=3 {
                lane.push(ModelJob { id, endless: false, ends: Arc::clone(&ends) });
            }
            let canceller = {
                let lane = Arc::clone(&lane);
                thread::spawn(move || lane.cancel(JobId(2), CancelReason::Aborted))
            };
            canceller.join().unwrap();
            lane.seal();
            lane.join();
            assert_eq!(end_of(&ends, 1), End::Ran);
            assert!(matches!(
                end_of(&ends, 2),
                End::Ran
                    | End::Rejected(CancelReason::Aborted)
                    | End::Interrupted(CancelReason::Aborted)
            ));
            assert_eq!(end_of(&ends, 3), End::Ran);
        },
        INTERLEAVINGS,
    );
}

/// A cancel ends an endless job, whether the job is queued or running.
#[test]
fn a_cancel_is_never_lost() {
    shuttle::check_random(
        || {
            let lane = Arc::new(lane());
            let ends: Ends = Arc::default();
            lane.push(ModelJob { id: 1, endless: true, ends: Arc::clone(&ends) });
            lane.cancel(JobId(1), CancelReason::Aborted);
            lane.seal();
            lane.join();
            assert_ne!(end_of(&ends, 1), End::Ran);
        },
        INTERLEAVINGS,
    );
}

/// One of several closers does the closing. The others return only when it has finished.
#[test]
fn closers_share_one_closing() {
    shuttle::check_random(
        || {
            let gate = Arc::new(Gate::new());
            gate.open();
            let closed = Arc::new(Mutex::new(0));
            let closers: Vec<_> = (0..3)
                .map(|_| {
                    let (gate, closed) = (Arc::clone(&gate), Arc::clone(&closed));
                    thread::spawn(move || {
                        match gate.shut() {
                            Shut::First => {
                                *closed.lock().unwrap() += 1;
                                gate.mark_closed();
                            }
                            Shut::Underway => gate.wait_closed(),
                            Shut::Done => {}
                        }
                        assert_eq!(*closed.lock().unwrap(), 1);
                    })
                })
                .collect();
            for closer in closers {
                closer.join().unwrap();
            }
        },
        INTERLEAVINGS,
    );
}

fn lane_of(client: u64, lane: u32) -> LaneKey {
    LaneKey { client: ClientId(client), lane: LaneId(lane) }
}

/// One lane at a time has the writer slot. Every writer gets it, those of one client in the order of their
/// calls.
#[test]
fn one_lane_at_a_time_has_the_writer_slot_and_in_order() {
    const TIMEOUTS: LockTimeouts =
        LockTimeouts { others: std::time::Duration::ZERO, own: DEFAULT_OWN_TIMEOUT };
    shuttle::check_random(
        || {
            let queue = Arc::new(WriterQueue::default());
            let writing = Arc::new(Mutex::new(Vec::new()));
            let holders = Arc::new(Mutex::new(0));
            let tickets: Vec<_> = (0..3)
                .map(|number| {
                    // The first two lanes are of one client.
                    let lane = lane_of(u64::from(number / 2), number);
                    let call = CallNumber::next();
                    (lane, call, queue.reserve(lane.client, call))
                })
                .collect();
            let writers: Vec<_> = tickets
                .into_iter()
                .map(|(lane, call, ticket)| {
                    let (queue, writing) = (Arc::clone(&queue), Arc::clone(&writing));
                    let holders = Arc::clone(&holders);
                    thread::spawn(move || {
                        queue.begin_job(lane);
                        queue
                            .take_slot(lane, call, TIMEOUTS, &Cancel::default(), Instant::now())
                            .unwrap();
                        drop(ticket);
                        *holders.lock().unwrap() += 1;
                        writing.lock().unwrap().push(lane);
                        thread::yield_now();
                        let mut holders = holders.lock().unwrap();
                        assert_eq!(*holders, 1, "two lanes have the slot");
                        *holders -= 1;
                        drop(holders);
                        queue.end_job(lane, false);
                    })
                })
                .collect();
            for writer in writers {
                writer.join().unwrap();
            }
            let mut writing = writing.lock().unwrap().clone();
            let others = writing.iter().position(|lane| *lane == lane_of(1, 2)).unwrap();
            writing.remove(others);
            assert_eq!(writing, [lane_of(0, 0), lane_of(0, 1)]);
        },
        INTERLEAVINGS,
    );
}

/// A cancel wakes a waiting writer, even if it comes while the writer is about to sleep.
#[test]
fn a_cancelled_writer_leaves_the_queue() {
    shuttle::check_random(
        || {
            let queue = Arc::new(WriterQueue::default());
            queue.begin_job(lane_of(0, 0));
            queue
                .take_slot(
                    lane_of(0, 0),
                    CallNumber::next(),
                    PATIENT,
                    &Cancel::default(),
                    Instant::now(),
                )
                .unwrap();
            let cancel = Arc::new(Cancel::default());
            let waiter = {
                let (queue, cancel) = (Arc::clone(&queue), Arc::clone(&cancel));
                let call = CallNumber::next();
                thread::spawn(move || {
                    queue.begin_job(lane_of(0, 1));
                    queue.take_slot(lane_of(1, 1), call, PATIENT, &cancel, Instant::now())
                })
            };
            cancel.raise(CancelReason::ClientClosed);
            queue.wake();
            assert!(waiter.join().unwrap().is_err());
            queue.end_job(lane_of(0, 0), false);
            queue.begin_job(lane_of(0, 2));
            queue
                .take_slot(
                    lane_of(0, 2),
                    CallNumber::next(),
                    PATIENT,
                    &Cancel::default(),
                    Instant::now(),
                )
                .unwrap();
        },
        INTERLEAVINGS,
    );
}

/// Whether a wait is told of now, and the signal that it is.
#[derive(Default)]
struct Told {
    waits: Mutex<Vec<WaitNumber>>,
    changed: Condvar,
}

impl WaitObserver for Told {
    fn begin_wait(&self, wait: WaitNumber) {
        self.waits.lock().unwrap().push(wait);
        self.changed.notify_all();
    }

    fn end_wait(&self, wait: WaitNumber) {
        self.waits.lock().unwrap().retain(|other| *other != wait);
    }
}

/// A writer tells that it waits for an idle transaction, whatever it has waited for before: a transaction that was called
/// earlier and takes the slot later, a checkpoint, another transaction. The transaction ends only then.
#[test]
fn a_writer_tells_of_its_wait_for_an_idle_transaction() {
    let take = |queue: &Arc<WriterQueue>, lane, call, cancel: &Cancel| {
        queue.begin_job(lane);
        queue.take_slot(lane, call, PATIENT, cancel, Instant::now()).unwrap();
    };
    shuttle::check_random(
        move || {
            let queue = Arc::new(WriterQueue::default());
            let checkpointer = LaneKey { client: ClientId(1), lane: LaneId::reader(0) };
            let (early, late) = (CallNumber::next(), CallNumber::next());
            let ticket = queue.reserve(ClientId(0), early);
            let told = Arc::new(Told::default());
            let checkpoint = {
                let queue = Arc::clone(&queue);
                thread::spawn(move || {
                    take(&queue, checkpointer, CallNumber::next(), &Cancel::default());
                    thread::yield_now();
                    queue.end_job(checkpointer, false);
                })
            };
            let writer = {
                let (queue, told) = (Arc::clone(&queue), Arc::clone(&told));
                thread::spawn(move || {
                    let observer: Arc<dyn WaitObserver> = told;
                    let cancel = Cancel::observed(Arc::downgrade(&observer));
                    take(&queue, lane_of(0, 0), late, &cancel);
                    queue.end_job(lane_of(0, 0), false);
                })
            };
            take(&queue, lane_of(0, 1), early, &Cancel::default());
            drop(ticket);
            queue.end_job(lane_of(0, 1), true);
            let mut waits = told.waits.lock().unwrap();
            while waits.is_empty() {
                waits = told.changed.wait(waits).unwrap();
            }
            drop(waits);
            queue.end_job(lane_of(0, 1), false);
            writer.join().unwrap();
            checkpoint.join().unwrap();
            assert!(told.waits.lock().unwrap().is_empty());
        },
        INTERLEAVINGS / 5,
    );
}

/// A lane that waits for room goes on once JavaScript has fetched, and never has more than its limit and one
/// letter in the mailbox.
#[test]
fn a_lane_that_waits_for_room_is_woken_by_a_fetch() {
    const LETTER: usize = ENOUGH_ROOM - 1;
    const LETTERS: usize = 8;
    shuttle::check_random(
        || {
            let backlog = Arc::new(Backlog::new(Arc::new(Cancel::default())));
            let mailbox = Arc::new(Mutex::new(Vec::new()));
            let lane = {
                let (backlog, mailbox) = (Arc::clone(&backlog), Arc::clone(&mailbox));
                thread::spawn(move || {
                    for _ in 0..LETTERS {
                        backlog.wait_for_room().unwrap();
                        let load = backlog.add(LETTER);
                        let mut letters = mailbox.lock().unwrap();
                        letters.push(load);
                        assert!((letters.len() - 1) * LETTER <= MOST, "{}", letters.len());
                    }
                })
            };
            let mut fetched = 0;
            while fetched < LETTERS {
                let letters = std::mem::take(&mut *mailbox.lock().unwrap());
                fetched += letters.len();
                drop(letters);
                thread::yield_now();
            }
            lane.join().unwrap();
        },
        INTERLEAVINGS,
    );
}

/// A cancel ends the wait for room, even if it comes while the lane is about to sleep and nothing is fetched.
#[test]
fn a_cancel_ends_the_wait_for_room() {
    shuttle::check_random(
        || {
            let cancel = Arc::new(Cancel::default());
            let backlog = Arc::new(Backlog::new(Arc::clone(&cancel)));
            let unfetched = backlog.add(MOST + 1);
            let lane = {
                let backlog = Arc::clone(&backlog);
                thread::spawn(move || backlog.wait_for_room())
            };
            cancel.raise(CancelReason::Aborted);
            assert_eq!(lane.join().unwrap(), Err(CancelReason::Aborted));
            drop(unfetched);
        },
        INTERLEAVINGS,
    );
}
