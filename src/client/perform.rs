//! Runs a call of a lane to its end, and writes its answer.

use std::sync::Arc;
use std::time::Instant;

use super::answers::{CallAnswer, CallAnswers};
use super::call::Call;
use super::checkpoints::Pass;
use super::class::Class;
use super::error::Error;
use super::error_place;
use super::lane::{Behind, Work};
use super::line::Way;
use super::run::{Caller, Failure, Place, Run};
use super::session::{OpenTransaction, Session};
use super::state::Journal;
use super::timings;
use super::writer_queue::WriterQueue;
use crate::failpoints::{Point, reach};
use crate::files;
use crate::jobs::ids::TransactionId;
use crate::jobs::panics;
use crate::sqlite::Checkpoint;
use crate::wire::records::Records;
use crate::wire::request::{self, Mode, Request, Sql};

/// What a job that has succeeded teaches about running in place.
#[derive(Clone, Copy, Default)]
enum Lesson {
    /// Nothing.
    #[default]
    None,
    /// Whether the statement with this number is short.
    Statement(u32),
    /// What the end of the transaction that it has begun will cost.
    Commit,
}

impl Work for Session {
    type Job = Call;
    type Answer = CallAnswers;

    fn rest(&mut self) {
        self.close_reader();
        if let (Some(reader), Some(turns)) = (self.reader, self.client.turns()) {
            turns.rested(reader);
        }
    }

    fn run(&mut self, call: Call, behind: &dyn Behind<Call>) -> CallAnswers {
        if self.may_join_group(&call) && behind.is_next(&|next| self.may_join_group(next)) {
            self.run_group(call, behind)
        } else {
            self.run_alone(call).into()
        }
    }
}

impl Session {
    /// Runs a call by itself.
    pub(super) fn run_alone(&mut self, mut call: Call) -> CallAnswer {
        let answered = panics::catch(|| self.answer(&mut call));
        let records = answered.unwrap_or_else(|panic| {
            // The writing of the answer has panicked.
            self.drop_connection();
            self.note(|writers, lane| writers.end_job(lane, false));
            drop(call.ticket.take());
            self.client.outbox.drop_rows(call.job);
            let mut records = Records::new(call.job);
            let failure = Error::Panicked(panic).into();
            self.client.fail(&call.request, &mut records, self.outcome(false), failure);
            Some(records)
        });
        let client = Arc::clone(&self.client);
        let Some(records) = records else {
            self.hand_on(call);
            return CallAnswer::elsewhere(client);
        };
        if let Some(way) = call.way {
            self.tell_end(way);
        }
        CallAnswer::of(call.job, records, &self.backlog, client)
    }

    /// Tells the line that a call of this way has ended.
    pub(super) fn tell_end(&self, way: Way) {
        if let Some(turns) = self.client.turns() {
            let is_explicit = self.transaction.is_some_and(OpenTransaction::is_explicit);
            turns.ended(way, is_explicit, self.is_open());
        }
    }

