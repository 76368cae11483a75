//! How long an open waits while another process holds a lease on the file (`fcntl(2)`, F_SETLEASE).
//!
//! A blocking `open(2)` waits until the lease is released, at worst for the system's
//! `lease-break-time` of 45 s, and cannot be cancelled. With O_NONBLOCK the call also asks the
//! holder to release the lease, but fails with EWOULDBLOCK. We retry it, for a time that each
//! thread can set.
//!
//! A swap of a database holds a lease while it renames two files, for about 0.1 ms and two syncs of
//! a directory. Only the file's owner and root can hold one (CAP_LEASE).

use std::cell::RefCell;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use crate::jobs::backoff::Backoff;

/// How long a thread waits by default. The JavaScript thread uses the default.
const LIMIT: Duration = Duration::from_millis(100);

/// How long any thread waits for a sidecar. A swap takes no lease on one, and SQLite holds a
/// process-wide mutex while it opens a `-shm`.
const SIDECAR_LIMIT: Duration = Duration::from_millis(50);

/// The first and the longest pause between two attempts.
const FIRST_PAUSE: Duration = Duration::from_micros(200);
const LONGEST_PAUSE: Duration = Duration::from_millis(2);

/// How long a thread waits.
#[derive(Clone)]
enum Patience {
    Limit(Duration),
    While(Rc<dyn Fn() -> bool>),
}

thread_local! {
    static PATIENCE: RefCell<Patience> = const { RefCell::new(Patience::Limit(LIMIT)) };
}

/// Restores the thread's previous patience when it is dropped.
#[must_use]
pub struct PatienceGuard(Patience);

impl Drop for PatienceGuard {
    fn drop(&mut self) {
        PATIENCE.replace(self.0.clone());
    }
}

/// Lets this thread wait for as long as `goes_on` is true. It is called every few milliseconds.
pub fn wait_while(goes_on: impl Fn() -> bool + 'static) -> PatienceGuard {
    PatienceGuard(PATIENCE.replace(Patience::While(Rc::new(goes_on))))
}

/// Keeps this thread from waiting.
pub fn do_not_wait() -> PatienceGuard {
    PatienceGuard(PATIENCE.replace(Patience::Limit(Duration::ZERO)))
}

/// The wait for the lease on one file.
pub struct LeaseWait {
    is_sidecar: bool,
    began: Option<Instant>,
    backoff: Backoff,
}

impl LeaseWait {
    /// A wait that begins with the first pause.
    pub fn new(is_sidecar: bool) -> Self {
        Self { is_sidecar, began: None, backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE) }
    }

    /// Pauses. Returns false if the thread's patience has ended.
    pub fn pause(&mut self) -> bool {
        let waited = self.began.get_or_insert_with(Instant::now).elapsed();
        // A thread that is ending has no thread-local storage any more.
        let patience = PATIENCE.try_with(|patience| patience.borrow().clone());
        let has_time = match patience.unwrap_or(Patience::Limit(LIMIT)) {
            Patience::Limit(limit) => waited < limit,
            Patience::While(goes_on) => goes_on(),
        };
        if !has_time || (self.is_sidecar && waited >= SIDECAR_LIMIT) {
            return false;
        }
        thread::sleep(self.backoff.pause());
        true
    }
}
