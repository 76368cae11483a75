//! What a connection does while SQLite does not get a lock: the client's busy handler.
//!
//! The waits are those of the writer queue, where a cancel finds them. How long one lasts depends on
//! what is in the way:
//!
//! - another client or process: as long as the `timeout` setting says;
//! - a lane of this client that works: as long as it works;
//! - a transaction of this client that is idle, whose owner may wait for us: as long as the timeouts say;
//! - a lane of this client in passing: a moment. A reader may be in a writer's way, too, and in another
//!   reader's. The first reader of a file sets right what a crash has left, or makes the index of its
//!   WAL: with the locks of a writer, for as long as that takes
//!   (<https://sqlite.org/wal.html#recovery>, SQLITE_BUSY_RECOVERY). Later ones take these locks in
//!   passing: to look again at an index that is just being written, or for a journal that is just being
//!   removed. And the lane that had the lock may be done before the busy handler looks here. SQLite says
//!   nothing of all that, so a lock that no lane seems to have is tried for again, for a moment, where a
//!   lane has just been at work.

use std::time::{Duration, Instant};

use super::activity::Phase;
use super::writer_queue::{LockTimeouts, State, WriterQueue};
use crate::jobs::cancel::Cancel;
use crate::jobs::ids::LaneId;
use crate::sqlite::{LockWait, Wanted};
use crate::sync::{lock, wait_for};

/// How long a lane of the same client may be in the way in passing: a few instructions, on a machine
/// that has other things to do. Below what a conflict with other clients may take to show.
const IN_PASSING: Duration = Duration::from_millis(100);

/// How long SQLite's own busy handler sleeps between its tries, in milliseconds (sqlite3.c,
/// sqliteDefaultBusyCallback): locks of other processes announce nothing.
const DELAYS: [u64; 9] = [1, 2, 5, 10, 15, 20, 25, 25, 25];
const LONGEST_DELAY: u64 = 50;

/// What of this client's own stands between a lane and the lock it wants.
enum Obstacle {
    /// A lane, for as long as it works.
    Working,
    /// A transaction that has been idle since then.
    IdleSince(Instant),
    /// A lane, for some instructions, if at all.
    InPassing,
    /// Nothing.
    None,
}

impl WriterQueue {
    /// Waits until it is worth trying again for a lock that SQLite did not get. False where it is not.
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
            // A lane that waits has read nothing yet: one that has does not wait.
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

    /// Longer than any lane is in the way in passing.
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
    fn a_lock_of_another_process_is_waited_for_as_long_as_the_timeout_says() {
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
    fn a_reader_of_the_same_client_is_in_the_way_in_passing_only() {
        let queue = queue();
        queue.has_read();
        queue.begin_job(LaneId(1));
        queue.begin_job(LaneId(0));
        assert_in_passing(&queue);
    }

    #[test]
    fn who_had_the_lock_may_be_done_by_the_time_the_busy_handler_looks() {
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
    fn two_that_wait_for_each_other_give_up_as_one_would() {
        let queue = queue();
        queue.has_read();
        // An idle reader keeps a commit waiting, and that keeps another one from reading.
        queue.begin_job(LaneId(2));
        queue.end_job(LaneId(2), true);
        take(&queue, LaneId(1), IMPATIENT).unwrap();
        queue.begin_job(LaneId(3));
        queue.end_job(LaneId(3), true);
        queue.begin_job(LaneId(3));
        // Longer than any pause between two tries.
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
    fn a_lane_s_own_last_job_is_not_in_its_way() {
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
