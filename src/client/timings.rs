//! Where calls have run and for how long, for JavaScript, where somebody traces calls.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::call::Call;
use super::session::Session;
use crate::jobs::ids::TransactionId;
use crate::wire::kinds::LaneKind;
use crate::wire::records::Records;

/// Whether the answers of calls tell it.
static ARE_TOLD: AtomicBool = AtomicBool::new(false);

/// From now on, the answers of all calls of the process tell where and how long the calls have run.
pub fn tell() {
    ARE_TOLD.store(true, Ordering::Relaxed);
}

/// The time at which a call begins to run, if its answer will tell it.
pub fn begin() -> Option<Instant> {
    ARE_TOLD.load(Ordering::Relaxed).then(Instant::now)
}

impl Session {
    /// Adds to the answer of a call which lane this is, and how long the call has run.
    pub(super) fn tell_times(&self, call: &Call, began: Option<Instant>, records: &mut Records) {
        let Some(began) = began else { return };
        let is_of_transaction = call.transaction != TransactionId::NONE
            || self.transaction.is_some_and(|open| !open.is_explicit());
        let lane = match (self.reader, is_of_transaction) {
            (Some(_), _) => LaneKind::Reader,
            (None, true) => LaneKind::Transaction,
            (None, false) => LaneKind::Main,
        };
        records.ran(lane, began.saturating_duration_since(call.made), began.elapsed());
    }
}
