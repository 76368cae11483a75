//! The numbers that JavaScript and the addon give to jobs, clients, lanes and transactions. Each has its
//! own type, so that the compiler finds a mix-up.

use std::sync::atomic::{AtomicU64, Ordering};

/// The number of a job. A job is one call of JavaScript, from its request to its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(pub u32);

impl JobId {
    /// No job: a job of latchdb itself, whose answer is not sent, or records that belong to no job.
    pub const NONE: Self = Self(0);
}

/// The number of a client in the process, over all threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(pub u64);

impl ClientId {
    /// A number for a new client.
    pub fn next() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(LAST.fetch_add(1, Ordering::Relaxed))
    }
}

/// The number of a call in the order of all calls of the process. It decides the order of the writers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallNumber(pub u64);

impl CallNumber {
    /// The number of a new call: larger than those of all earlier calls.
    pub fn next() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(LAST.fetch_add(1, Ordering::Relaxed))
    }
}

/// The number of a wait of which a client is told, in the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitNumber(pub u64);

impl WaitNumber {
    /// A number for a new wait.
    pub fn next() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(LAST.fetch_add(1, Ordering::Relaxed))
    }
}

/// The number of a lane in its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LaneId(pub u32);

impl LaneId {
    /// The lane that every client begins with, as its main lane.
    pub const MAIN: Self = Self(0);

    /// The reader lane with this index.
    pub fn reader(index: usize) -> Self {
        Self(Self::FIRST_READER + u32::try_from(index).unwrap_or_default())
    }

    /// Whether the lane is a reader lane, or the one that makes checkpoints.
    pub fn is_reader(self) -> bool {
        self.0 >= Self::FIRST_READER
    }

    const FIRST_READER: u32 = 1 << 30;
}

/// The number of a transaction: that of the job that began it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransactionId(pub u32);

impl TransactionId {
    /// No transaction: the call is outside of transactions.
    pub const NONE: Self = Self(0);
}

impl From<JobId> for TransactionId {
    fn from(JobId(number): JobId) -> Self {
        Self(number)
    }
}
