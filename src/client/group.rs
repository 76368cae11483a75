//! Group commit: writes that wait behind each other, and whose commits wait for the disk, are committed together,
//! so that they wait for it once.
//!
//! The calls of a group run in their order, in one transaction, each behind a savepoint
//! (`sqlite::shared_commit`). Each is answered once the transaction is committed, and as if it had run alone. A call
//! that fails is undone, and runs again by itself, once the calls before it are committed: its error is then that of
//! a statement in autocommit mode. Where the whole transaction is lost (a cancel, a full disk, a COMMIT that has to
//! wait for too long, or during whose wait a call is aborted), nothing of it has happened, and its calls run again one
//! by one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::answers::{CallAnswer, CallAnswers};
use super::call::Call;
use super::error::Error;
use super::lane::Behind;
use super::line::Way;
use super::run::{Caller, Failure, Place, Run};
use super::session::Session;
use super::timings;
use super::writer_queue::WriterQueue;
use crate::failpoints::{Point, reach};
use crate::files;
use crate::jobs::ids::TransactionId;
use crate::jobs::panics;
use crate::sqlite::Past;
use crate::wire::records::Records;
use crate::wire::request::{Mode, Request};

/// The most calls of a group.
const MOST_MEMBERS: usize = 256;
/// A group takes no further call after this time: the first one waits for the last one.
const LONGEST: Duration = Duration::from_millis(5);
/// The longest request of a member, in bytes.
const LONGEST_REQUEST: usize = 64 * 1024;

/// A call that has run in the open transaction of its group.
struct Member {
    call: Call,
    records: Records,
    statement: u32,
    /// The number of the statement's columns before the run.
    shape: Option<u32>,
    /// What the connection has told of the statements before.
    past: Past,
    /// When it has begun to run, if its answer tells that.
    began: Option<Instant>,
}

/// What becomes of a group.
#[derive(Default)]
struct Group {
    /// The calls that have run, and whose effect is in the open transaction.
    members: Vec<Member>,
    /// The call that is running or could not stay.
    last: Option<Member>,
    /// Whether the COMMIT has begun.
    is_committing: bool,
}

/// How a member has ended.
enum Ran {
    /// Its effect is in the open transaction.
    Stays,
    /// It was undone. It runs again by itself.
    Undone,
    /// The transaction is gone, and with it the effect of all members.
    AllUndone,
}

impl Session {
    /// Whether a call may be committed together with others: it is a short write outside of transactions, whose
    /// commit waits for the disk.
    pub(super) fn may_join_group(&self, call: &Call) -> bool {
        let client = &self.client;
        if !client.options.group_commit
            || call.runs_alone
            || call.way != Some(Way::Main)
            || call.transaction != TransactionId::NONE
            || call.request.len() > LONGEST_REQUEST
            || self.transaction.is_some()
            || client.pinned_lane().is_some()
        {
            return false;
        }
        let Some((connection, hooks)) = &self.connection else { return false };
        if connection.has_cursors() {
            return false;
        }
        let version = client.settings.version();
        let statement = call.statement();
        hooks.settings_version() == version
            && self.known_commits.may_sync(version)
            && statement.is_some_and(|statement| connection.may_share_commit(statement))
    }

    /// Runs a call and those behind it that may be committed together with it.
    pub(super) fn run_group(&mut self, first: Call, behind: &dyn Behind<Call>) -> CallAnswers {
        self.note(WriterQueue::begin_job);
        let cancel = Arc::clone(&self.cancel);
        let _lease_wait = files::wait_while(move || cancel.reason().is_none());
        self.waits.begin_call(first.made);
        if !self.begin_group(&first) {
            // The call itself waits for no longer, and tells why.
            return self.run_alone(first).into();
        }
        let mut group = Group::default();
        let committed = panics::catch(|| {
            self.fill_group(&mut group, first, behind);
            behind.have_run();
            self.commit_group(&mut group)
        });
        let is_busy = matches!(&committed, Ok(Err(error)) if error.is_busy());
        let answers = self.end_group(group, committed, behind);
        self.note(|writers, lane| writers.end_job(lane, false));
        self.ask_for_checkpoint();
        self.waits.end_call(is_busy);
        self.client.set_main_waits_in_vain_since(self.waits.in_vain_since());
        for _ in &answers {
            self.tell_end(Way::Main);
        }
        answers.into()
    }

