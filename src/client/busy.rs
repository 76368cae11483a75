//! The busy handler: how a connection waits while SQLite does not get a lock.
//!
//! The waits use a condition variable of the writer queue, so that a cancel can end them. The length
//! of a wait depends on the obstacle:
//!
//! - another process: the `timeout` setting;
//! - a lane of this process that is working: until it has finished;
//! - an idle transaction of this process, whose owner may wait for the waiting call: the timeouts of
//!   [`LockTimeouts`];
//! - a lane of this process that holds the lock for an instant only: 100 ms after the last lane that was
//!   working has freed the lock, or the `timeout` setting if that is longer.
//!
//! The last case exists because readers lock each other and writers out, too. The first reader of a file
//! recovers it after a crash, or builds the index of its WAL. It holds a writer's locks for as long as
//! that takes (<https://sqlite.org/wal.html#recovery>, SQLITE_BUSY_RECOVERY). Later readers take these
//! locks for an instant, for example to read an index again that is being written, or to check for a
//! journal that is being removed. The lane that held the lock may also have finished before the busy
//! handler runs. SQLite reports none of this. So if a lane has just been working, the handler retries
//! for an instant even though no lane seems to hold the lock.

use std::time::{Duration, Instant};

use super::activity::{IN_PASSING, LaneActivity, LaneKey, Phase};
use super::writer_queue::{LockTimeouts, State, WriterQueue};
use crate::jobs::cancel::Cancel;
use crate::sqlite::{LockWait, Wanted};
use crate::sync::{lock, wait_for};

/// The pauses between tries of SQLite's own busy handler, in milliseconds (sqlite3.c,
/// sqliteDefaultBusyCallback). Polling is necessary: other processes do not signal the end of a lock.
const DELAYS: [u64; 9] = [1, 2, 5, 10, 15, 20, 25, 25, 25];
const LONGEST_DELAY: u64 = 50;

impl WriterQueue {
    /// Waits for a moment before SQLite tries again to get a lock. Returns false to make SQLite give up,
    /// when the time is over or the job was cancelled. `is_told`: reads may go past the job meanwhile.
    pub fn wait_for_lock(
        &self,
        lane: LaneKey,
        LockWait { wanted, tries, began }: LockWait,
        timeouts: LockTimeouts,
        cancel: &Cancel,
        is_told: bool,
    ) -> bool {
        // Many waits end with the first one.
        let _wait = (is_told && tries > 0).then(|| cancel.begin_wait());
        let mut state = lock(&self.state);
        if cancel.reason().is_some() {
            return false;
        }
        let now = Instant::now();
        // The phase keeps the first attempt's time across retries, so that lanes which wait for each other
        // all time out.
        let entry = state.activity.set_waiting(lane, began);
        if tries == 0 {
            entry.held_at = None;
        }
        let passing_since = entry.held_at.unwrap_or(began);
        let waiting = Waiting { lane, wanted, began, passing_since, timeouts };
        let left = match waiting.deadline(&state) {
            None => {
                state.activity.set_waiting(lane, began).held_at = Some(now);
                Duration::from_millis(LONGEST_DELAY)
            }
            Some(deadline) => deadline.saturating_duration_since(now),
        };
        if left.is_zero() {
            state.activity.set_phase(lane, Phase::Running);
            return false;
        }
        let delay = Duration::from_millis(DELAYS.get(tries).copied().unwrap_or(LONGEST_DELAY));
        state.waiting_for_lock += 1;
        let mut state = wait_for(&self.lock_freed, state, delay.min(left));
        state.waiting_for_lock -= 1;
        state.activity.set_phase(lane, Phase::Running);
        cancel.reason().is_none()
    }
}

/// A wait for a lock of SQLite.
struct Waiting {
    lane: LaneKey,
    wanted: Wanted,
    /// The time of the first call of the busy handler.
    began: Instant,
    /// The time from which a lane may hold the lock in passing: the last one at which a working lane held
    /// it, or else the beginning.
    passing_since: Instant,
    timeouts: LockTimeouts,
}

