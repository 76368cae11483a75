//! Runs a call on the thread of JavaScript, where that takes less time than to wake another thread. What
//! may run there is decided by `sqlite::in_place`. A call that may not is queued.

use std::sync::Arc;

use super::checkpoints::Pass;
use super::error::Error;
use super::row_sink::RecordSink;
use super::scratch::Scratch;
use super::session::Session;
use crate::jobs::ids::{CallNumber, JobId, TransactionId};
use crate::jobs::panics;
use crate::sqlite::{LONGEST_VALUE, Prepared};
use crate::wire::records::Records;
use crate::wire::request::{Request, Sql};

/// An answer in the buffer of its request.
pub struct Answered {
    /// Whether a checkpoint is due, which a commit in place leaves to the lane's thread.
    pub checkpoint_is_due: bool,
}

impl Session {
    /// Runs the request at the beginning of `buffer`, `length` bytes, on the calling thread, and writes the
    /// answer over it. None if the request must be queued; it has had no effect then. `prepares` says whether a
    /// statement may be prepared, too: where the lane has a thread, that is the thread's work.
    pub fn run_in_place(
        &mut self,
        job: JobId,
        transaction: TransactionId,
        buffer: &mut [u8],
        length: usize,
        prepares: bool,
    ) -> Option<Answered> {
        if length > LONGEST_VALUE || buffer.len() < 2 * LONGEST_VALUE {
            return None;
        }
        // An answer that JavaScript has not read may say which columns the next one has.
        if !self.is_fetched() {
            return None;
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        let request = buffer.get(..length)?;
        let answered = self.answer_in_place(job, transaction, request, prepares, &mut scratch);
        if answered.is_some() {
            // A run whose rows are longer than a chunk has been ended, so the answer fits into the buffer.
            buffer[..scratch.records.len()].copy_from_slice(&scratch.records);
        }
        scratch.give_back();
        self.scratch = scratch;
        answered
    }

    fn answer_in_place(
        &mut self,
        job: JobId,
        transaction: TransactionId,
        request: &[u8],
        prepares: bool,
        scratch: &mut Scratch,
    ) -> Option<Answered> {
        let Ok(Request::Execute(statement)) = Request::read(request) else { return None };
        let Sql::Id(id) = statement.sql else { return None };
        let (connection, _) = self.connection_mut()?;
        let is_unknown = prepares && connection.is_unknown(id);
        if !is_unknown && !connection.is_quick(id) {
            return None;
        }
        let client = Arc::clone(self.client());
        if client.options.location.shares_cache() || client.pinned_lane().is_some() {
            return None;
        }
        let (is_in_transaction, is_read_only) = self.place_of(transaction)?;
        let arguments = statement.arguments().ok()?;
        let options = statement.options().ok()?;
        let unknown = if is_unknown { Some(client.statement(id)?) } else { None };
        let lane = client.lane_key(self.lane());
        let version = client.settings.version();
        let commit = self.known_commits.in_place(version, client.checkpoints.completed());
        let commits_before = self.commits();
        let (connection, hooks) = self.connection_mut()?;
        if hooks.settings_version() != version {
            return None;
        }
        let writers = client.writers()?;
        writers.begin_job(lane);
        hooks.set_waits(false);
        let mut records = Records::reusing(job, std::mem::take(&mut scratch.records));
        let allow = |prepared: Prepared| {
            let may_run = prepared.read_only
                || !is_read_only
                    && !options.read_only
                    && !prepared.has_snapshot
                    && !prepared.may_not_write
                    && writers.take_slot_now(lane, CallNumber::next());
            // The error is not shown: the call runs again on the lane's thread.
            if may_run { Ok(()) } else { Err(Error::ReadOnlyTransaction) }
        };
        let ran = panics::catch(|| {
            let sink = RecordSink::new(&client, &mut records, None, &allow, false);
            let sink = sink.with(options);
            let mut sink = sink.reusing(std::mem::take(&mut scratch.chunk));
            let ran =
                connection.run_in_place(id, unknown.as_deref(), &arguments, commit, &mut sink);
            scratch.chunk = sink.into_chunk();
            ran
        });
        hooks.set_waits(true);
        client.counts.add(connection.take_found());
        let frames = connection.take_frames();
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
            Ok(_) => {
                scratch.records = records.take();
                // A panic in a callback of SQLite, which fails no call: the call runs again.
                client.outbox.post_panics();
                return None;
            }
            Err(panic) => Some(Error::Panicked(panic)),
        };
        let mut checkpoint_is_due = false;
        if let Some(error) = failure {
            // Rows that were not handed on are not part of the answer.
            records = Records::reusing(job, records.take());
            client.fail(request, &mut records, self.outcome(false), error.into());
        } else {
            if is_unknown {
                // A client that never starts a thread forgets its old statements here.
                self.forget_statements(&mut records);
            }
            let committed = self.commits() != commits_before;
            records.done(self.outcome(committed));
            let at = commit.map_or(0, |cost| cost.checkpoint_at);
            if committed && client.makes_checkpoints() {
                self.due = client.checkpoints.due(frames, at);
                checkpoint_is_due = self.due == Some(Pass::Own);
                self.ask_for_checkpoint();
            } else {
                checkpoint_is_due = committed && at > 0 && frames >= at;
            }
        }
        scratch.records = records.take();
        Some(Answered { checkpoint_is_due })
    }
}
