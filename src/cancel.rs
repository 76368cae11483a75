//! The cancel flag of the job that a lane runs.

use crate::error::{CancelReason, Error};
use crate::sync::atomic::{AtomicU8, Ordering};

/// One flag per lane. The lane clears it when it takes a job and raises it, under the lock of its
/// queue, only while that job is the current one: so it never means another job than its own.
#[derive(Debug, Default)]
pub struct Cancel(AtomicU8);

impl Cancel {
    /// Asks the current job to end.
    pub fn raise(&self, reason: CancelReason) {
        self.0.store(reason as u8, Ordering::SeqCst);
    }

    /// Forgets the last job's cancelling.
    pub fn clear(&self) {
        self.0.store(0, Ordering::SeqCst);
    }

    /// Why the current job shall end, if it shall.
    pub fn reason(&self) -> Option<CancelReason> {
        CancelReason::from_u8(self.0.load(Ordering::Relaxed))
    }

    /// An error where the current job shall end: asked before each thing that takes long.
    pub fn check(&self) -> Result<(), Error> {
        match self.reason() {
            Some(reason) => Err(Error::Cancelled(reason)),
            None => Ok(()),
        }
    }
}
