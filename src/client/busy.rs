//! The client's busy handler: how a connection waits while SQLite does not get a lock.
//!
//! The waits use the condition variable of the writer queue, so that a cancel can end them. The length
//! of a wait depends on the obstacle:
//!
//! - another client or process: the `timeout` setting;
//! - a lane of this client that is working: until it has finished;
//! - an idle transaction of this client, whose owner may wait for the waiting call: the timeouts of
//!   [`LockTimeouts`];
//! - a lane of this client that holds the lock for an instant only: 100 ms, or the `timeout` setting if
//!   that is longer.
//!
//! The last case exists because readers lock each other and writers out, too. The first reader of a file
//! recovers it after a crash, or builds the index of its WAL. It holds a writer's locks for as long as
//! that takes (<https://sqlite.org/wal.html#recovery>, SQLITE_BUSY_RECOVERY). Later readers take these
//! locks for an instant, for example to read an index again that is being written, or to check for a
//! journal that is being removed. The lane that held the lock may also have finished before the busy
//! handler runs. SQLite reports none of this. So if a lane has just been working, the handler retries
//! for an instant even though no lane seems to hold the lock.

use std::time::{Duration, Instant};

use super::activity::Phase;
use super::writer_queue::{LockTimeouts, State, WriterQueue};
use crate::jobs::cancel::Cancel;
use crate::jobs::ids::LaneId;
use crate::sqlite::{LockWait, Wanted};
use crate::sync::{lock, wait_for};

/// How long a lane of the same client may hold a lock that SQLite needs for a few instructions only. The
/// machine may be busy, so this is much longer than the instructions take. It is short enough that a
/// conflict with another client is still reported soon.
const IN_PASSING: Duration = Duration::from_millis(100);

/// The pauses between tries of SQLite's own busy handler, in milliseconds (sqlite3.c,
/// sqliteDefaultBusyCallback). Polling is necessary: other processes do not signal the end of a lock.
const DELAYS: [u64; 9] = [1, 2, 5, 10, 15, 20, 25, 25, 25];
const LONGEST_DELAY: u64 = 50;

/// The part of this client that may hold the lock which a lane needs.
enum Obstacle {
    /// A lane is working, and holds the lock until it has finished.
    Working,
    /// A transaction holds the lock, and has been idle since this time.
    IdleSince(Instant),
    /// A lane may hold the lock for a few instructions.
    InPassing,
    /// Nothing: another client or process holds the lock.
    None,
}

impl WriterQueue {
    /// Waits for a moment before SQLite tries again to get a lock. Returns false to make SQLite give up,
    /// when the time is over or the job was cancelled.
    pub fn wait_for_lock(
        &self,
        lane: LaneId,
        LockWait { wanted, tries, began }: LockWait,
        timeouts: LockTimeouts,
        cancel: &Cancel,
    ) -> bool {
        let mut state = lock(&self.state);
        if cancel.reason().is_some() {
            return false;
        }
        let until = |deadline: Instant| deadline.saturating_duration_since(Instant::now());
        let left = match obstacle(&state, lane, wanted) {
            Obstacle::Working => Duration::from_millis(LONGEST_DELAY),
            Obstacle::IdleSince(since) => {
                until((since.max(began) + timeouts.own).max(began + timeouts.others))
            }
            Obstacle::InPassing => until(began + timeouts.others.max(IN_PASSING)),
            Obstacle::None => until(began + timeouts.others),
        };
        if left.is_zero() {
            return false;
        }
        let delay = Duration::from_millis(DELAYS.get(tries).copied().unwrap_or(LONGEST_DELAY));
        // Keep the first attempt's time across retries, so that lanes waiting for each other both time
        // out.
        state.activity.set_phase(lane, Phase::Waiting);
        if let Some(entry) = state.activity.lanes.get_mut(&lane) {
            entry.since = began;
        }
        let mut state = wait_for(&self.changed, state, delay.min(left));
        state.activity.set_phase(lane, Phase::Running);
        cancel.reason().is_none()
    }
}

fn obstacle(state: &State, lane: LaneId, wanted: Wanted) -> Obstacle {
    let is_passing = |since: Instant| since.elapsed() < IN_PASSING;
    let mut answer = match state.activity.last_closed {
        Some(closed) if is_passing(closed) => Obstacle::InPassing,
        _ => Obstacle::None,
    };
    for (id, other) in &state.activity.lanes {
        if *id == lane {
            continue;
        }
        let keeps_it = match wanted {
            Wanted::Begin => state.holder == Some(*id),
            // A waiting lane has read nothing yet, because a transaction that has read does not wait.
            Wanted::Commit => match other.phase {
                Phase::Running => true,
                Phase::Idle => other.in_transaction,
                Phase::Waiting => false,
            },
        };
        if !keeps_it {
            let may_pass = match other.phase {
                Phase::Running if !state.activity.has_read => return Obstacle::Working,
                Phase::Running => true,
                Phase::Idle => is_passing(other.since),
                Phase::Waiting => false,
            };
            if may_pass && matches!(answer, Obstacle::None) {
                answer = Obstacle::InPassing;
            }
            continue;
        }
        match (other.phase, &answer) {
            (Phase::Running, _) => return Obstacle::Working,
            (_, Obstacle::IdleSince(since)) if *since >= other.since => {}
            _ => answer = Obstacle::IdleSince(other.since),
        }
    }
    answer
}

#[cfg(test)]
#[cfg(not(feature = "model"))]
mod tests {
    use super::super::writer_queue::tests::{IMPATIENT, PATIENT, queue, take};
    use super::*;
    use crate::jobs::cancel::CancelReason;
    use std::thread;