    /// Runs a call, and writes its answer. None if it has to run on another lane, and has had no effect.
    fn answer(&mut self, call: &mut Call) -> Option<Records> {
        let began = timings::begin();
        let panics_before = panics::count();
        self.note(WriterQueue::begin_job);
        let commits_before = self.commits();
        let cancel = Arc::clone(&self.cancel);
        let _lease_wait = files::wait_while(move || cancel.reason().is_none());
        let mut records = Records::new(call.job);
        self.learn_before(call);
        self.begin_interrupts();
        self.waits.begin_call(call.made);
        if request::is_write_begin(&call.request) {
            self.waits.follow_main_lane();
        }
        let ran = panics::catch(|| {
            reach(Point::Job);
            let result = self.perform(call, &mut records);
            let result = self.end_interrupts(result);
            let committed = self.commits() != commits_before;
            if let (Err(_), Some(panic)) = (&result, panics::since(panics_before)) {
                // A callback of SQLite has panicked. SQLite knows it only as an error of its own.
                self.drop_connection();
                return (Err(Error::Panicked(panic).into()), committed);
            }
            self.leave_clean(request::is_execute(&call.request) && result.is_ok());
            self.learn(committed, result.as_ref().copied().unwrap_or_default());
            self.forget_statements(&mut records);
            if let Some((connection, _)) = &self.connection {
                self.client.counts.add(connection.take_found());
            }
            (result.map(drop), committed)
        });
        let (result, committed) = ran.unwrap_or_else(|panic| {
            let committed = self.commits() != commits_before;
            self.drop_connection();
            (Err(Error::Panicked(panic).into()), committed)
        });
        // The writer slot and the ticket are free before the answer, so that the caller's next call finds
        // them free.
        let in_transaction = self.transaction.is_some() && self.is_in_transaction();
        self.note(|writers, lane| writers.end_job(lane, in_transaction));
        drop(call.ticket.take());
        self.ask_for_checkpoint();
        self.waits.end_call(matches!(&result, Err(Failure { error, .. }) if error.is_busy()));
        if call.way == Some(Way::Main) {
            self.client.set_main_waits_in_vain_since(self.waits.in_vain_since());
        }
        reach(Point::JobEnd);
        if self.makes_checkpoints && result.is_err() && self.cancel.reason().is_none() {
            // Where it cannot open the file, for example.
            self.client.checkpoints.give_up();
        }
        let outcome = self.outcome(committed);
        match result {
            Ok(()) => {
                self.tell_times(call, began, &mut records);
                records.done(outcome);
            }
            Err(Failure { error: Error::RunsElsewhere, .. }) => return None,
            Err(failure) => {
                if records.drop_rows() {
                    self.client.outbox.drop_rows(call.job);
                }
                self.tell_times(call, began, &mut records);
                self.client.fail(&call.request, &mut records, outcome, failure);
            }
        }
        Some(records)
    }

