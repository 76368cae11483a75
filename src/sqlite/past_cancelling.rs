//! Statements that have taken effect already, which no cancel may end.

use std::sync::atomic::{AtomicBool, Ordering};

/// Keeps a cancel from ending the running statement until it is dropped.
pub(super) struct PastCancelling<'a>(&'a AtomicBool);

impl<'a> PastCancelling<'a> {
    pub(super) fn begin(is_past_cancelling: &'a AtomicBool) -> Self {
        is_past_cancelling.store(true, Ordering::Relaxed);
        Self(is_past_cancelling)
    }
}

impl Drop for PastCancelling<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}
