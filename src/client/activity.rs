//! What each lane of a client is doing: the writer queue and the busy policy decide by it.

use std::collections::HashMap;
use std::time::Instant;

use crate::jobs::ids::LaneId;

/// The lanes of one client.
#[derive(Debug, Default)]
pub struct Activity {
    pub(super) lanes: HashMap<LaneId, LaneActivity>,
    /// A lane has read the file: what the first reader does is done.
    pub(super) has_read: bool,
    /// When a lane was closed last.
    pub(super) last_closed: Option<Instant>,
}

/// One of them.
#[derive(Clone, Copy, Debug)]
pub struct LaneActivity {
    /// What it does.
    pub phase: Phase,
    /// Since when.
    pub since: Instant,
    /// Whether its last job has left a transaction open.
    pub in_transaction: bool,
}

/// What a lane does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It has no job.
    Idle,
    /// It runs one.
    Running,
    /// Its job waits for a lock, or for the writer slot.
    Waiting,
}

impl Activity {
    /// The lane does this from now on, if it did not before.
    pub fn set_phase(&mut self, lane: LaneId, phase: Phase) {
        let since = Instant::now();
        let entry =
            self.lanes.entry(lane).or_insert(LaneActivity { phase, since, in_transaction: false });
        if entry.phase != phase {
            entry.phase = phase;
            entry.since = since;
        }
    }

    /// Since when the lane has had nothing to do; None while it works.
    pub fn idle_since(&self, lane: LaneId) -> Option<Instant> {
        self.lanes.get(&lane).filter(|lane| lane.phase == Phase::Idle).map(|lane| lane.since)
    }
}
