//! Where the answers of jobs go.

/// Where answers go: in the addon, the mailbox of the JavaScript environment.
pub trait Outbox: Send + Sync {
    /// Hands over records. `ends_job` says whether they end a job that JavaScript waits for.
    fn post(&self, records: Vec<u8>, ends_job: bool);
}
