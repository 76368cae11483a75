//! The line in which the writers of one client wait, and every other wait of its lanes for a lock.
//!
//! SQLite has one writer per database. Between the connections of one client nobody shall fail for
//! that: whoever wants to write takes the turn here first, in the order of the calls, and keeps it
//! until its connection is back in autocommit. Between clients and processes SQLite's own locks
//! decide, and the busy handler waits here too, because here a cancel finds it.
//!
//! A wait that cannot end, because the lock's holder is a transaction of this very client whose
//! owner waits for us, ends once that transaction has been idle for the client's patience.
//!
//! A reader may be in a writer's way, too, and in another reader's. Who reads a file first sets right
//! what a crash has left, or makes the index of its WAL: with the locks of a writer, for as long as
//! that takes (<https://sqlite.org/wal.html#recovery>, SQLITE_BUSY_RECOVERY). Later ones take them in
//! passing: to look again at an index that is just being written, or for a journal that is just being
//! removed. And whoever had the lock may be done before the busy handler looks here. SQLite says
//! nothing of all that, so a lock that none of ours seems to have is tried for again, for a moment,
//! where one of ours has just been at work.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use crate::cancel::Cancel;
use crate::error::Error;
use crate::sync::{Condvar, Mutex, MutexGuard};

/// Which lane of a client. The first one, 0, is the client's own; the others hold transactions.
pub type LaneId = u32;

/// How long to wait where nothing is known of the holder, and for how long a transaction of the
/// same client may be idle.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For locks of other clients and processes (the `timeout` setting; SQLite's busy_timeout).
    pub others: Duration,
    /// For a lock that an idle transaction of the same client holds.
    pub own: Duration,
}

/// Patience with an idle transaction of the same client where no `timeout` is set.
pub const DEFAULT_OWN_PATIENCE: Duration = Duration::from_secs(5);

/// How long one of the same client may be in the way in passing: a few instructions, on a machine that
/// has other things to do. Below what a conflict with other clients may take to show.
const IN_PASSING: Duration = Duration::from_millis(100);

/// What a connection waits for when SQLite's busy handler asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// To read, or to begin writing: a writer is in the way.
    Begin,
    /// To commit, holding the write lock: readers are in the way.
    Commit,
}

/// How long SQLite's own busy handler sleeps between its tries, in milliseconds (sqlite3.c,
/// sqliteDefaultBusyCallback): locks of other processes announce nothing.
const DELAYS: [u64; 9] = [1, 2, 5, 10, 15, 20, 25, 25, 25];
const LONGEST_DELAY: u64 = 50;

/// See the module's own text.
#[derive(Debug, Default)]
pub struct WriteLine {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    last_place: u64,
    holder: Option<LaneId>,
    waiting: BTreeSet<u64>,
    lanes: HashMap<LaneId, Lane>,
    /// A lane has read the file: what the first reader does is done.
    has_read: bool,
    /// When a lane was closed last.
    last_closed: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Lane {
    phase: Phase,
    since: Instant,
    in_transaction: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    Running,
    Waiting,
}

/// A place in the line, taken when the call is made. It is given back by dropping it.
#[derive(Debug)]
pub struct Place {
    line: Arc<WriteLine>,
    number: u64,
}

impl WriteLine {
    /// The number of a call, in the order of the calls: its place if it turns out to write.
    pub fn number_call(&self) -> u64 {
        let mut state = self.lock();
        state.last_place += 1;
        state.last_place
    }

    /// Stands in the line right now, for a call that is known to write.
    pub fn reserve(self: &Arc<Self>, number: u64) -> Place {
        self.lock().waiting.insert(number);
        Place { line: Arc::clone(self), number }
    }

