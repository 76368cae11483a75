//! How a swap is ended early, and how it waits: every wait ends with it.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::error::CancelReason;

/// The flag of one swap. It is asked before everything that takes long, and between its pieces.
#[derive(Default)]
pub struct Cancel {
    reason: Mutex<Option<CancelReason>>,
    changed: Condvar,
    watch: Option<Weak<dyn Watch>>,
}

/// Whoever is to know when a swap's thread waits: others can use the time.
pub trait Watch: Send + Sync {
    /// This thread is about to wait.
    fn begin_wait(&self);
    /// It goes on.
    fn end_wait(&self);
}

/// One wait, which ends when this is dropped.
struct Wait(Arc<dyn Watch>);

impl Drop for Wait {
    fn drop(&mut self) {
        self.0.end_wait();
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Cancel").field("reason", &self.reason).finish_non_exhaustive()
    }
}

impl Cancel {
    /// One whose waits somebody knows of.
    pub fn watched(watch: Weak<dyn Watch>) -> Self {
        Self { watch: Some(watch), ..Self::default() }
    }

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
        let _wait = self.begin_wait();
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
        self.check()?;
        if let Some(value) = ready() {
            return Ok(value);
        }
        let _wait = self.begin_wait();
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

    /// Not to be called with the lock: whoever watches has locks too, and raises flags with them.
    fn begin_wait(&self) -> Option<Wait> {
        let watch = self.watch.as_ref()?.upgrade()?;
        watch.begin_wait();
        Some(Wait(watch))
    }

    fn lock(&self) -> MutexGuard<'_, Option<CancelReason>> {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