impl Waiting {
    /// The end of the wait, by what the other lanes are doing. None if a lane is working that holds the
    /// lock until it has finished.
    fn deadline(&self, state: &State) -> Option<Instant> {
        let mut deadline = self.began + self.timeouts.others;
        let in_passing = self.passing_since + IN_PASSING;
        if state.activity.last_closed.is_some_and(is_passing) {
            deadline = deadline.max(in_passing);
        }
        for (key, other) in &state.activity.lanes {
            if *key == self.lane {
                continue;
            }
            let of_other = match self.holds(state, *key, other) {
                Holds::UntilItsEnd => return None,
                Holds::Until(end) => end,
                Holds::InPassing => in_passing,
                Holds::No => continue,
            };
            deadline = deadline.max(of_other);
        }
        Some(deadline)
    }

    /// Whether another lane may hold the lock, and for how long.
    fn holds(&self, state: &State, key: LaneKey, other: &LaneActivity) -> Holds {
        let has_slot = state.holder == Some(key);
        let reads_are_in_the_way = self.wanted != Wanted::Begin;
        match other.phase {
            Phase::Closing => Holds::UntilItsEnd,
            Phase::Running if has_slot || !state.activity.has_read => Holds::UntilItsEnd,
            Phase::Running => match self.wanted {
                // The write lock keeps new readers out, so the present ones are the last.
                Wanted::Commit => Holds::UntilItsEnd,
                // New readers may keep coming.
                Wanted::Exclusive => self.holds_since(true, self.began),
                Wanted::Begin => Holds::InPassing,
            },
            Phase::Idle if has_slot || reads_are_in_the_way && other.in_transaction => {
                let is_own = key.client == self.lane.client;
                self.holds_since(is_own, other.counts_from(is_own, self.began))
            }
            Phase::Idle if is_passing(other.since) => Holds::InPassing,
            Phase::Waiting if has_slot => self.holds_while_waiting(state, key, other.since),
            // A waiting lane without the slot has read nothing yet, because a transaction that has read does
            // not wait.
            Phase::Idle | Phase::Waiting => Holds::No,
        }
    }

    /// For how long the holder of the slot keeps its lock while it waits itself, most likely for the
    /// readers that are in the way of its commit.
    fn holds_while_waiting(&self, state: &State, holder: LaneKey, since: Instant) -> Holds {
        let mut idle_since = since;
        for (key, other) in &state.activity.lanes {
            match other.phase {
                Phase::Running | Phase::Closing if *key != holder && *key != self.lane => {
                    return Holds::UntilItsEnd;
                }
                Phase::Idle if other.in_transaction => idle_since = idle_since.max(other.since),
                _ => {}
            }
        }
        self.holds_since(true, idle_since)
    }

    /// A lane that does nothing since this time holds its lock until the others lose patience.
    fn holds_since(&self, is_own: bool, idle_since: Instant) -> Holds {
        Holds::Until(self.timeouts.deadline(is_own, self.began, idle_since))
    }
}

/// Whether a lane holds the lock for which another lane waits.
enum Holds {
    /// The lane is working, and holds the lock until it has finished.
    UntilItsEnd,
    /// The lane may hold the lock, and does nothing. The others wait until this time.
    Until(Instant),
    /// The lane may hold the lock for a few instructions.
    InPassing,
    /// The lane does not hold the lock.
    No,
}

fn is_passing(since: Instant) -> bool {
    since.elapsed() < IN_PASSING
}

#[cfg(test)]
#[cfg(not(feature = "model"))]
mod tests {
    use super::super::writer_queue::tests::{IMPATIENT, PATIENT, lane, other_client, queue, take};
    use super::*;
    use crate::jobs::cancel::CancelReason;
    use std::thread;

    /// A time that is further back than a lane holds a lock in passing.
    fn long_ago() -> Instant {
        Instant::now().checked_sub(10 * IN_PASSING).unwrap()
    }

    fn wait(
        queue: &WriterQueue,
        lane: LaneKey,
        wanted: Wanted,
        tries: usize,
        began: Instant,
        timeouts: LockTimeouts,
        cancel: &Cancel,
    ) -> bool {
        queue.wait_for_lock(lane, LockWait { wanted, tries, began }, timeouts, cancel, true)
    }

