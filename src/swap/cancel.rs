//! How a swap is ended early, and how it waits: every wait ends with it.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::error::CancelReason;

/// The flag of one swap. It is asked before everything that takes long, and between its pieces.
#[derive(Debug, Default)]
pub struct Cancel {
    reason: Mutex<Option<CancelReason>>,
    changed: Condvar,
}

impl Cancel {
    /// Ends the swap, unless it is past the commit point. The first reason stays.
    pub fn raise(&self, reason: CancelReason) {
        self.lock().get_or_insert(reason);
        self.changed.notify_all();
    }

    /// An error where the swap shall end.
    pub fn check(&self) -> Result<(), CancelReason> {
        self.lock().map_or(Ok(()), Err)
    }

    /// Waits for a time.
    pub fn sleep(&self, time: Duration) -> Result<(), CancelReason> {
        let until = Instant::now() + time;
        let mut reason = self.lock();
        loop {
            if let Some(reason) = *reason {
                return Err(reason);
            }
            let Some(left) = until.checked_duration_since(Instant::now()) else {
                return Ok(());
            };
            reason =
                self.changed.wait_timeout(reason, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits for what `ready` gives. Whoever brings it about calls [`Cancel::wake`] afterwards.
    pub fn wait_for<T>(&self, mut ready: impl FnMut() -> Option<T>) -> Result<T, CancelReason> {
        let mut reason = self.lock();
        loop {
            if let Some(reason) = *reason {
                return Err(reason);
            }
            if let Some(value) = ready() {
                return Ok(value);
            }
            reason = self.changed.wait(reason).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Makes a wait look again.
    pub fn wake(&self) {
        // The lock orders this after a look that is going on: else its sleep would miss the signal.
        drop(self.lock());
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Option<CancelReason>> {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::thread;

    #[test]
    fn a_wait_ends_when_the_swap_is_cancelled_and_keeps_the_first_reason() {
        let cancel = Arc::new(Cancel::default());
        assert_eq!(cancel.check(), Ok(()));
        let waiting = Arc::clone(&cancel);
        let thread = thread::spawn(move || waiting.sleep(Duration::from_secs(600)));
        cancel.raise(CancelReason::Aborted);
        cancel.raise(CancelReason::Closing);
        assert_eq!(thread.join().unwrap(), Err(CancelReason::Aborted));
        assert_eq!(cancel.wait_for(|| Some(1)), Err(CancelReason::Aborted));
    }

    #[test]
    fn a_wait_looks_again_when_it_is_woken() {
        let (cancel, value) = (Arc::new(Cancel::default()), Arc::new(Mutex::new(None)));
        let (waiting, looked_at) = (Arc::clone(&cancel), Arc::clone(&value));
        let thread = thread::spawn(move || waiting.wait_for(|| *looked_at.lock().unwrap()));
        *value.lock().unwrap() = Some(7);
        cancel.wake();
        assert_eq!(thread.join().unwrap(), Ok(7));
    }
}