    /// Begins the transaction of a group. Returns whether it has.
    fn begin_group(&mut self, first: &Call) -> bool {
        self.begin_interrupts();
        let begun = panics::catch(|| match self.run_in_group(first) {
            Some(mut run) => run.begin(Mode::Write),
            None => Err(Error::TransactionClosed),
        });
        if begun.is_err() {
            self.drop_connection();
        }
        let begun = begun.unwrap_or_else(|panic| Err(Error::Panicked(panic)));
        let begun = self.end_interrupts(begun.map_err(Failure::from));
        let Err(Failure { error, .. }) = begun else { return true };
        self.waits.end_call(error.is_busy());
        self.leave_clean(false);
        false
    }

    /// Runs the calls of a group, up to one that does not stay.
    fn fill_group(&mut self, group: &mut Group, first: Call, behind: &dyn Behind<Call>) {
        let began = Instant::now();
        let mut next = Some(first);
        while let Some(call) = next {
            let Some(statement) = call.statement() else { return };
            let Some((connection, _)) = &self.connection else { return };
            let (shape, past) = (connection.shape_of(statement), connection.past());
            let records = Records::new(call.job);
            let is_first = group.members.is_empty();
            let member = group.last.insert(Member {
                call,
                records,
                statement,
                shape,
                past,
                began: timings::begin(),
            });
            match self.run_member(member, is_first) {
                Ran::Stays => group.members.extend(group.last.take()),
                Ran::Undone => return,
                Ran::AllUndone => return self.lose_transaction(),
            }
            if group.members.len() >= MOST_MEMBERS || began.elapsed() >= LONGEST {
                return;
            }
            next = behind.take_next(&|call| self.may_join_group(call));
        }
    }

    fn run_member(&mut self, member: &mut Member, is_first: bool) -> Ran {
        let panics_before = panics::count();
        let Some((connection, hooks)) = &self.connection else { return Ran::AllUndone };
        let (bounds, hooks) = (connection.bounds(), Arc::clone(hooks));
        if connection.begin_member().is_err() {
            return Ran::AllUndone;
        }
        if !is_first {
            // The others wait for it.
            bounds.set_for_member(Instant::now());
        }
        self.begin_interrupts();
        reach(Point::Job);
        // Where readers keep a full page cache from being written, it grows. The COMMIT waits for them.
        hooks.set_waits(false);
        let ran = self.run_request(member);
        hooks.set_waits(true);
        let ran = self.end_interrupts(ran);
        bounds.set(false);
        let is_ended = |error: &Error| matches!(error, Error::Sqlite(error) if error.is_interrupt() || error.is_time_limit());
        let is_too_long = ran.as_ref().is_err_and(|failure| is_ended(&failure.error));
        let Some((connection, _)) = &mut self.connection else { return Ran::AllUndone };
        if is_too_long {
            connection.note_long(member.statement);
        }
        if panics::since(panics_before).is_some() {
            // A callback of SQLite has panicked. The call panics again by itself, and tells it.
            self.drop_connection();
            return Ran::AllUndone;
        }
        if connection.is_autocommit() || connection.is_given_up() {
            return Ran::AllUndone;
        }
        let ended = match ran {
            Ok(_) => connection.end_member(),
            Err(_) => connection.undo_member().map(|()| false),
        };
        match ended {
            Ok(true) => Ran::Stays,
            Ok(false) => Ran::Undone,
            Err(_) => Ran::AllUndone,
        }
    }

    fn run_request(&mut self, member: &mut Member) -> Result<(), Failure> {
        self.cancel.check()?;
        let Request::Execute(statement) = Request::read(&member.call.request)? else {
            return Err(Error::TransactionClosed.into());
        };
        let Some(mut run) = self.run_in_group(&member.call) else {
            return Err(Error::TransactionClosed.into());
        };
        Ok(run.statement(&statement, false, &mut member.records)?)
    }

