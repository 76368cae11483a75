//! One call on its way through the lanes.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Instant;

use super::class::Class;
use super::error::Error;
use super::lane::Job;
use super::line::Way;
use super::run::Failure;
use super::state::ClientState;
use super::writer_queue::Ticket;
use crate::jobs::cancel::CancelReason;
use crate::jobs::ids::{CallNumber, JobId, TransactionId};
use crate::wire::records::{ErrorRecord, Outcome, Records};
use crate::wire::request::{self, Sql};

/// One call in the queue of a lane.
pub struct Call {
    /// The number under which JavaScript waits for the answer.
    pub job: JobId,
    /// The request, in the wire format.
    pub request: Vec<u8>,
    /// The transaction that the call belongs to.
    pub transaction: TransactionId,
    /// The number of the call in the order of all calls.
    pub number: CallNumber,
    /// The call's place in the writer queue, if the call is known to write.
    pub ticket: Option<Ticket>,
    /// When the call was made.
    pub made: Instant,
    /// The client that the call belongs to.
    pub client: Arc<ClientState>,
    /// What the order of the calls has to know of it.
    pub class: Class,
    /// Where it runs, once it has left the line of the calls. None if it did not go through the line.
    pub way: Option<Way>,
    /// Whether it is not committed together with others.
    pub runs_alone: bool,
}

impl Call {
    /// A call of latchdb itself, without a caller and without an answer.
    pub fn own(
        client: Arc<ClientState>,
        transaction: TransactionId,
        request: impl Into<Vec<u8>>,
    ) -> Self {
        Self {
            job: JobId::NONE,
            request: request.into(),
            transaction,
            number: CallNumber::next(),
            ticket: None,
            made: Instant::now(),
            client,
            class: Class::Main,
            way: None,
            runs_alone: false,
        }
    }
}

impl Call {
    /// The number of the statement, if the call runs a single one that has a number.
    pub fn statement(&self) -> Option<u32> {
        match request::sql_of(&self.request) {
            Some(Sql::Id(id)) => Some(id),
            _ => None,
        }
    }
}

impl Job for Call {
    fn id(&self) -> JobId {
        self.job
    }

    fn reject(self, reason: CancelReason) {
        let mut records = Records::new(self.job);
        self.client.fail(
            &self.request,
            &mut records,
            Outcome::default(),
            Error::Cancelled(reason).into(),
        );
        // The ticket is given back before the answer: a caller that gets the answer may rely on it.
        drop(self.ticket);
        if let (Some(way), Some(turns)) = (self.way, self.client.turns()) {
            turns.left(way);
        }
        if self.job != JobId::NONE {
            self.client.outbox.post_end(self.job, records.take());
        }
    }
}

impl ClientState {
    /// Writes the error record of a failed call.
    pub(super) fn fail(
        &self,
        request: &[u8],
        records: &mut Records,
        outcome: Outcome,
        failure: Failure,
    ) {
        let Failure { error, statement, place } = failure;
        if request::is_called_for(request)
            && matches!(error, Error::Cancelled(CancelReason::ClientClosed))
        {
            self.count_cancelled();
        }
        let place = place.map(|place| *place);
        records.error(outcome, ErrorRecord { place, ..error.record() }, statement);
    }
}

/// Takes calls that have had no effect on their lane, to run them on another one.
pub trait HandOn: Send + Sync {
    /// Runs a call as one of this class.
    fn hand_on(&self, call: Call, class: Class);
    /// Ends a job whose cancel has met it on its former lane.
    fn cancel_again(&self, job: JobId, reason: CancelReason);
}

/// Where calls are handed on, once the client has its lanes.
pub type NextLane = OnceLock<Weak<dyn HandOn>>;
