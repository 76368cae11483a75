//! The receiver of the answers of jobs.

use super::backlog::Load;
use super::ids::JobId;

/// The receiver of answers. In the addon it is the mailbox of the JavaScript environment.
pub trait Outbox: Send + Sync {
    /// Hands over records. `ends_job` says whether these records end a job that JavaScript waits for.
    fn post(&self, records: Vec<u8>, ends_job: bool);

    /// Hands over the panics of the calling thread. [`Outbox::post`] does so, too.
    fn post_panics(&self) {}

    /// Hands over records of one call. `load` is dropped once they are fetched or dropped.
    fn post_answer(&self, _job: JobId, records: Vec<u8>, ends_job: bool, load: Load) {
        drop(load);
        self.post(records, ends_job);
    }

    /// Hands over the last records of a call that no lane has answered.
    fn post_end(&self, _job: JobId, records: Vec<u8>) {
        self.post(records, true);
    }

    /// Keeps back the rows of a call that was cancelled while it runs, until it ends: only then it is known
    /// whether anybody needs them.
    fn withhold_rows(&self, _job: JobId) {}

    /// Drops the rows of a call that has failed. What later calls rely on is kept.
    fn drop_rows(&self, _job: JobId) {}
}
