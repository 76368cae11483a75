//! The cancel flag of a job, and the waits of a job, which a cancel ends.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::ids::WaitNumber;
use crate::sync::atomic::{AtomicU8, Ordering};
use crate::sync::{Condvar, Mutex, lock, wait, wait_for};

/// Why a job was cancelled. The reason decides the error of the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum CancelReason {
    /// The `AbortSignal` of the caller.
    Aborted = 1,
    /// `close()`, `shutdown()`, or the end of the client's JavaScript environment.
    ClientClosed = 2,
    /// `Transaction.close()`.
    TransactionClosed = 3,
    /// The end of the JavaScript environment that started a file job.
    EnvironmentClosing = 4,
}

impl CancelReason {
    /// Whether the reason is one of a single call, and not of all calls of a lane.
    pub fn is_of_one_call(self) -> bool {
        self == Self::Aborted
    }

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

/// The cancel flag of one job. A job checks the flag before each long operation, and between the pieces
/// of one.
///
/// A lane has one flag for all of its jobs. The lane clears the flag when it takes a job. It raises the
/// flag under the lock of its queue, and only while the cancelled job is running. So a raised flag never
/// refers to another job.
#[derive(Default)]
pub struct Cancel {
    reason: AtomicU8,
    sleepers: Mutex<()>,
    changed: Condvar,
    observer: Option<Weak<dyn WaitObserver>>,
}

/// Is told when the thread of a job waits, so that other jobs can run in the meantime.
pub trait WaitObserver: Send + Sync {
    /// Called on a job's thread before it waits.
    fn begin_wait(&self, wait: WaitNumber);
    /// Called after the wait, on the job's thread or on that of what it has waited for: maybe after the next wait of
    /// the job has begun.
    fn end_wait(&self, wait: WaitNumber);
}

/// A wait that the observer was told of. Dropping this value ends the wait.
pub struct Wait {
    observer: Arc<dyn WaitObserver>,
    number: WaitNumber,
}

impl fmt::Debug for Wait {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Wait").field(&self.number).finish()
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.observer.end_wait(self.number);
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Cancel").field("reason", &self.reason()).finish_non_exhaustive()
    }
}

impl Cancel {
    /// A flag that tells `observer` of its waits.
    pub fn observed(observer: Weak<dyn WaitObserver>) -> Self {
        Self { observer: Some(observer), ..Self::default() }
    }

    /// Asks the job to end, and wakes its wait. A later call does not change the reason.
    pub fn raise(&self, reason: CancelReason) {
        let _ = self.reason.compare_exchange(0, reason as u8, Ordering::SeqCst, Ordering::SeqCst);
        self.wake();
    }

    /// Clears the flag for the lane's next job.
    pub fn clear(&self) {
        self.reason.store(0, Ordering::SeqCst);
    }

    /// The reason for which the job was cancelled. None if it was not.
    pub fn reason(&self) -> Option<CancelReason> {
        CancelReason::from_u8(self.reason.load(Ordering::SeqCst))
    }

    /// Checks the flag.
    ///
    /// # Errors
    /// The reason, if the job was cancelled.
    pub fn check(&self) -> Result<(), CancelReason> {
        self.reason().map_or(Ok(()), Err)
    }

    /// Waits for this time.
    ///
    /// # Errors
    /// The reason of a cancel, which ends the wait.
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

    /// Waits until `ready` returns a value. A thread that changes the result of `ready` calls
    /// [`Cancel::wake`] afterwards.
    ///
    /// # Errors
    /// The reason of a cancel, which ends the wait.
    pub fn wait_for<T>(&self, mut ready: impl FnMut() -> Option<T>) -> Result<T, CancelReason> {
        self.check()?;
        if let Some(value) = ready() {
            return Ok(value);
        }
        let _wait = self.begin_wait();
        self.wait_unobserved(ready)
    }

    /// The same, without telling the observer: nothing is gained by letting other jobs run meanwhile.
    ///
    /// # Errors
    /// The reason of a cancel, which ends the wait.
    pub fn wait_unobserved<T>(
        &self,
        mut ready: impl FnMut() -> Option<T>,
    ) -> Result<T, CancelReason> {
        let mut sleeping = lock(&self.sleepers);
        loop {
            self.check()?;
            if let Some(value) = ready() {
                return Ok(value);
            }
            sleeping = wait(&self.changed, sleeping);
        }
    }

    /// Makes a waiting thread check its conditions again.
    pub fn wake(&self) {
        // A waiter holds the lock from its check until it sleeps. So this lock is taken before the
        // check, which then sees the change, or during the sleep, which the signal ends.
        drop(lock(&self.sleepers));
        self.changed.notify_all();
    }

    /// Tells the observer that a wait begins. Must not be called under a lock: the observer has locks of
    /// its own, and raises flags under them.
    pub fn begin_wait(&self) -> Option<Wait> {
        let observer = self.observer.as_ref()?.upgrade()?;
        let number = WaitNumber::next();
        observer.begin_wait(number);
        Some(Wait { observer, number })
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
    fn a_woken_wait_checks_its_condition_again() {
        let (cancel, value) = (Arc::new(Cancel::default()), Arc::new(Mutex::new(None)));
        let (waiting, shared) = (Arc::clone(&cancel), Arc::clone(&value));
        let thread = thread::spawn(move || waiting.wait_for(|| *shared.lock().unwrap()));
        *value.lock().unwrap() = Some(7);
        cancel.wake();
        assert_eq!(thread.join().unwrap(), Ok(7));
    }
}
