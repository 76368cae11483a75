//! The channel between a running job and JavaScript. The job asks with records; JavaScript replies under
//! the job's number.

use std::collections::VecDeque;
use std::sync::Arc;

use super::cancel::{Cancel, CancelReason};
use super::ids::JobId;
use super::outbox::Outbox;
use crate::sync::{Mutex, lock};

/// A reply of JavaScript.
#[derive(Debug)]
pub enum Reply {
    /// The bytes that the job asked for.
    Bytes(Vec<u8>),
    /// The content has no more bytes, or the step in JavaScript is done.
    Continue,
}

/// The channel of one job.
pub struct JobChannel {
    job: JobId,
    cancel: Arc<Cancel>,
    outbox: Arc<dyn Outbox>,
    replies: Mutex<VecDeque<Reply>>,
    /// A used buffer, kept for the next bytes: allocating fresh memory takes as long as the copying.
    spare: Mutex<Vec<u8>>,
}

impl JobChannel {
    /// The channel of a job. `cancel` is the cancel flag of the job.
    pub fn new(job: JobId, cancel: Cancel, outbox: Arc<dyn Outbox>) -> Self {
        Self {
            job,
            cancel: Arc::new(cancel),
            outbox,
            replies: Mutex::default(),
            spare: Mutex::default(),
        }
    }

    /// The number of the job.
    pub fn job(&self) -> JobId {
        self.job
    }

    /// The cancel flag of the job.
    pub fn cancel(&self) -> &Arc<Cancel> {
        &self.cancel
    }

    /// Sends JavaScript records that do not end the job.
    pub fn tell(&self, records: Vec<u8>) {
        self.outbox.post(records, false);
    }

    /// Sends JavaScript the last records of the job.
    pub fn answer(&self, records: Vec<u8>) {
        self.outbox.post(records, true);
    }

    /// Waits for the next reply of JavaScript.
    ///
    /// # Errors
    /// The reason of a cancel, which ends the wait.
    pub fn reply(&self) -> Result<Reply, CancelReason> {
        self.cancel.wait_for(|| lock(&self.replies).pop_front())
    }

    /// Delivers a reply of JavaScript that is a copy of `bytes`.
    pub fn send_bytes(&self, bytes: &[u8]) {
        let mut copy = std::mem::take(&mut *lock(&self.spare));
        copy.clear();
        copy.extend_from_slice(bytes);
        self.send(Reply::Bytes(copy));
    }

    /// Delivers a reply of JavaScript.
    pub fn send(&self, reply: Reply) {
        lock(&self.replies).push_back(reply);
        self.cancel.wake();
    }

    /// Returns the buffer of a reply, which the next reply uses again.
    pub fn give_back(&self, bytes: Vec<u8>) {
        *lock(&self.spare) = bytes;
    }
}
