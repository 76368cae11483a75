//! One environment asks another to shut its clients down. It is answered exactly once: with the
//! other's report, or by being dropped with it.

use std::sync::Arc;
use std::time::Duration;

use crate::jobs::ids::JobId;
use crate::jobs::outbox::Outbox;
use crate::wire::records::Records;

/// See the module's documentation.
pub struct ShutdownRequest {
    /// Whether what was called before is let finish first.
    pub drain: bool,
    /// For how long.
    pub limit: Duration,
    asker: Arc<dyn Outbox>,
    job: JobId,
    report: Option<String>,
}

impl ShutdownRequest {
    /// A request whose answer `asker` expects under the number `job`.
    pub fn new(asker: Arc<dyn Outbox>, job: JobId, drain: bool, limit: Duration) -> Self {
        Self { drain, limit, asker, job, report: None }
    }

    /// Answers with a report.
    pub fn acknowledge(mut self, report: String) {
        self.report = Some(report);
    }
}

impl Drop for ShutdownRequest {
    fn drop(&mut self) {
        let mut records = Records::new(self.job);
        records.shutdown_acknowledged(self.report.as_deref());
        self.asker.post(records.take(), true);
    }
}