    fn assert_in_passing(queue: &WriterQueue) {
        let cancel = Cancel::default();
        assert!(wait(queue, lane(0), Wanted::Begin, 0, Instant::now(), PATIENT, &cancel));
        assert!(!wait(queue, lane(0), Wanted::Begin, 0, long_ago(), PATIENT, &cancel));
    }

    #[test]
    fn a_wait_for_a_lock_of_another_process_lasts_for_the_timeout() {
        let queue = queue();
        queue.begin_job(lane(0));
        let cancel = Cancel::default();
        let none = LockTimeouts { others: Duration::ZERO, own: Duration::from_secs(60) };
        assert!(!wait(&queue, lane(0), Wanted::Begin, 0, Instant::now(), none, &cancel));
        let some = LockTimeouts { others: Duration::from_secs(60), own: Duration::from_secs(60) };
        assert!(wait(&queue, lane(0), Wanted::Begin, 0, Instant::now(), some, &cancel));
    }

    #[test]
    fn a_commit_waits_for_readers_of_the_same_client_without_a_timeout() {
        let queue = queue();
        queue.begin_job(lane(1));
        queue.end_job(lane(1), true);
        queue.begin_job(lane(0));
        let (cancel, long_ago) = (Cancel::default(), long_ago());
        assert!(wait(&queue, lane(0), Wanted::Commit, 0, long_ago, PATIENT, &cancel));
        assert!(!wait(&queue, lane(0), Wanted::Begin, 0, long_ago, PATIENT, &cancel));
        queue.forget_lane(lane(1));
        assert!(!wait(&queue, lane(0), Wanted::Commit, 0, long_ago, PATIENT, &cancel));
    }

    #[test]
    fn the_first_reader_of_the_same_client_may_be_recovering_the_file() {
        let queue = queue();
        queue.begin_job(lane(1));
        queue.begin_job(lane(0));
        let (cancel, long_ago) = (Cancel::default(), long_ago());
        assert!(wait(&queue, lane(0), Wanted::Begin, 0, long_ago, PATIENT, &cancel));
        queue.has_read();
        assert!(!wait(&queue, lane(0), Wanted::Begin, 0, long_ago, PATIENT, &cancel));
    }

    #[test]
    fn a_reader_of_the_same_client_holds_a_lock_in_passing_only() {
        let queue = queue();
        queue.has_read();
        queue.begin_job(lane(1));
        queue.begin_job(lane(0));
        assert_in_passing(&queue);
    }

    #[test]
    fn the_holder_of_the_lock_may_have_finished_before_the_busy_handler_runs() {
        let queue = queue();
        queue.has_read();
        take(&queue, lane(1), PATIENT).unwrap();
        queue.end_job(lane(1), false);
        queue.begin_job(lane(0));
        assert_in_passing(&queue);
        queue.forget_lane(lane(1));
        assert_in_passing(&queue);
    }

    #[test]
    fn two_lanes_that_wait_for_each_other_both_time_out() {
        let queue = queue();
        queue.has_read();
        // An idle reader blocks the commit of lane 1, and the commit blocks the reading of lane 3.
        queue.begin_job(lane(2));
        queue.end_job(lane(2), true);
        take(&queue, lane(1), IMPATIENT).unwrap();
        queue.begin_job(lane(3));
        queue.end_job(lane(3), true);
        queue.begin_job(lane(3));
        // The timeout is longer than any pause between two tries.
        let timeouts = LockTimeouts { own: Duration::from_millis(10 * LONGEST_DELAY), ..IMPATIENT };
        let began = Instant::now();
        let gives_up = |lane, wanted| {
            let cancel = Cancel::default();
            let wait = |tries| wait(&queue, lane, wanted, tries, began, timeouts, &cancel);
            let has_given_up = (0..200).any(|tries| !wait(tries));
            queue.end_job(lane, false);
            has_given_up
        };
        thread::scope(|scope| {
            let commit = scope.spawn(|| gives_up(lane(1), Wanted::Commit));
            let begin = scope.spawn(|| gives_up(lane(3), Wanted::Begin));
            assert!(commit.join().unwrap() && begin.join().unwrap());
        });
    }

