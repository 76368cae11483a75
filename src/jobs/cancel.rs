//! How one job is ended early, and how it waits: every wait ends with the job's cancel.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crate::sync::atomic::{AtomicU8, Ordering};
use crate::sync::{Condvar, Mutex, lock, wait, wait_for};

/// Why a job was cancelled. It decides what the caller of that job is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum CancelReason {
    /// The caller's own `AbortSignal`.
    Aborted = 1,
    /// `close()`, `shutdown()`, or the end of the JavaScript environment that has the client.
    ClientClosed = 2,
    /// `Transaction.close()`.
    TransactionClosed = 3,
    /// The end of the JavaScript environment that has called for work on files.
    EnvironmentClosing = 4,
}

impl CancelReason {
    fn from_u8(value: u8) -> Option<Self> {
        match value {
            1 => Some(Self::Aborted),
            2 => Some(Self::ClientClosed),
            3 => Some(Self::TransactionClosed),
            4 => Some(Self::EnvironmentClosing),
            _ => None,
        }
    }
}

/// The flag of one job. It is asked before everything that takes long, and between its pieces.
///
/// A lane has one for all of its jobs. It clears the flag when it takes a job, and raises it, under
/// the lock of its queue, only while that job is the current one: so the flag never means another job.
#[derive(Default)]
pub struct Cancel {
    reason: AtomicU8,
    sleepers: Mutex<()>,
    changed: Condvar,
    observer: Option<Weak<dyn WaitObserver>>,
}

/// Hears when the thread of a job waits: other jobs can use the time.
pub trait WaitObserver: Send + Sync {
    /// The calling thread is about to wait.
    fn begin_wait(&self);
    /// It goes on.
    fn end_wait(&self);
}

/// One wait, which ends when this is dropped.
struct Wait(Arc<dyn WaitObserver>);

impl Drop for Wait {
    fn drop(&mut self) {
        self.0.end_wait();
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Cancel").field("reason", &self.reason()).finish_non_exhaustive()
    }
}

impl Cancel {
    /// A flag whose waits `observer` hears of.
    pub fn observed(observer: Weak<dyn WaitObserver>) -> Self {
        Self { observer: Some(observer), ..Self::default() }
    }

    /// Asks the job to end. The first reason stays.
    pub fn raise(&self, reason: CancelReason) {
        let _ = self.reason.compare_exchange(0, reason as u8, Ordering::SeqCst, Ordering::SeqCst);
        self.wake();
    }

    /// Forgets the cancel of the lane's last job.
    pub fn clear(&self) {
        self.reason.store(0, Ordering::SeqCst);
    }

    /// Why the job shall end, if it shall.
    pub fn reason(&self) -> Option<CancelReason> {
        CancelReason::from_u8(self.reason.load(Ordering::SeqCst))
    }

    /// An error where the job shall end.
    pub fn check(&self) -> Result<(), CancelReason> {
        self.reason().map_or(Ok(()), Err)
    }

    /// Waits for a time.
    pub fn sleep(&self, time: Duration) -> Result<(), CancelReason> {
        let until = Instant::now() + time;
        let _wait = self.begin_wait();
        let mut sleeping = lock(&self.sleepers);
        loop {
            self.check()?;
            let Some(left) = until.checked_duration_since(Instant::now()) else {
                return Ok(());
            };
            sleeping = wait_for(&self.changed, sleeping, left);
        }
    }

    /// Waits for what `ready` gives. Whoever brings it about calls [`Cancel::wake`] afterwards.
    pub fn wait_for<T>(&self, mut ready: impl FnMut() -> Option<T>) -> Result<T, CancelReason> {
        self.check()?;
        if let Some(value) = ready() {
            return Ok(value);
        }
        let _wait = self.begin_wait();
        let mut sleeping = lock(&self.sleepers);
        loop {
            self.check()?;
            if let Some(value) = ready() {
                return Ok(value);
            }
            sleeping = wait(&self.changed, sleeping);
        }
    }

    /// Makes a wait look again.
    pub fn wake(&self) {
        // The lock orders this after a look that is going on: else the sleep would miss the signal.
        drop(lock(&self.sleepers));
        self.changed.notify_all();
    }

    /// Not to be called with the lock: the observer has locks of its own, and raises flags with them.
    fn begin_wait(&self) -> Option<Wait> {
        let observer = self.observer.as_ref()?.upgrade()?;
        observer.begin_wait();
        Some(Wait(observer))
    }
}

#[cfg(test)]
#[cfg(not(feature = "model"))]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn a_wait_ends_with_the_cancel_and_keeps_the_first_reason() {
        let cancel = Arc::new(Cancel::default());
        assert_eq!(cancel.check(), Ok(()));
        let waiting = Arc::clone(&cancel);
        let thread = thread::spawn(move || waiting.sleep(Duration::from_secs(600)));
        cancel.raise(CancelReason::Aborted);
        cancel.raise(CancelReason::ClientClosed);
        assert_eq!(thread.join().unwrap(), Err(CancelReason::Aborted));
        assert_eq!(cancel.wait_for(|| Some(1)), Err(CancelReason::Aborted));
        cancel.clear();
        assert_eq!(cancel.wait_for(|| Some(1)), Ok(1));
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
