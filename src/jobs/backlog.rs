//! The bytes that a lane has posted and JavaScript has not fetched yet. A lane that produces faster than
//! JavaScript fetches waits for room.

use std::sync::Arc;

use super::cancel::{Cancel, CancelReason};
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::thread::{self, ThreadId};

/// The bytes beyond which a lane waits. Each lane has its own: a result that nobody reads holds up no other
/// client, and no transaction.
pub const MOST: usize = 2 * 1024 * 1024;

/// The bytes at which a waiting lane goes on. Waking a thread is a system call, so it is done once for many
/// fetches.
pub const ENOUGH_ROOM: usize = MOST / 2;

/// The backlog of one lane.
pub struct Backlog {
    bytes: AtomicUsize,
    is_awaited: AtomicBool,
    /// The flag of the lane's running job, which ends the wait.
    cancel: Arc<Cancel>,
    /// The thread that fetches. It never waits for itself.
    reader: ThreadId,
}

/// The part of one letter in a backlog. Dropping it, after a fetch or because nobody needs the letter any
/// more, makes room.
pub struct Load {
    backlog: Arc<Backlog>,
    bytes: usize,
}

impl Backlog {
    /// The backlog of the lane with this cancel flag. To be called on the thread that fetches.
    pub fn new(cancel: Arc<Cancel>) -> Self {
        let reader = thread::current().id();
        Self { bytes: AtomicUsize::new(0), is_awaited: AtomicBool::new(false), cancel, reader }
    }

    /// Adds the bytes of a letter. A backlog takes any letter, however large: room is waited for before.
    pub fn add(self: &Arc<Self>, bytes: usize) -> Load {
        self.bytes.fetch_add(bytes, Ordering::SeqCst);
        Load { backlog: Arc::clone(self), bytes }
    }

    /// Waits until JavaScript has fetched enough, if too much is left. The lane's thread calls this before
    /// it produces more.
    ///
    /// # Errors
    /// The reason of a cancel, which ends the wait.
    pub fn wait_for_room(&self) -> Result<(), CancelReason> {
        // Where the system has no thread left, jobs run on the thread that would have to fetch.
        if self.bytes() <= MOST || thread::current().id() == self.reader {
            return Ok(());
        }
        self.is_awaited.store(true, Ordering::SeqCst);
        let waited = self.cancel.wait_unobserved(|| (self.bytes() <= ENOUGH_ROOM).then_some(()));
        self.is_awaited.store(false, Ordering::SeqCst);
        waited
    }

    /// Whether everything was fetched.
    pub fn is_empty(&self) -> bool {
        self.bytes() == 0
    }

    fn bytes(&self) -> usize {
        self.bytes.load(Ordering::SeqCst)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let Self { backlog, bytes } = self;
        let left = backlog.bytes.fetch_sub(*bytes, Ordering::SeqCst) - *bytes;
        // The waiter says that it waits before it looks at the bytes: it sees this change, or is seen here.
        if left <= ENOUGH_ROOM && backlog.is_awaited.load(Ordering::SeqCst) {
            backlog.cancel.wake();
        }
    }
}

#[cfg(test)]
#[cfg(not(feature = "model"))]
mod tests {
    use super::*;

    fn backlog() -> (Arc<Backlog>, Arc<Cancel>) {
        let cancel = Arc::new(Cancel::default());
        (Arc::new(Backlog::new(Arc::clone(&cancel))), cancel)
    }

    fn waiter(backlog: &Arc<Backlog>) -> thread::JoinHandle<Result<(), CancelReason>> {
        let backlog = Arc::clone(backlog);
        thread::spawn(move || backlog.wait_for_room())
    }

    #[test]
    fn a_lane_waits_from_the_limit_on_until_half_is_fetched() {
        let (backlog, _) = backlog();
        let full = backlog.add(MOST);
        assert_eq!(waiter(&backlog).join().unwrap(), Ok(()), "the limit itself is allowed");
        let (half, more) = (backlog.add(ENOUGH_ROOM), backlog.add(1));
        let waiter = waiter(&backlog);
        while !backlog.is_awaited.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        drop(more);
        assert!(!waiter.is_finished());
        drop(full);
        assert_eq!(waiter.join().unwrap(), Ok(()));
        drop(half);
        assert_eq!(backlog.bytes(), 0);
    }

    #[test]
    fn a_cancel_ends_the_wait() {
        let (backlog, cancel) = backlog();
        let _one_large = backlog.add(1 << 30);
        let waiter = waiter(&backlog);
        cancel.raise(CancelReason::Aborted);
        assert_eq!(waiter.join().unwrap(), Err(CancelReason::Aborted));
    }

    #[test]
    fn the_thread_that_fetches_never_waits() {
        let (backlog, _) = backlog();
        let _one_large = backlog.add(1 << 30);
        assert_eq!(backlog.wait_for_room(), Ok(()));
    }
}
