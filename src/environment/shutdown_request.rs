//! The request of one environment to another one to shut down its clients. Each request is answered
//! exactly once: with a report of the other environment, or without one when that environment ends and
//! drops the request.

use std::sync::Arc;
use std::time::Duration;

use crate::jobs::ids::JobId;
use crate::jobs::outbox::Outbox;
use crate::wire::records::Records;

/// A request to shut down the clients of an environment.
pub struct ShutdownRequest {
    /// Whether queued calls may finish first.
    pub drain: bool,
    /// The longest time for them to finish.
    pub limit: Duration,
    asker: Arc<dyn Outbox>,
    job: JobId,
    report: Option<String>,
}

impl ShutdownRequest {
    /// A request whose answer goes to `asker` as an answer of `job`.
    pub fn new(asker: Arc<dyn Outbox>, job: JobId, drain: bool, limit: Duration) -> Self {
        Self { drain, limit, asker, job, report: None }
    }

    /// Answers the request with a report.
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
