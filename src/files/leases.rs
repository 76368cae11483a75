//! How long an opening waits while another process has a lease on the file (`fcntl(2)`, F_SETLEASE).
//!
//! `open(2)` would wait until the lease is given up, at worst for the system's `lease-break-time`, 45 s,
//! and nothing could end that. With O_NONBLOCK it asks for the lease to be given up, too, and answers
//! EWOULDBLOCK: so it is tried again, and each thread says for how long.
//!
//! A swap of a database holds a lease on it while two names change, about 0.1 ms and two syncs of a
//! directory. Nobody but a file's owner and root can have one (CAP_LEASE).

use std::cell::RefCell;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use crate::jobs::backoff::Backoff;

/// How long a thread waits that has not said otherwise: the JavaScript thread is one.
const LIMIT: Duration = Duration::from_millis(100);

/// How long the wait for a sidecar is on any thread: no swap takes a lease on one, and SQLite has a lock of
/// the whole process while it opens a `-shm`.
const SIDECAR_LIMIT: Duration = Duration::from_millis(50);

/// How soon it is tried again, first and at last.
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

/// Until this is dropped the thread has another patience.
#[must_use]
pub struct Changed(Patience);

impl Drop for Changed {
    fn drop(&mut self) {
        PATIENCE.replace(self.0.clone());
    }
}

/// This thread waits for as long as `goes_on` says, which is asked every few milliseconds.
pub fn wait_while(goes_on: impl Fn() -> bool + 'static) -> Changed {
    Changed(PATIENCE.replace(Patience::While(Rc::new(goes_on))))
}

/// This thread does not wait.
pub fn do_not_wait() -> Changed {
    Changed(PATIENCE.replace(Patience::Limit(Duration::ZERO)))
}

/// One file's wait.
pub struct LeaseWait {
    is_sidecar: bool,
    began: Option<Instant>,
    backoff: Backoff,
}

impl LeaseWait {
    /// One that has not begun.
    pub fn new(is_sidecar: bool) -> Self {
        Self { is_sidecar, began: None, backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE) }
    }

    /// Pauses. False where the thread has waited long enough.
    pub fn pause(&mut self) -> bool {
        let waited = self.began.get_or_insert_with(Instant::now).elapsed();
        // A thread that is ending has forgotten what it said.
        let patience = PATIENCE.try_with(|patience| patience.borrow().clone());
        let goes_on = match patience.unwrap_or(Patience::Limit(LIMIT)) {
            Patience::Limit(limit) => waited < limit,
            Patience::While(goes_on) => goes_on(),
        };
        if !goes_on || (self.is_sidecar && waited >= SIDECAR_LIMIT) {
            return false;
        }
        thread::sleep(self.backoff.pause());
        true
    }
}
