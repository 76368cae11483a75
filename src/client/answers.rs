//! The answers of calls, until the lane sends them.

use std::sync::Arc;

use super::lane::Answer;
use super::state::ClientState;
use crate::jobs::backlog::{Backlog, Load};
use crate::jobs::ids::JobId;
use crate::wire::records::Records;

/// The answer of a call.
pub struct CallAnswer {
    client: Arc<ClientState>,
    /// The job, its last records and their load. None if nobody waits for an answer, or another lane gives it.
    records: Option<(JobId, Vec<u8>, Load)>,
}

impl CallAnswer {
    /// The answer of this job. The load counts from now on, before the lane has nothing to do: JavaScript has yet
    /// to learn of the columns.
    pub fn of(
        job: JobId,
        mut records: Records,
        backlog: &Arc<Backlog>,
        client: Arc<ClientState>,
    ) -> Self {
        let records = (job != JobId::NONE).then(|| {
            let bytes = records.take();
            let load = backlog.add(bytes.len());
            (job, bytes, load)
        });
        Self { client, records }
    }

    /// The answer of a call that another lane gives.
    pub fn elsewhere(client: Arc<ClientState>) -> Self {
        Self { client, records: None }
    }
}

/// The answers of calls that ran as one.
pub struct CallAnswers {
    first: Option<CallAnswer>,
    others: Vec<CallAnswer>,
}

impl From<CallAnswer> for CallAnswers {
    fn from(answer: CallAnswer) -> Self {
        Self { first: Some(answer), others: Vec::new() }
    }
}

impl From<Vec<CallAnswer>> for CallAnswers {
    fn from(others: Vec<CallAnswer>) -> Self {
        Self { first: None, others }
    }
}

impl Answer for CallAnswers {
    fn send(self) {
        for CallAnswer { client, records } in self.first.into_iter().chain(self.others) {
            if let Some((job, records, load)) = records {
                client.outbox.post_answer(job, records, true, load);
            }
        }
    }
}