    fn perform(&mut self, call: &Call, records: &mut Records) -> Result<Lesson, Failure> {
        let request = Request::read(&call.request)?;
        self.cancel.check()?;
        if matches!(request, Request::Execute(_) | Request::Batch { .. }) && call.ticket.is_none() {
            // Many small results are as much as a large one. A writer does not wait: others wait for it.
            self.backlog.wait_for_room()?;
        }
        if self.reader.is_some() && matches!(request, Request::EndAnyTransaction) {
            self.close_reader();
            return Ok(Lesson::None);
        }
        let place = self.place_for(call, &request)?;
        if self.connection.is_none() {
            if matches!(request, Request::CloseCursor { .. }) {
                return Ok(Lesson::None);
            }
            let is_end = matches!(request, Request::Rest | Request::EndAnyTransaction);
            if is_end && self.reader.is_some() {
                return Ok(Lesson::None);
            }
            if matches!(request, Request::Begin(Mode::Write)) {
                self.wait_for_turn(call)?;
            }
            self.reopen()?;
        }
        let lane = self.lane;
        let (connection, hooks) = self.connection.as_mut().ok_or(Error::TransactionClosed)?;
        hooks.apply_settings(connection).map_err(|error| match error {
            Error::Sqlite(error) if self.reader.is_some() && error.is_read_only() => {
                Error::RunsElsewhere
            }
            error => error,
        })?;
        // A checkpoint beside a call that has the file alone would not be begun.
        let leaves_checkpoints = self.client.makes_checkpoints() && call.class != Class::Alone;
        let version = hooks.settings_version();
        connection.leave_checkpoints(match leaves_checkpoints {
            true => self.known_commits.checkpoint_at(version),
            false => 0,
        });
        let transaction = match request {
            // This request is for any open transaction.
            Request::EndAnyTransaction => TransactionId::NONE,
            _ => call.transaction,
        };
        if transaction == TransactionId::NONE
            && let Some(open) = self.transaction
        {
            let may_run = match request {
                Request::EndAnyTransaction | Request::Checkpoint { .. } => true,
                Request::Execute(_)
                | Request::Script { .. }
                | Request::OpenCursor { .. }
                | Request::Fetch { .. }
                | Request::Describe(_) => open.is_explicit(),
                Request::CloseCursor { .. } => true,
                _ => false,
            };
            if !may_run {
                return Err(Error::TransactionActive.into());
            }
        }
        let open = self.transaction.filter(|open| open.begun_by == transaction);
        if transaction != TransactionId::NONE && open.is_none() {
            return match request {
                Request::Rollback | Request::CloseCursor { .. } => Ok(Lesson::None),
                _ => Err(Error::TransactionClosed.into()),
            };
        }
        let rolls_back = matches!(request, Request::Batch { .. }) && open.is_none();
        let (client, cancel, backlog) = (&self.client, &*self.cancel, &self.backlog);
        let (waits, job) = (&*self.waits, call.job);
        let caller = Caller { client, lane, cancel, waits, backlog, job, call: call.number };
        let read_only = open.is_some_and(|open| open.read_only);
        let is_read = read_only || matches!(request, Request::Batch { mode: Mode::Read, .. });
        // One is taken over by the call that runs a statement without a cursor.
        let is_cursor = matches!(request, Request::OpenCursor { .. });
        let adopts = client.options.adopts_vector_indexes && (is_cursor || !is_read);
        connection.adopt_when_touched(adopts);
        let mut run = Run { connection, caller, rolls_back, place, sends: true };
        match request {
            Request::Execute(statement) => {
                let in_sql = |error: Error| {
                    let place =
                        client.place_in(&statement, |sql| error_place::of_token(&error, sql));
                    Failure { place, ..error.into() }
                };
                let ran = run.statement(&statement, read_only, records);
                if matches!(ran, Err(Error::RunsElsewhere))
                    && place == Place::HereIfShort
                    && client.journal_of(run.connection) != Journal::Wal
                {
                    // A commit would wait for it on a reader lane, too.
                    records.drop_rows();
                    run.place = Place::Here;
                    run.statement(&statement, read_only, records).map_err(in_sql)?;
                } else {
                    ran.map_err(in_sql)?;
                }
                if let Sql::Id(id) = statement.sql {
                    return Ok(Lesson::Statement(id));
                }
            }
            Request::Script { sql, time_limit } => run.script(sql, time_limit, read_only)?,
            Request::Batch { statements, .. } if open.is_some() => {
                run.statements(&statements, read_only, Error::TransactionClosed, records)?;
            }
            Request::Batch { mode, foreign_keys_off: false, statements } => {
                run.batch(mode, &statements, records)?;
            }
            Request::Batch { mode, foreign_keys_off: true, statements } => {
                run.without_foreign_keys(|run| run.batch(mode, &statements, records))?;
            }
            Request::Begin(mode) => {
                run.begin(mode)?;
                self.transaction = Some(OpenTransaction {
                    begun_by: call.job.into(),
                    read_only: mode == Mode::Read,
                    cursor_rows: None,
                });
                if mode == Mode::Write {
                    return Ok(Lesson::Commit);
                }
            }
            Request::Commit => {
                let committed = run.commit();
                self.transaction = None;
                committed?;
            }
            Request::Rollback | Request::EndAnyTransaction => self.transaction = None,
            Request::OpenCursor { begins, most_rows, statement } => {
                // JavaScript has decided where it is opened before it knew what the calls before it would do.
                let fits = match begins {
                    true => client.pinned_lane() != Some(lane),
                    false => self.transaction.is_some() || client.has_one_connection(),
                };
                if !fits {
                    return Err(Error::NoCursor.into());
                }
                if begins {
                    let begun_by = call.job.into();
                    self.cursor_transaction = Some(client.cursors.begin(begun_by));
                    let cursor_rows = Some(most_rows);
                    self.transaction =
                        Some(OpenTransaction { begun_by, read_only: true, cursor_rows });
                    run.begin(Mode::Read)?;
                    run.connection.fix_snapshot()?;
                    if let (Some(Way::Cursor(number)), Some(turns)) = (call.way, client.turns()) {
                        turns.cursor_has_begun(number);
                    }
                }
                run.open_cursor(&statement, most_rows, records).map_err(|error| {
                    let place =
                        client.place_in(&statement, |sql| error_place::of_token(&error, sql));
                    Failure { place, ..error.into() }
                })?;
            }
            Request::Fetch { cursor, most_rows } => {
                match self.read_ahead.as_mut().and_then(|ahead| ahead.next(call.job)) {
                    Some(part) => {
                        self.read_ahead = self.read_ahead.take().filter(|ahead| !ahead.is_empty());
                        records.append(part?);
                    }
                    None => {
                        self.read_ahead = None;
                        run.fetch(cursor, most_rows, records)?;
                    }
                }
            }
            Request::Many(statements) => run.many(&statements, read_only, records)?,
            Request::Describe(statement) => run.describe(&statement, records)?,
            Request::ReadOn => {
                let most_rows = open.and_then(|open| open.cursor_rows).unwrap_or(u32::MAX);
                let ahead = self.read_ahead.get_or_insert_default();
                run.read_on(transaction.0, most_rows, ahead);
                if !ahead.wants_more()
                    && let Some(cursor) = &self.cursor_transaction
                {
                    cursor.stops_reading_on();
                }
                if ahead.has_ended() {
                    run.connection.roll_back()?;
                } else if ahead.wants_more()
                    && let Some(turns) = client.turns()
                {
                    // What the caller of the cursor does meanwhile comes first.
                    turns.read_on(&[transaction]);
                }
            }
            Request::CloseCursor { cursor } => {
                if let Some(ahead) = self.read_ahead.take() {
                    records.append(ahead.announcements(call.job));
                }
                if let Some(shape) = run.connection.close_cursor(cursor) {
                    records.forget_shape(shape);
                }
            }
            Request::Rest => self.close_reader(),
            Request::Checkpoint { beside, held } => {
                let done = run.checkpoint(beside, held)?;
                if !self.makes_checkpoints {
                    self.known_commits.checkpointed();
                } else if done.is_some_and(Checkpoint::is_complete) {
                    self.client.checkpoints.count_completed();
                }
            }
        }
        Ok(Lesson::None)
    }

