//! The numbers that JavaScript and the addon give to jobs, lanes and transactions. Each has its own type,
//! so that the compiler finds a mix-up.

/// The number of a job. A job is one call of JavaScript, from its request to its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(pub u32);

impl JobId {
    /// No job: a job of latchdb itself, whose answer is not sent, or records that belong to no job.
    pub const NONE: Self = Self(0);
}

/// The number of a lane in its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LaneId(pub u32);

impl LaneId {
    /// The lane that every client begins with, as its main lane.
    pub const MAIN: Self = Self(0);
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
