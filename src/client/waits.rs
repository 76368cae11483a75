//! Tells the client when a call of its main lane waits, so that reads behind it need not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::state::ClientState;
use crate::jobs::cancel::WaitObserver;
use crate::jobs::ids::LaneId;

/// The waits of one lane.
pub struct Waits {
    client: Arc<ClientState>,
    lane: LaneId,
    /// Whether the running call may begin the explicit transaction. The reads behind it belong to that.
    may_begin: AtomicBool,
}

impl Waits {
    /// The waits of this lane.
    pub fn new(client: Arc<ClientState>, lane: LaneId) -> Self {
        Self { client, lane, may_begin: AtomicBool::new(false) }
    }

    /// Says whether the running call may begin the explicit transaction.
    pub fn set_may_begin(&self, may_begin: bool) {
        self.may_begin.store(may_begin, Ordering::Relaxed);
    }

    fn tell(&self, is_blocked: bool) {
        if !self.may_begin.load(Ordering::Relaxed)
            && let Some(dispatch) = self.client.dispatch()
        {
            dispatch.set_blocked(self.lane, is_blocked);
        }
    }
}

impl WaitObserver for Waits {
    fn begin_wait(&self) {
        self.tell(true);
    }

    fn end_wait(&self) {
        self.tell(false);
    }
}