    #[test]
    fn the_last_job_of_the_same_lane_is_no_obstacle() {
        let queue = queue();
        queue.has_read();
        take(&queue, lane(0), PATIENT).unwrap();
        queue.end_job(lane(0), false);
        queue.begin_job(lane(0));
        let cancel = Cancel::default();
        assert!(!wait(&queue, lane(0), Wanted::Begin, 0, Instant::now(), PATIENT, &cancel));
    }

    #[test]
    fn a_cancelled_wait_for_a_lock_gives_up() {
        let queue = queue();
        queue.begin_job(lane(0));
        let cancel = Cancel::default();
        cancel.raise(CancelReason::Aborted);
        let long = LockTimeouts { others: Duration::from_secs(60), own: Duration::from_secs(60) };
        assert!(!wait(&queue, lane(0), Wanted::Begin, 0, Instant::now(), long, &cancel));
    }

    #[test]
    fn a_transaction_of_another_client_is_waited_for_as_one_of_another_process() {
        let queue = queue();
        queue.has_read();
        take(&queue, other_client(), PATIENT).unwrap();
        queue.begin_job(lane(0));
        let cancel = Cancel::default();
        let waits =
            |timeouts| wait(&queue, lane(0), Wanted::Begin, 0, long_ago(), timeouts, &cancel);
        assert!(waits(PATIENT), "it is working");
        queue.end_job(other_client(), true);
        assert!(waits(PATIENT), "it may go on at once");
        thread::sleep(IN_PASSING);
        assert!(!waits(PATIENT), "the timeout for its own transactions does not count");
        let patient = LockTimeouts { others: Duration::from_secs(60), own: Duration::ZERO };
        assert!(waits(patient));
    }

    #[test]
    fn a_commit_waits_for_a_reader_of_another_client_that_works() {
        let queue = queue();
        queue.has_read();
        queue.begin_job(other_client());
        take(&queue, lane(0), PATIENT).unwrap();
        let cancel = Cancel::default();
        let waits = |wanted| wait(&queue, lane(0), wanted, 0, long_ago(), PATIENT, &cancel);
        assert!(waits(Wanted::Commit) && waits(Wanted::Exclusive));
        assert!(!waits(Wanted::Begin), "the lock is one of another process");
    }

    #[test]
    fn the_last_connection_of_a_file_keeps_others_out_while_it_is_closed() {
        let queue = queue();
        queue.has_read();
        queue.begin_job(lane(0));
        queue.begin_closing(other_client());
        let cancel = Cancel::default();
        assert!(wait(&queue, lane(0), Wanted::Begin, 0, long_ago(), PATIENT, &cancel));
    }

    #[test]
    fn the_time_in_passing_counts_from_the_end_of_the_last_lane_that_worked() {
        let queue = queue();
        queue.has_read();
        take(&queue, lane(1), PATIENT).unwrap();
        queue.begin_job(lane(0));
        let cancel = Cancel::default();
        let waits =
            |tries| wait(&queue, lane(0), Wanted::Begin, tries, long_ago(), PATIENT, &cancel);
        assert!(waits(0), "the other lane is working");
        queue.end_job(lane(1), false);
        assert!(waits(1), "the lock has only just become free");
        thread::sleep(2 * IN_PASSING);
        assert!(!waits(2));
    }

    #[test]
    fn a_reader_waits_for_a_commit_that_waits_for_a_lane_that_works() {
        let queue = queue();
        queue.has_read();
        take(&queue, lane(1), PATIENT).unwrap();
        let patient = LockTimeouts { others: Duration::from_secs(60), own: Duration::ZERO };
        let cancel = Cancel::default();
        queue.begin_job(lane(2));
        assert!(wait(&queue, lane(1), Wanted::Commit, 0, long_ago(), patient, &cancel));
        lock(&queue.state).activity.set_waiting(lane(1), long_ago());
        queue.begin_job(lane(0));
        let none = LockTimeouts { others: Duration::ZERO, own: Duration::ZERO };
        let waits = || wait(&queue, lane(0), Wanted::Begin, 0, long_ago(), none, &cancel);
        assert!(waits(), "lane 2 is working");
        queue.end_job(lane(2), true);
        assert!(!waits(), "the transaction of lane 2 is idle");
    }
}