    /// Takes the turn for `lane`, after everyone who called before. Returns at once where the lane
    /// has the turn.
    pub fn take_turn(
        self: &Arc<Self>,
        lane: LaneId,
        number: u64,
        patience: Patience,
        cancel: &Cancel,
    ) -> Result<(), Error> {
        if self.lock().holder == Some(lane) {
            return Ok(());
        }
        let place = self.reserve(number);
        let began = Instant::now();
        let mut state = self.lock();
        loop {
            cancel.check()?;
            if state.holder.is_none() && state.waiting.first() == Some(&place.number) {
                state.holder = Some(lane);
                state.set_phase(lane, Phase::Running);
                return Ok(());
            }
            state.set_phase(lane, Phase::Waiting);
            let idle_since = state.holder.and_then(|holder| state.idle_since(holder));
            state = match idle_since {
                // The holder works, or the first in the line is about to take the turn.
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(idle_since) => {
                    let deadline = idle_since.max(began) + patience.own;
                    let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                        state.set_phase(lane, Phase::Running);
                        return Err(Error::HeldByOwnTransaction {
                            waited_ms: idle_since.elapsed().as_millis(),
                        });
                    };
                    self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Takes the turn if it is free this instant. For a transaction that has read already: waiting
    /// cannot help it, because what it has read would be stale once the turn is its own
    /// (SQLITE_BUSY_SNAPSHOT), and in a rollback journal the writer waits for it.
    pub fn try_take_turn(&self, lane: LaneId) -> bool {
        let mut state = self.lock();
        match state.holder {
            Some(holder) => holder == lane,
            None => {
                state.holder = Some(lane);
                true
            }
        }
    }

    /// A job begins on the lane.
    pub fn begin_job(&self, lane: LaneId) {
        self.lock().set_phase(lane, Phase::Running);
    }

    /// A job ended on the lane, and left a transaction open or not. Without one the turn is free.
    pub fn end_job(&self, lane: LaneId, in_transaction: bool) {
        let mut state = self.lock();
        state.set_phase(lane, Phase::Idle);
        if let Some(entry) = state.lanes.get_mut(&lane) {
            entry.in_transaction = in_transaction;
        }
        if !in_transaction && state.holder == Some(lane) {
            state.holder = None;
        }
        let anyone_else = state.lanes.len() > 1;
        drop(state);
        if anyone_else {
            self.changed.notify_all();
        }
    }

    /// A lane has read the file: until then whoever does may be recovering it.
    pub fn has_read(&self) {
        self.lock().has_read = true;
    }

    /// The lane is closed: it holds nothing any more.
    pub fn forget_lane(&self, lane: LaneId) {
        let mut state = self.lock();
        state.lanes.remove(&lane);
        state.last_closed = Some(Instant::now());
        if state.holder == Some(lane) {
            state.holder = None;
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Waits until it is worth trying again for a lock that SQLite did not give, or says that it
    /// is not: the busy handler. `tries` counts the calls for this lock, `began` is the first.
    pub fn wait_for_lock(
        &self,
        lane: LaneId,
        wanted: Wanted,
        tries: usize,
        began: Instant,
        patience: Patience,
        cancel: &Cancel,
    ) -> bool {
        let mut state = self.lock();
        if cancel.reason().is_some() {
            return false;
        }
        let left = match state.in_the_way(lane, wanted) {
            InTheWay::Working => Duration::from_millis(LONGEST_DELAY),
            InTheWay::IdleSince(since) => {
                let deadline = (since.max(began) + patience.own).max(began + patience.others);
                deadline.saturating_duration_since(Instant::now())
            }
            InTheWay::InPassing => {
                let deadline = began + patience.others.max(IN_PASSING);
                deadline.saturating_duration_since(Instant::now())
            }
            InTheWay::NobodyOfOurs => {
                (began + patience.others).saturating_duration_since(Instant::now())
            }
        };
        if left.is_zero() {
            return false;
        }
        let delay = Duration::from_millis(DELAYS.get(tries).copied().unwrap_or(LONGEST_DELAY));
        // However often it is tried: who waits for one that waits for him waits since then.
        state.set_phase(lane, Phase::Waiting);
        if let Some(entry) = state.lanes.get_mut(&lane) {
            entry.since = began;
        }
        let mut state = self
            .changed
            .wait_timeout(state, delay.min(left))
            .unwrap_or_else(PoisonError::into_inner)
            .0;
        state.set_phase(lane, Phase::Running);
        cancel.reason().is_none()
    }

    /// Makes everyone who waits look at its cancel flag.
    pub fn wake(&self) {
        // The lock orders this after a check that is going on: else its sleep would miss the signal.
        drop(self.lock());
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What of this client's own stands between a lane and the lock it wants.
enum InTheWay {
    /// For as long as it works.
    Working,
    IdleSince(Instant),
    /// For some instructions, if at all.
    InPassing,
    NobodyOfOurs,
}

impl State {
    fn set_phase(&mut self, lane: LaneId, phase: Phase) {
        let since = Instant::now();
        let entry = self.lanes.entry(lane).or_insert(Lane { phase, since, in_transaction: false });
        if entry.phase != phase {
            entry.phase = phase;
            entry.since = since;
        }
    }

    /// Since when the holder of the turn has had nothing to do; None while it works.
    fn idle_since(&self, holder: LaneId) -> Option<Instant> {
        self.lanes.get(&holder).filter(|lane| lane.phase == Phase::Idle).map(|lane| lane.since)
    }

    fn in_the_way(&self, lane: LaneId, wanted: Wanted) -> InTheWay {
        let is_passing = |since: Instant| since.elapsed() < IN_PASSING;
        let mut answer = match self.last_closed {
            Some(closed) if is_passing(closed) => InTheWay::InPassing,
            _ => InTheWay::NobodyOfOurs,
        };
        for (id, other) in &self.lanes {
            if *id == lane {
                continue;
            }
            let keeps_it = match wanted {
                Wanted::Begin => self.holder == Some(*id),
                // Who waits has read nothing yet: one that has does not wait.
                Wanted::Commit => match other.phase {
                    Phase::Running => true,
                    Phase::Idle => other.in_transaction,
                    Phase::Waiting => false,
                },
            };
            if !keeps_it {
                let may_pass = match other.phase {
                    Phase::Running if !self.has_read => return InTheWay::Working,
                    Phase::Running => true,
                    Phase::Idle => is_passing(other.since),
                    Phase::Waiting => false,
                };
                if may_pass && matches!(answer, InTheWay::NobodyOfOurs) {
                    answer = InTheWay::InPassing;
                }
                continue;
            }
            match (other.phase, &answer) {
                (Phase::Running, _) => return InTheWay::Working,
                (_, InTheWay::IdleSince(since)) if *since >= other.since => {}
                _ => answer = InTheWay::IdleSince(other.since),
            }
        }
        answer
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.line.lock().waiting.remove(&self.number);
        self.line.changed.notify_all();
    }
}

#[cfg(test)]
#[cfg(not(feature = "model"))]
mod tests {
    use super::*;
    use crate::error::CancelReason;
    use std::sync::mpsc;
    use std::thread;

    const PATIENT: Patience = Patience { others: Duration::ZERO, own: Duration::from_secs(60) };
    const IMPATIENT: Patience = Patience { others: Duration::ZERO, own: Duration::from_millis(20) };

    fn line() -> Arc<WriteLine> {
        Arc::new(WriteLine::default())
    }

    fn take(line: &Arc<WriteLine>, lane: LaneId, patience: Patience) -> Result<(), Error> {
        line.begin_job(lane);
        line.take_turn(lane, line.number_call(), patience, &Cancel::default())
    }

    /// Longer than anybody is in the way in passing.
    fn long_ago() -> Instant {
        Instant::now().checked_sub(10 * IN_PASSING).unwrap()
    }

    fn assert_in_passing(line: &WriteLine) {
        let cancel = Cancel::default();
        assert!(line.wait_for_lock(0, Wanted::Begin, 0, Instant::now(), PATIENT, &cancel));
        assert!(!line.wait_for_lock(0, Wanted::Begin, 0, long_ago(), PATIENT, &cancel));
    }

    #[test]
    fn the_turn_goes_round_in_the_order_of_the_calls_not_of_the_arrivals() {
        let line = line();
        let (early, late) = (line.number_call(), line.number_call());
        let reserved = line.reserve(early);
        let (said, heard) = mpsc::channel();
        let late_writer = {
            let (line, said) = (Arc::clone(&line), said.clone());
            thread::spawn(move || {
                line.begin_job(2);
                line.take_turn(2, late, PATIENT, &Cancel::default()).unwrap();
                said.send("late").unwrap();
            })
        };
        line.begin_job(1);
        line.take_turn(1, early, PATIENT, &Cancel::default()).unwrap();
        drop(reserved);
        said.send("early").unwrap();
        line.end_job(1, false);
        late_writer.join().unwrap();
        assert_eq!(heard.iter().take(2).collect::<Vec<_>>(), ["early", "late"]);
    }

    #[test]
    fn a_dropped_place_lets_the_next_one_pass() {
        let line = line();
        let gone = line.reserve(line.number_call());
        drop(gone);
        assert!(take(&line, 1, PATIENT).is_ok());
    }

    #[test]
    fn a_wait_for_an_idle_transaction_ends_with_a_lock_error() {
        let line = line();
        take(&line, 1, PATIENT).unwrap();
        line.end_job(1, true);
        let error = take(&line, 0, IMPATIENT).unwrap_err();
        assert_eq!(error.code(), "SQLITE_BUSY");
        line.begin_job(1);
        line.end_job(1, false);
        assert!(take(&line, 0, IMPATIENT).is_ok());
    }

    #[test]
    fn a_cancel_wakes_who_waits_in_the_line() {
        let line = line();
        take(&line, 1, PATIENT).unwrap();
        line.end_job(1, true);
        let cancel = Arc::new(Cancel::default());
        let waiter = {
            let (line, cancel) = (Arc::clone(&line), Arc::clone(&cancel));
            thread::spawn(move || line.take_turn(0, 99, PATIENT, &cancel))
        };
        cancel.raise(CancelReason::ClientClosed);
        line.wake();
        assert_eq!(waiter.join().unwrap().unwrap_err().code(), "CLIENT_CLOSED");
        line.end_job(1, false);
        assert!(take(&line, 2, PATIENT).is_ok(), "the cancelled one stands in the line no more");
    }

    #[test]
    fn a_transaction_that_has_read_does_not_wait() {
        let line = line();
        take(&line, 1, PATIENT).unwrap();
        assert!(!line.try_take_turn(2));
        assert!(line.try_take_turn(1));
        line.end_job(1, false);
        assert!(line.try_take_turn(2));
    }

    #[test]
    fn a_lock_of_another_process_is_waited_for_as_long_as_the_timeout_says() {
        let line = line();
        line.begin_job(0);
        let cancel = Cancel::default();
        let none = Patience { others: Duration::ZERO, own: Duration::from_secs(60) };
        assert!(!line.wait_for_lock(0, Wanted::Begin, 0, Instant::now(), none, &cancel));
        let some = Patience { others: Duration::from_secs(60), own: Duration::from_secs(60) };
        assert!(line.wait_for_lock(0, Wanted::Begin, 0, Instant::now(), some, &cancel));
    }

    #[test]
    fn a_commit_waits_for_readers_of_the_same_client_without_a_timeout() {
        let line = line();
        line.begin_job(1);
        line.end_job(1, true);
        line.begin_job(0);
        let (cancel, long_ago) = (Cancel::default(), long_ago());
        assert!(line.wait_for_lock(0, Wanted::Commit, 0, long_ago, PATIENT, &cancel));
        assert!(!line.wait_for_lock(0, Wanted::Begin, 0, long_ago, PATIENT, &cancel));
        line.forget_lane(1);
        assert!(!line.wait_for_lock(0, Wanted::Commit, 0, long_ago, PATIENT, &cancel));
    }

    #[test]
    fn the_first_reader_of_the_same_client_may_be_recovering_the_file() {
        let line = line();
        line.begin_job(1);
        line.begin_job(0);
        let (cancel, long_ago) = (Cancel::default(), long_ago());
        assert!(line.wait_for_lock(0, Wanted::Begin, 0, long_ago, PATIENT, &cancel));
        line.has_read();
        assert!(!line.wait_for_lock(0, Wanted::Begin, 0, long_ago, PATIENT, &cancel));
    }

    #[test]
    fn a_reader_of_the_same_client_is_in_the_way_in_passing_only() {
        let line = line();
        line.has_read();
        line.begin_job(1);
        line.begin_job(0);
        assert_in_passing(&line);
    }

    #[test]
    fn who_had_the_lock_may_be_done_by_the_time_the_busy_handler_looks() {
        let line = line();
        line.has_read();
        take(&line, 1, PATIENT).unwrap();
        line.end_job(1, false);
        line.begin_job(0);
        assert_in_passing(&line);
        line.forget_lane(1);
        assert_in_passing(&line);
    }

    #[test]
    fn two_that_wait_for_each_other_give_up_as_one_would() {
        let line = line();
        line.has_read();
        // An idle reader keeps a commit waiting, and that keeps another one from reading.
        line.begin_job(2);
        line.end_job(2, true);
        take(&line, 1, IMPATIENT).unwrap();
        line.begin_job(3);
        line.end_job(3, true);
        line.begin_job(3);
        // Longer than any pause between two tries.
        let patience = Patience { own: Duration::from_millis(10 * LONGEST_DELAY), ..IMPATIENT };
        let began = Instant::now();
        let gives_up = |lane, wanted| {
            let cancel = Cancel::default();
            let wait = |tries| line.wait_for_lock(lane, wanted, tries, began, patience, &cancel);
            let has_given_up = (0..200).any(|tries| !wait(tries));
            line.end_job(lane, false);
            has_given_up
        };
        thread::scope(|scope| {
            let commit = scope.spawn(|| gives_up(1, Wanted::Commit));
            let begin = scope.spawn(|| gives_up(3, Wanted::Begin));
            assert!(commit.join().unwrap() && begin.join().unwrap());
        });
    }

    #[test]
    fn a_lane_s_own_last_job_is_not_in_its_way() {
        let line = line();
        line.has_read();
        take(&line, 0, PATIENT).unwrap();
        line.end_job(0, false);
        line.begin_job(0);
        let cancel = Cancel::default();
        assert!(!line.wait_for_lock(0, Wanted::Begin, 0, Instant::now(), PATIENT, &cancel));
    }

    #[test]
    fn a_cancelled_wait_for_a_lock_gives_up() {
        let line = line();
        line.begin_job(0);
        let cancel = Cancel::default();
        cancel.raise(CancelReason::Aborted);
        let long = Patience { others: Duration::from_secs(60), own: Duration::from_secs(60) };
        assert!(!line.wait_for_lock(0, Wanted::Begin, 0, Instant::now(), long, &cancel));
    }
}
