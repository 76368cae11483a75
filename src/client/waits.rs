//! The waits of a lane for locks: since when a call has waited, and whether others wait behind it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::state::ClientState;
use crate::jobs::cancel::WaitObserver;
use crate::jobs::ids::{LaneId, WaitNumber};
use crate::sync::{Mutex, lock};

/// The waits of one lane.
pub struct Waits {
    client: Arc<ClientState>,
    lane: LaneId,
    /// Whether the running call may begin the explicit transaction. The reads behind it belong to that.
    may_begin: AtomicBool,
    patience: Mutex<Patience>,
}

/// Since when the calls of a lane have waited. Each has its own patience: of several calls that wait for the same
/// lock, one behind the other, the last one does not begin to count when the first one has given up.
#[derive(Default)]
struct Patience {
    /// When the running call was made.
    made: Option<Instant>,
    /// Since when the running call waits, as far as that counts.
    began: Option<Instant>,
    /// Since when the calls before it had waited in vain, without one that got its lock.
    in_vain_since: Option<Instant>,
}

impl Waits {
    /// The waits of this lane.
    pub fn new(client: Arc<ClientState>, lane: LaneId) -> Self {
        Self { client, lane, may_begin: AtomicBool::new(false), patience: Mutex::default() }
    }

    /// A call begins to run, which was made at this time.
    pub fn begin_call(&self, made: Instant) {
        self.set_may_begin(false);
        lock(&self.patience).made = Some(made);
    }

    /// The running call, which begins a transaction, has waited behind the calls of the main lane: if they have
    /// waited in vain, it has done so with them.
    pub fn follow_main_lane(&self) {
        lock(&self.patience).in_vain_since = self.client.main_waits_in_vain_since();
    }

    /// The time since which the calls of the lane have waited in vain, up to the last one.
    pub fn in_vain_since(&self) -> Option<Instant> {
        lock(&self.patience).in_vain_since
    }

    /// The running call has ended. `in_vain` says whether it has waited for a lock in vain.
    pub fn end_call(&self, in_vain: bool) {
        let mut patience = lock(&self.patience);
        let began = patience.began.take();
        patience.in_vain_since = began.filter(|_| in_vain);
    }

    /// The time from which a wait of the running call counts that begins at `now`. `is_new` says whether it is not
    /// the same wait as before: then that one has ended with the lock.
    pub fn counts_from(&self, now: Instant, is_new: bool) -> Instant {
        let mut patience = lock(&self.patience);
        if is_new && patience.began.take().is_some() {
            patience.in_vain_since = None;
        }
        let earlier =
            patience.in_vain_since.zip(patience.made).map(|(since, made)| since.max(made));
        *patience.began.get_or_insert(earlier.map_or(now, |earlier| earlier.min(now)))
    }

    /// Says whether the running call may begin the explicit transaction.
    pub fn set_may_begin(&self, may_begin: bool) {
        self.may_begin.store(may_begin, Ordering::Relaxed);
    }

    fn tell(&self, wait: WaitNumber, is_blocked: bool) {
        if !self.may_begin.load(Ordering::Relaxed)
            && let Some(turns) = self.client.turns()
        {
            turns.set_blocked(self.lane, wait, is_blocked);
        }
    }
}

impl WaitObserver for Waits {
    fn begin_wait(&self, wait: WaitNumber) {
        self.tell(wait, true);
    }

    fn end_wait(&self, wait: WaitNumber) {
        self.tell(wait, false);
    }
}
