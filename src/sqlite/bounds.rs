//! The bounds of a statement that runs on the thread of JavaScript, or on the main lane in the way of others.

use std::ffi::{c_char, c_int, c_void};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ffi};

use super::time_limit::TimeLimit;

/// The most checks of the progress handler in one run: after some 2,000 steps, which take about 0.1 ms, a
/// statement is not short.
const MOST_CHECKS: u32 = 8;
/// A run in place is ended after this time, whatever it waits for: the disk, or a processor.
const LONGEST_RUN: Duration = Duration::from_micros(500);
/// A read on the main lane that takes longer goes on on a reader lane.
pub const LONGEST_READ: Duration = Duration::from_millis(2);
/// A write that others wait for, because they are committed with it, is ended after this time.
const LONGEST_MEMBER: Duration = Duration::from_millis(20);

/// The bounds of the running statement, and what its commit has said. The progress handler and the WAL hook
/// use it, on the thread that uses the connection.
#[derive(Debug)]
pub struct Bounds {
    /// The limit that the statement, or its client, has set.
    pub time_limit: TimeLimit,
    epoch: Instant,
    /// In nanoseconds since `epoch`. 0 if there are no bounds.
    deadline: AtomicU64,
    /// The number of checks since the bounds were set.
    checks: AtomicU32,
    /// The most checks.
    most_checks: AtomicU32,
    /// Whether the bounds are those of a preparation.
    is_preparing: AtomicBool,
    /// The number of frames in the WAL after the last commit that was noted.
    wal_frames: AtomicI32,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            time_limit: TimeLimit::default(),
            epoch: Instant::now(),
            deadline: AtomicU64::new(0),
            checks: AtomicU32::new(0),
            most_checks: AtomicU32::new(0),
            is_preparing: AtomicBool::new(false),
            wal_frames: AtomicI32::new(0),
        }
    }
}

impl Bounds {
    /// Whether the running statement has to end now. Called by the progress handler.
    pub fn are_reached(&self) -> bool {
        let deadline = self.deadline.load(Ordering::Relaxed);
        if deadline == 0 {
            return false;
        }
        let checks = self.checks.fetch_add(1, Ordering::Relaxed) + 1;
        checks >= self.most_checks.load(Ordering::Relaxed) || self.since_epoch() >= deadline
    }

    /// Whether the statement that was ended is too long. It may also have waited for too long.
    pub fn is_too_long(&self) -> bool {
        self.checks.load(Ordering::Relaxed) >= MOST_CHECKS
    }

    /// Whether the bounds end the preparation of a statement, too.
    pub fn end_preparation(&self) -> bool {
        self.is_preparing.load(Ordering::Relaxed)
    }

    /// Lets the bounds end the preparation of a statement, too, until they are lifted.
    pub fn include_preparation(&self) {
        self.is_preparing.store(true, Ordering::Relaxed);
    }

    /// Sets the bounds of a run in place, or removes them.
    pub fn set(&self, is_bounded: bool) {
        if is_bounded {
            self.begin(Instant::now(), LONGEST_RUN, MOST_CHECKS);
        } else {
            self.deadline.store(0, Ordering::Relaxed);
            self.checks.store(0, Ordering::Relaxed);
        }
    }

    /// Sets the bound of a read on the main lane that begins now.
    pub fn set_for_read(&self, now: Instant) {
        self.begin(now, LONGEST_READ, u32::MAX);
    }

    /// Sets the bound of a write that begins now, and that is committed together with others.
    pub fn set_for_member(&self, now: Instant) {
        self.begin(now, LONGEST_MEMBER, u32::MAX);
    }

    fn begin(&self, now: Instant, longest: Duration, most_checks: u32) {
        let end = now.saturating_duration_since(self.epoch) + longest;
        let deadline = u64::try_from(end.as_nanos()).unwrap_or(u64::MAX);
        self.most_checks.store(most_checks, Ordering::Relaxed);
        self.checks.store(0, Ordering::Relaxed);
        self.deadline.store(deadline, Ordering::Relaxed);
    }

    /// Lets the next statement run for as long as it takes. What is known of the last one stays.
    pub fn lift(&self) {
        self.deadline.store(0, Ordering::Relaxed);
        self.is_preparing.store(false, Ordering::Relaxed);
    }

    /// The number of frames in the WAL after the last commit that was noted. 0 if there was none since the last call.
    pub fn take_frames(&self) -> i32 {
        self.wal_frames.swap(0, Ordering::Relaxed)
    }

    /// Replaces the connection's WAL hook by one that notes the number of frames of each commit, and does
    /// nothing else. The caller has to install another hook before `self` is dropped.
    pub fn note_frames_of(self: &Arc<Self>, connection: &Connection) {
        let bounds = Arc::as_ptr(self).cast_mut().cast::<c_void>();
        // SAFETY: the connection is open, and only this thread uses it. The caller's promise keeps the bounds
        // alive for as long as the hook is installed.
        unsafe { ffi::sqlite3_wal_hook(connection.handle(), Some(note_frames), bounds) };
    }

    fn since_epoch(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// The WAL hook of a commit whose checkpoint is not its own (<https://sqlite.org/c3ref/wal_hook.html>): instead of a checkpoint, it
/// notes the number of frames.
unsafe extern "C" fn note_frames(
    bounds: *mut c_void,
    _connection: *mut ffi::sqlite3,
    _database: *const c_char,
    frames: c_int,
) -> c_int {
    // SAFETY: `note_frames_of` passes a pointer to the bounds, which its connection owns.
    let bounds = unsafe { &*bounds.cast_const().cast::<Bounds>() };
    bounds.wal_frames.store(frames, Ordering::Relaxed);
    ffi::SQLITE_OK
}
