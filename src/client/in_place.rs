//! Runs a call on the thread of JavaScript, where that takes less time than to wake another thread. What
//! may run there is decided by `sqlite::in_place`. A call that may not is queued.

use std::sync::Arc;

use super::error::Error;
use super::row_sink::RecordSink;
use super::session::Session;
use crate::jobs::ids::{CallNumber, JobId, TransactionId};
use crate::jobs::panics;
use crate::sqlite::{LONGEST_VALUE, Prepared};
use crate::wire::records::Records;
use crate::wire::request::{Request, Sql};

/// The answer of a call that has run in place.
pub struct Answer {
    /// The records of the call.
    pub records: Vec<u8>,
    /// Whether a checkpoint is due, which a commit in place leaves to the lane's thread.
    pub checkpoint_is_due: bool,
}

impl Session {
    /// Runs a call on the calling thread, if its answer has at most `longest_answer` bytes. None if it must be queued; it has had no effect then.
    pub fn run_in_place(
        &mut self,
        job: JobId,
        transaction: TransactionId,
        request: &[u8],
        longest_answer: usize,
    ) -> Option<Answer> {
        if request.len() > LONGEST_VALUE || longest_answer < 2 * LONGEST_VALUE {
            return None;
        }
        let Ok(Request::Execute(statement)) = Request::read(request) else { return None };
        let Sql::Id(id) = statement.sql else { return None };
        if !self.connection_mut()?.0.is_quick(id) {
            return None;
        }
        let client = Arc::clone(self.client());
        if client.options.location.shares_cache() || client.pinned_lane().is_some() {
            return None;
        }
        let (is_in_transaction, is_read_only) = self.place_of(transaction)?;
        let sql = client.statement(id)?;
        let arguments = statement.arguments().ok()?;
        let lane = client.lane_key(self.lane());
        let version = client.settings.version();
        let commit = self.known_commits.in_place(version);
        let commits_before = self.commits();
        let (connection, hooks) = self.connection_mut()?;
        if hooks.settings_version() != version {
            return None;
        }
        let writers = client.writers()?;
        writers.begin_job(lane);
        hooks.set_in_place(true);
        let mut records = Records::new(job);
        let allow = |prepared: Prepared| {
            let may_run = prepared.read_only
                || !is_read_only
                    && !prepared.has_snapshot
                    && !prepared.may_not_write
                    && writers.take_slot_now(lane, CallNumber::next());
            // The error is not shown: the call runs again on the lane's thread.
            if may_run { Ok(()) } else { Err(Error::ReadOnlyTransaction) }
        };
        let ran = panics::catch(|| {
            let mut sink = RecordSink::new(&client, &mut records, None, &allow, false);
            connection.run_in_place(id, &sql, &arguments, commit, &mut sink)
        });
        hooks.set_in_place(false);
        let frames = connection.wal_frames();
        let is_rolled_back = is_in_transaction && connection.is_autocommit();
        if ran.is_err() {
            self.drop_connection();
        } else if is_rolled_back {
            self.forget_transaction();
        }
        writers.end_job(lane, is_in_transaction && !is_rolled_back && ran.is_ok());
        let failure = match ran {
            Ok(Some(Ok(()))) => None,
            // The call would run outside of its transaction on the lane's thread.
            Ok(Some(Err(error))) if is_rolled_back => Some(error),
            Ok(_) => return None,
            Err(panic) => Some(Error::Panicked(panic)),
        };
        if let Some(error) = failure {
            // Rows that were not handed on are not part of the answer.
            let mut records = Records::new(job);
            client.fail(request, &mut records, self.outcome(false), error.into());
            return Some(Answer { records: records.take(), checkpoint_is_due: false });
        }
        let committed = self.commits() != commits_before;
        records.done(self.outcome(committed));
        let checkpoint_is_due =
            committed && commit.is_some_and(|cost| cost.is_checkpoint_due(frames));
        Some(Answer { records: records.take(), checkpoint_is_due })
    }
}
