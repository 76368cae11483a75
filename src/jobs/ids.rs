//! The numbers by which JavaScript and the addon name things. Three types, so that none can stand in
//! another's place.

/// A job: one call of JavaScript, from its request to its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(pub u32);

impl JobId {
    /// A job without a caller: nobody waits for its answer.
    pub const NONE: Self = Self(0);
}

/// A lane of one client. The main lane runs everything outside of transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LaneId(pub u32);

impl LaneId {
    /// The lane on which everything outside of transactions runs.
    pub const MAIN: Self = Self(0);
}

/// A transaction, by the number of the job that began it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransactionId(pub u32);

impl TransactionId {
    /// Outside of every transaction that a call has begun.
    pub const NONE: Self = Self(0);
}

impl From<JobId> for TransactionId {
    fn from(JobId(number): JobId) -> Self {
        Self(number)
    }
}