    /// What runs a call of a group, on the open connection. Its rows are sent with its answer only.
    fn run_in_group(&mut self, call: &Call) -> Option<Run<'_>> {
        let (connection, _) = self.connection.as_mut()?;
        connection.adopt_when_touched(false);
        let (client, lane, cancel) = (&self.client, self.lane, &*self.cancel);
        let (waits, backlog) = (&*self.waits, &self.backlog);
        let (job, call) = (call.job, call.number);
        let caller = Caller { client, lane, cancel, waits, backlog, job, call };
        Some(Run { connection, caller, rolls_back: false, place: Place::Here, sends: false })
    }

    /// Rolls the transaction of a group back, if it is still open.
    fn lose_transaction(&mut self) {
        if let Some((connection, _)) = &self.connection
            && connection.roll_back().is_err()
        {
            connection.give_up();
        }
        self.leave_clean(false);
    }

    fn commit_group(&mut self, group: &mut Group) -> Result<(), Error> {
        let Some((connection, hooks)) = &mut self.connection else {
            return Err(Error::TransactionRolledBack);
        };
        if connection.is_autocommit() {
            return Err(Error::TransactionRolledBack);
        }
        if group.members.is_empty() {
            self.lose_transaction();
            return Err(Error::TransactionRolledBack);
        }
        group.is_committing = true;
        let commits = connection.commits();
        let committed = connection.commit_members();
        if let Err(error) = committed
            && connection.commits() == commits
        {
            self.lose_transaction();
            return Err(error.into());
        }
        let (version, frames) = (hooks.settings_version(), connection.take_frames());
        let completed = self.client.checkpoints.completed();
        self.known_commits.committed(version, completed, connection);
        for member in &group.members {
            connection.learn(member.statement);
        }
        self.client.counts.add(connection.take_found());
        self.client.counts.add_group(group.members.len());
        let checkpoint_at = self.known_commits.checkpoint_at(version);
        self.see_to_checkpoint(frames, checkpoint_at);
        Ok(())
    }

    /// Answers the calls of a group, or puts them back to run again.
    fn end_group(
        &mut self,
        group: Group,
        committed: Result<Result<(), Error>, String>,
        behind: &dyn Behind<Call>,
    ) -> Vec<CallAnswer> {
        let Group { members, last, is_committing } = group;
        let mut again = Vec::new();
        let mut answers = Vec::new();
        match committed {
            Ok(Ok(())) => {
                self.restore_past(last.as_ref());
                let outcome = self.outcome(true);
                for Member { call, mut records, began, .. } in members {
                    self.tell_times(&call, began, &mut records);
                    if answers.is_empty() {
                        self.forget_statements(&mut records);
                    }
                    records.done(outcome);
                    answers.push(self.answer_of(&call, records));
                }
            }
            Err(panic) if is_committing => {
                // Nobody knows whether they are committed.
                self.drop_connection();
                for Member { call, mut records, .. } in members {
                    let failure = Error::Panicked(panic.clone()).into();
                    records.drop_rows();
                    let outcome = self.outcome(false);
                    self.client.fail(&call.request, &mut records, outcome, failure);
                    answers.push(self.answer_of(&call, records));
                }
            }
            failed => {
                if failed.is_err() {
                    self.drop_connection();
                }
                // With the last one, the transaction was lost, or the COMMIT has failed: then each is by itself.
                let is_alone = is_committing;
                self.restore_past(members.first().or(last.as_ref()));
                again.extend(members.into_iter().map(|member| self.take_back(member, is_alone)));
            }
        }
        again.extend(last.map(|member| self.take_back(member, true)));
        if !again.is_empty() {
            behind.put_back(again);
        }
        answers
    }

    /// Lets the connection tell what it has told before this member has run, which is undone.
    fn restore_past(&self, first: Option<&Member>) {
        if let (Some((connection, _)), Some(first)) = (&self.connection, first) {
            connection.restore(first.past);
        }
    }

    fn answer_of(&self, call: &Call, records: Records) -> CallAnswer {
        CallAnswer::of(call.job, records, &self.backlog, Arc::clone(&self.client))
    }

    /// Takes the call of a member back. JavaScript does not get what was written for it so far.
    fn take_back(&mut self, member: Member, runs_alone: bool) -> Call {
        let Member { mut call, statement, shape, .. } = member;
        if let Some((connection, _)) = &mut self.connection
            && connection.shape_of(statement) != shape
        {
            connection.forget_shape_of(statement);
        }
        call.runs_alone |= runs_alone;
        call
    }
}