    /// A time that is further back than a lane holds a lock in passing.
    fn long_ago() -> Instant {
        Instant::now().checked_sub(10 * IN_PASSING).unwrap()
    }

    fn wait(
        queue: &WriterQueue,
        lane: u32,
        wanted: Wanted,
        tries: usize,
        began: Instant,
        timeouts: LockTimeouts,
        cancel: &Cancel,
    ) -> bool {
        queue.wait_for_lock(LaneId(lane), LockWait { wanted, tries, began }, timeouts, cancel)
    }

    fn assert_in_passing(queue: &WriterQueue) {
        let cancel = Cancel::default();
        assert!(wait(queue, 0, Wanted::Begin, 0, Instant::now(), PATIENT, &cancel));
        assert!(!wait(queue, 0, Wanted::Begin, 0, long_ago(), PATIENT, &cancel));
    }

    #[test]
    fn a_wait_for_a_lock_of_another_process_lasts_for_the_timeout() {
        let queue = queue();
        queue.begin_job(LaneId(0));
        let cancel = Cancel::default();
        let none = LockTimeouts { others: Duration::ZERO, own: Duration::from_secs(60) };
        assert!(!wait(&queue, 0, Wanted::Begin, 0, Instant::now(), none, &cancel));
        let some = LockTimeouts { others: Duration::from_secs(60), own: Duration::from_secs(60) };
        assert!(wait(&queue, 0, Wanted::Begin, 0, Instant::now(), some, &cancel));
    }

    #[test]
    fn a_commit_waits_for_readers_of_the_same_client_without_a_timeout() {
        let queue = queue();
        queue.begin_job(LaneId(1));
        queue.end_job(LaneId(1), true);
        queue.begin_job(LaneId(0));
        let (cancel, long_ago) = (Cancel::default(), long_ago());
        assert!(wait(&queue, 0, Wanted::Commit, 0, long_ago, PATIENT, &cancel));
        assert!(!wait(&queue, 0, Wanted::Begin, 0, long_ago, PATIENT, &cancel));
        queue.forget_lane(LaneId(1));
        assert!(!wait(&queue, 0, Wanted::Commit, 0, long_ago, PATIENT, &cancel));
    }

    #[test]
    fn the_first_reader_of_the_same_client_may_be_recovering_the_file() {
        let queue = queue();
        queue.begin_job(LaneId(1));
        queue.begin_job(LaneId(0));
        let (cancel, long_ago) = (Cancel::default(), long_ago());
        assert!(wait(&queue, 0, Wanted::Begin, 0, long_ago, PATIENT, &cancel));
        queue.has_read();
        assert!(!wait(&queue, 0, Wanted::Begin, 0, long_ago, PATIENT, &cancel));
    }

    #[test]
    fn a_reader_of_the_same_client_holds_a_lock_in_passing_only() {
        let queue = queue();
        queue.has_read();
        queue.begin_job(LaneId(1));
        queue.begin_job(LaneId(0));
        assert_in_passing(&queue);
    }

    #[test]
    fn the_holder_of_the_lock_may_have_finished_before_the_busy_handler_runs() {
        let queue = queue();
        queue.has_read();
        take(&queue, LaneId(1), PATIENT).unwrap();
        queue.end_job(LaneId(1), false);
        queue.begin_job(LaneId(0));
        assert_in_passing(&queue);
        queue.forget_lane(LaneId(1));
        assert_in_passing(&queue);
    }

    #[test]
    fn two_lanes_that_wait_for_each_other_both_time_out() {
        let queue = queue();
        queue.has_read();
        // An idle reader blocks the commit of lane 1, and the commit blocks the reading of lane 3.
        queue.begin_job(LaneId(2));
        queue.end_job(LaneId(2), true);
        take(&queue, LaneId(1), IMPATIENT).unwrap();
        queue.begin_job(LaneId(3));
        queue.end_job(LaneId(3), true);
        queue.begin_job(LaneId(3));
        // The timeout is longer than any pause between two tries.
        let timeouts = LockTimeouts { own: Duration::from_millis(10 * LONGEST_DELAY), ..IMPATIENT };
        let began = Instant::now();
        let gives_up = |lane, wanted| {
            let cancel = Cancel::default();
            let wait = |tries| wait(&queue, lane, wanted, tries, began, timeouts, &cancel);
            let has_given_up = (0..200).any(|tries| !wait(tries));
            queue.end_job(LaneId(lane), false);
            has_given_up
        };
        thread::scope(|scope| {
            let commit = scope.spawn(|| gives_up(1, Wanted::Commit));
            let begin = scope.spawn(|| gives_up(3, Wanted::Begin));
            assert!(commit.join().unwrap() && begin.join().unwrap());
        });
    }

    #[test]
    fn the_last_job_of_the_same_lane_is_no_obstacle() {
        let queue = queue();
        queue.has_read();
        take(&queue, LaneId(0), PATIENT).unwrap();
        queue.end_job(LaneId(0), false);
        queue.begin_job(LaneId(0));
        let cancel = Cancel::default();
        assert!(!wait(&queue, 0, Wanted::Begin, 0, Instant::now(), PATIENT, &cancel));
    }

    #[test]
    fn a_cancelled_wait_for_a_lock_gives_up() {
        let queue = queue();
        queue.begin_job(LaneId(0));
        let cancel = Cancel::default();
        cancel.raise(CancelReason::Aborted);
        let long = LockTimeouts { others: Duration::from_secs(60), own: Duration::from_secs(60) };
        assert!(!wait(&queue, 0, Wanted::Begin, 0, Instant::now(), long, &cancel));
    }
}
