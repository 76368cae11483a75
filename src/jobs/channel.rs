//! A job asks, JavaScript answers: by records that go out, and replies that come back under the job's
//! number.

use std::collections::VecDeque;
use std::sync::Arc;

use super::cancel::{Cancel, CancelReason};
use super::ids::JobId;
use super::outbox::Outbox;
use crate::sync::{Mutex, lock};

/// What JavaScript replies.
#[derive(Debug)]
pub enum Reply {
    /// The bytes that were asked for.
    Bytes(Vec<u8>),
    /// There are no more bytes, or JavaScript's own step is done.
    Continue,
}

/// The channel of one job.
pub struct JobChannel {
    job: JobId,
    cancel: Arc<Cancel>,
    outbox: Arc<dyn Outbox>,
    replies: Mutex<VecDeque<Reply>>,
    /// Memory of bytes that were used: fresh memory takes as long as the copying.
    spare: Mutex<Vec<u8>>,
}

impl JobChannel {
    /// The channel of a job that `cancel` ends.
    pub fn new(job: JobId, cancel: Cancel, outbox: Arc<dyn Outbox>) -> Self {
        Self {
            job,
            cancel: Arc::new(cancel),
            outbox,
            replies: Mutex::default(),
            spare: Mutex::default(),
        }
    }

    /// Whose channel it is.
    pub fn job(&self) -> JobId {
        self.job
    }

    /// The flag of the job.
    pub fn cancel(&self) -> &Arc<Cancel> {
        &self.cancel
    }

    /// Tells JavaScript something in the middle of the job.
    pub fn tell(&self, records: Vec<u8>) {
        self.outbox.post(records, false);
    }

    /// Answers the job.
    pub fn answer(&self, records: Vec<u8>) {
        self.outbox.post(records, true);
    }

    /// Waits for JavaScript's next reply.
    pub fn reply(&self) -> Result<Reply, CancelReason> {
        self.cancel.wait_for(|| lock(&self.replies).pop_front())
    }

    /// JavaScript replies with bytes.
    pub fn send_bytes(&self, bytes: &[u8]) {
        let mut copy = std::mem::take(&mut *lock(&self.spare));
        copy.clear();
        copy.extend_from_slice(bytes);
        self.send(Reply::Bytes(copy));
    }

    /// JavaScript replies.
    pub fn send(&self, reply: Reply) {
        lock(&self.replies).push_back(reply);
        self.cancel.wake();
    }

    /// Gives the memory of a reply back, for the next one.
    pub fn give_back(&self, bytes: Vec<u8>) {
        *lock(&self.spare) = bytes;
    }
}
