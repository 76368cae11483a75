//! The receiver of the answers of jobs.

/// The receiver of answers. In the addon it is the mailbox of the JavaScript environment.
pub trait Outbox: Send + Sync {
    /// Hands over records. `ends_job` says whether these records end a job that JavaScript waits for.
    fn post(&self, records: Vec<u8>, ends_job: bool);
}
