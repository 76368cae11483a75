//! The limit of the time for which a statement may run.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The limit of the running statement. The progress handler asks for it, on the thread that uses the connection.
#[derive(Debug)]
pub struct TimeLimit {
    epoch: Instant,
    /// In nanoseconds since `epoch`. 0 without a limit.
    deadline: AtomicU64,
    /// The limit, in milliseconds.
    limit_ms: AtomicU64,
    is_reached: AtomicBool,
}

impl Default for TimeLimit {
    fn default() -> Self {
        Self {
            epoch: Instant::now(),
            deadline: AtomicU64::new(0),
            limit_ms: AtomicU64::new(0),
            is_reached: AtomicBool::new(false),
        }
    }
}

impl TimeLimit {
    /// Runs a statement that may run for this long.
    pub fn within<T>(&self, limit: Option<Duration>, run: impl FnOnce() -> T) -> T {
        let Some(limit) = limit else { return run() };
        let deadline = self.epoch.elapsed().saturating_add(limit);
        self.limit_ms.store(nanoseconds(limit) / 1_000_000, Ordering::Relaxed);
        self.is_reached.store(false, Ordering::Relaxed);
        self.deadline.store(nanoseconds(deadline), Ordering::Relaxed);
        let ran = run();
        self.deadline.store(0, Ordering::Relaxed);
        ran
    }

    /// Whether the running statement has to end now. Called by the progress handler.
    pub fn ends_now(&self) -> bool {
        let deadline = self.deadline.load(Ordering::Relaxed);
        let ends = deadline != 0 && nanoseconds(self.epoch.elapsed()) >= deadline;
        if ends {
            self.is_reached.store(true, Ordering::Relaxed);
        }
        ends
    }

    /// Does not count the time of a wait, which is none of the statement's run.
    pub fn pausing<T>(&self, wait: impl FnOnce() -> T) -> T {
        if self.deadline.load(Ordering::Relaxed) == 0 {
            return wait();
        }
        let began = Instant::now();
        let waited = wait();
        self.deadline.fetch_add(nanoseconds(began.elapsed()), Ordering::Relaxed);
        waited
    }

    /// The limit in milliseconds that the last statement has reached, if it has.
    pub fn reached(&self) -> Option<u64> {
        self.is_reached.load(Ordering::Relaxed).then(|| self.limit_ms.load(Ordering::Relaxed))
    }

    /// What ends the next statement is not the limit of an earlier one.
    pub fn forget(&self) {
        self.is_reached.store(false, Ordering::Relaxed);
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_does_not_count() {
        let limit = TimeLimit::default();
        let wait = Duration::from_millis(30);
        limit.within(Some(Duration::from_millis(20)), || {
            limit.pausing(|| std::thread::sleep(wait));
            assert!(!limit.ends_now());
            std::thread::sleep(wait);
            assert!(limit.ends_now());
        });
        assert_eq!(limit.reached(), Some(20));
        limit.within(None, || assert!(!limit.ends_now()));
        limit.forget();
        assert_eq!(limit.reached(), None);
    }
}
