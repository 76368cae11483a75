//! What each lane that uses a file is doing, over all clients of the process. The writer queue and the
//! busy handler decide by it.

use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use crate::jobs::ids::{ClientId, LaneId};

/// How long a lane of this process may hold a lock that SQLite needs for a few instructions only. The
/// machine may be busy, so this is much longer than the instructions take. It is short enough that a
/// conflict with another client is still reported soon.
pub const IN_PASSING: Duration = Duration::from_millis(100);

/// A lane, identified in the whole process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LaneKey {
    /// The client of the lane.
    pub client: ClientId,
    /// The lane in its client.
    pub lane: LaneId,
}

/// The activity of all lanes that use one file.
#[derive(Debug, Default)]
pub struct Activity {
    pub(super) lanes: FxHashMap<LaneKey, LaneActivity>,
    /// Whether a lane has read the file, so that the work of its first reader is done.
    pub(super) has_read: bool,
    /// The time at which a lane was last closed.
    pub(super) last_closed: Option<Instant>,
}

/// The activity of one lane.
#[derive(Clone, Copy, Debug)]
pub struct LaneActivity {
    /// What the lane is doing.
    pub phase: Phase,
    /// The time at which this phase began. That of a running lane may be older: nobody asks for it.
    pub since: Instant,
    /// Whether the last job of the lane left a transaction open.
    pub in_transaction: bool,
    /// For how long the lane has been idle in its open transaction, between the jobs so far.
    pub idle_before: Duration,
    /// If the lane waits for a lock: the last time at which a lane was working that held it.
    pub held_at: Option<Instant>,
}

impl LaneActivity {
    fn new(phase: Phase, since: Instant) -> Self {
        let (in_transaction, idle_before, held_at) = (false, Duration::ZERO, None);
        Self { phase, since, in_transaction, idle_before, held_at }
    }

    /// The time from which a wait for this lane's idle transaction counts, if the wait began at `began`: the end
    /// of its last job. A transaction of another client that has been idle for long before counts from the
    /// beginning of the wait: otherwise one with many calls could be waited for without end.
    pub fn counts_from(&self, is_own: bool, began: Instant) -> Instant {
        if is_own || self.idle_before < IN_PASSING { self.since } else { began }
    }
}

/// What a lane is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The lane has no running job.
    Idle,
    /// The lane runs a job.
    Running,
    /// The job of the lane waits for a lock or for the writer slot.
    Waiting,
    /// The connection of the lane is being closed. The last connection to a file copies the WAL into the
    /// database, and keeps all others out meanwhile.
    Closing,
}

impl Activity {
    /// Sets the phase of a lane. A lane that is in this phase already keeps the time of its beginning.
    pub fn set_phase(&mut self, lane: LaneKey, phase: Phase) {
        let entry =
            self.lanes.entry(lane).or_insert_with(|| LaneActivity::new(phase, Instant::now()));
        if entry.phase == phase {
            return;
        }
        let was_idle_in_transaction = entry.phase == Phase::Idle && entry.in_transaction;
        entry.phase = phase;
        // Each call begins to run, so the clock is read only if that matters.
        if phase == Phase::Running && !was_idle_in_transaction {
            return;
        }
        let now = Instant::now();
        if was_idle_in_transaction {
            entry.idle_before += now - entry.since;
        }
        entry.since = now;
    }

    /// Sets whether the last job of the lane has left a transaction open.
    pub fn set_in_transaction(&mut self, lane: LaneKey, in_transaction: bool) {
        let Some(entry) = self.lanes.get_mut(&lane) else { return };
        entry.in_transaction = in_transaction;
        if !in_transaction {
            entry.idle_before = Duration::ZERO;
        }
    }

    /// Records that the lane has waited for a lock since `began`.
    pub fn set_waiting(&mut self, lane: LaneKey, began: Instant) -> &mut LaneActivity {
        let entry = self.lanes.entry(lane).or_insert(LaneActivity::new(Phase::Waiting, began));
        entry.phase = Phase::Waiting;
        entry.since = began;
        entry
    }

    /// The activity of a lane that is idle. None if it is not.
    pub fn idle(&self, lane: LaneKey) -> Option<&LaneActivity> {
        self.lanes.get(&lane).filter(|lane| lane.phase == Phase::Idle)
    }

    /// Removes a lane whose connection is closed.
    pub fn remove(&mut self, lane: LaneKey) {
        if self.lanes.remove(&lane).is_some() {
            self.last_closed = Some(Instant::now());
        }
        // The next connection is the first reader of the file again.
        self.has_read &= !self.lanes.is_empty();
    }
}
