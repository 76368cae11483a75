//! What a client counts, for its statistics.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::sqlite::Found;

/// The counts of one client.
#[derive(Debug, Default)]
pub struct Counts {
    connections: AtomicU32,
    readers: AtomicU32,
    hits: AtomicU64,
    misses: AtomicU64,
    groups: AtomicU64,
    grouped: AtomicU64,
}

impl Counts {
    /// The number of open connections, and how many of them are those of reader lanes.
    pub fn connections(&self) -> (u32, u32) {
        (self.connections.load(Ordering::Relaxed), self.readers.load(Ordering::Relaxed))
    }

    /// How often statements were found prepared.
    pub fn found(&self) -> Found {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Found { hits: count(&self.hits), misses: count(&self.misses) }
    }

    /// The number of commits that calls have shared, and the number of these calls.
    pub fn groups(&self) -> (u64, u64) {
        (self.groups.load(Ordering::Relaxed), self.grouped.load(Ordering::Relaxed))
    }

    /// Adds a commit of so many calls.
    pub fn add_group(&self, calls: usize) {
        if calls > 1 {
            self.groups.fetch_add(1, Ordering::Relaxed);
            self.grouped.fetch_add(calls as u64, Ordering::Relaxed);
        }
    }

    /// Adds what one connection has found.
    pub fn add(&self, Found { hits, misses }: Found) {
        self.hits.fetch_add(hits, Ordering::Relaxed);
        if misses > 0 {
            self.misses.fetch_add(misses, Ordering::Relaxed);
        }
    }
}

/// Counts one open connection until it is dropped.
pub struct OpenConnection {
    counts: Arc<Counts>,
    reads: bool,
}

impl OpenConnection {
    /// Counts a connection. `reads` says whether it is one of a reader lane.
    pub fn of(counts: Arc<Counts>, reads: bool) -> Self {
        counts.connections.fetch_add(1, Ordering::Relaxed);
        counts.readers.fetch_add(u32::from(reads), Ordering::Relaxed);
        Self { counts, reads }
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.counts.connections.fetch_sub(1, Ordering::Relaxed);
        self.counts.readers.fetch_sub(u32::from(self.reads), Ordering::Relaxed);
    }
}
