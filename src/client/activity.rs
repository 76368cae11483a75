//! What each lane of a client is doing. The writer queue and the busy handler decide by it.

use std::collections::HashMap;
use std::time::Instant;

use crate::jobs::ids::LaneId;

/// The activity of all lanes of one client.
#[derive(Debug, Default)]
pub struct Activity {
    pub(super) lanes: HashMap<LaneId, LaneActivity>,
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
    /// The time at which this phase began.
    pub since: Instant,
    /// Whether the last job of the lane left a transaction open.
    pub in_transaction: bool,
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
}

impl Activity {
    /// Sets the phase of a lane. A lane that is in this phase already keeps the time of its beginning.
    pub fn set_phase(&mut self, lane: LaneId, phase: Phase) {
        let since = Instant::now();
        let entry =
            self.lanes.entry(lane).or_insert(LaneActivity { phase, since, in_transaction: false });
        if entry.phase != phase {
            entry.phase = phase;
            entry.since = since;
        }
    }

    /// The time since which the lane has been idle. None if it is not idle.
    pub fn idle_since(&self, lane: LaneId) -> Option<Instant> {
        self.lanes.get(&lane).filter(|lane| lane.phase == Phase::Idle).map(|lane| lane.since)
    }
}