    /// Takes the writer slot for a transaction before it has a connection: while it waits, it holds none.
    fn wait_for_turn(&self, call: &Call) -> Result<(), Error> {
        let (client, lane, cancel) = (&self.client, self.lane, &*self.cancel);
        let (waits, backlog) = (&*self.waits, &self.backlog);
        let (job, call) = (call.job, call.number);
        Caller { client, lane, cancel, waits, backlog, job, call }.take_writer_slot(Instant::now())
    }

    /// Learns from a job what may run in place. No cancel may interrupt this: an interrupt rolls back the open
    /// transaction, also one of an EXPLAIN of a statement that writes, or of a PRAGMA that asks for the journal
    /// mode, because to SQLite these may write.
    fn learn(&mut self, committed: bool, lesson: Lesson) {
        let Some((connection, hooks)) = &mut self.connection else { return };
        let version = hooks.settings_version();
        let frames = connection.take_frames();
        if committed {
            let completed = self.client.checkpoints.completed();
            self.known_commits.committed(version, completed, connection);
        }
        match lesson {
            Lesson::None => {}
            Lesson::Statement(id) => connection.learn(id),
            Lesson::Commit => self.known_commits.look(version, connection),
        }
        let checkpoint_at = self.known_commits.checkpoint_at(version);
        self.see_to_checkpoint(frames, checkpoint_at);
    }

    /// Makes the checkpoint that is due after a commit that has left so many frames, or keeps in mind which one is.
    pub(super) fn see_to_checkpoint(&mut self, frames: i32, checkpoint_at: i32) {
        self.due = self.client.checkpoints.due(frames, checkpoint_at);
        if self.due == Some(Pass::Own)
            && let Some((connection, _)) = &self.connection
            && connection.checkpoint().is_some_and(Checkpoint::is_complete)
        {
            self.client.checkpoints.count_completed();
        }
    }

    /// Lets the checkpoint that is due be made on its lane. To be called without the writer slot, for which it may
    /// wait: where the system has no thread left, it is made here.
    pub(super) fn ask_for_checkpoint(&mut self) {
        if let Some(pass) = self.due.take().filter(|pass| *pass != Pass::Own)
            && let Some(turns) = self.client.turns()
        {
            turns.checkpoint_is_due(pass);
        }
    }

    /// Learns what may run in place of a write that is about to run.
    fn learn_before(&mut self, call: &Call) {
        if let (Some(id), Some((connection, _))) = (call.statement(), &mut self.connection) {
            connection.learn_program(id);
        }
    }
}
