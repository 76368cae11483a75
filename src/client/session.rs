//! The session of a lane: it runs the client's requests on one connection, inside and outside of
//! transactions.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use super::activity::LaneKey;
use super::answers::{CallAnswer, CallAnswers};
use super::call::{Call, NextLane};
use super::checkpoints::Pass;
use super::class::Class;
use super::error::Error;
use super::hooks::LaneHooks;
use super::known_commits::KnownCommits;
use super::lane::{Behind, Interrupt, Work};
use super::line::Way;
use super::run::{Caller, Failure, Place, Run};
use super::scratch::Scratch;
use super::state::{ClientState, Journal};
use super::waits::Waits;
use super::writer_queue::WriterQueue;
use crate::failpoints::{Point, reach};
use crate::files::{self, FileId};
use crate::jobs::backlog::Backlog;
use crate::jobs::cancel::Cancel;
use crate::jobs::ids::{LaneId, TransactionId};
use crate::jobs::panics;
use crate::sqlite::{Access, Checkpoint, Connection, Interrupter, Location};
use crate::sync::{Mutex, lock};
use crate::wire::records::{Outcome, Records};
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

/// The connection of a lane, and its open transaction.
pub struct Session {
    lane: LaneId,
    /// The index of the reader lane. None if the lane is not one.
    pub(super) reader: Option<usize>,
    /// Whether the lane makes checkpoints. It is then the last one of the reader lanes, and writes.
    makes_checkpoints: bool,
    pub(super) waits: Arc<Waits>,
    pub(super) next: Arc<NextLane>,
    pub(super) client: Arc<ClientState>,
    pub(super) cancel: Arc<Cancel>,
    /// What the lane has posted and JavaScript has not fetched.
    pub(super) backlog: Arc<Backlog>,
    pub(super) interrupter: Arc<Mutex<Option<Interrupter>>>,
    pub(super) connection: Option<(Connection, Arc<LaneHooks>)>,
    pub(super) transaction: Option<OpenTransaction>,
    /// The file that the client opened first, on any lane. Every later connection must find the same
    /// file.
    file: Arc<OnceLock<FileId>>,
    /// What is known of the commits on the connection.
    pub(super) known_commits: KnownCommits,
    /// The checkpoint that is due after the last commit, until it is asked for.
    pub(super) due: Option<Pass>,
    /// The memory of the last answer in place.
    pub(super) scratch: Scratch,
    /// Whether a connection was given up. An in-memory database is lost with it.
    lost: bool,
}

/// An open transaction.
#[derive(Clone, Copy)]
pub(super) struct OpenTransaction {
    begun_by: TransactionId,
    read_only: bool,
}

impl OpenTransaction {
    /// A transaction that a statement of the client has begun (`BEGIN`, `SAVEPOINT`). Until it ends, the
    /// client's calls outside of other transactions run in it.
    const EXPLICIT: Self = Self { begun_by: TransactionId::NONE, read_only: false };

    fn is_explicit(self) -> bool {
        self.begun_by == TransactionId::NONE
    }
}

impl Session {
    /// A session whose connection is opened by its first job. `file` is the file that the client opened
    /// first, once it has opened one. To be called on the thread of JavaScript.
    pub fn new(lane: LaneId, client: Arc<ClientState>, file: Arc<OnceLock<FileId>>) -> Self {
        let waits = Arc::new(Waits::new(Arc::clone(&client), lane));
        let observer: Weak<Waits> = Arc::downgrade(&waits);
        let cancel = Arc::new(Cancel::observed(observer));
        Self {
            lane,
            reader: None,
            makes_checkpoints: false,
            waits,
            next: Arc::default(),
            client,
            backlog: Arc::new(Backlog::new(Arc::clone(&cancel))),
            cancel,
            interrupter: Arc::default(),
            connection: None,
            transaction: None,
            file,
            known_commits: KnownCommits::default(),
            due: None,
            scratch: Scratch::default(),
            lost: false,
        }
    }

    /// The session of the reader lane with this index.
    pub fn reader(index: usize, client: Arc<ClientState>, file: Arc<OnceLock<FileId>>) -> Self {
        let mut session = Self::new(LaneId::reader(index), client, file);
        session.reader = Some(index);
        session
    }

    /// The session of the lane that makes checkpoints, which has this index beside the reader lanes.
    pub fn checkpointer(
        index: usize,
        client: Arc<ClientState>,
        file: Arc<OnceLock<FileId>>,
    ) -> Self {
        let mut session = Self::reader(index, client, file);
        session.makes_checkpoints = true;
        session
    }

    /// Says where the calls go that have to run on another lane.
    pub fn handing_on_to(mut self, next: &Arc<NextLane>) -> Self {
        self.next = Arc::clone(next);
        self
    }

    /// How long the lane waits for a job before it rests: a reader then closes its connection.
    pub fn rest_after(&self) -> Option<Duration> {
        self.reader.map(|_| Duration::from_secs(5))
    }

    /// The name of the lane's thread.
    pub fn name(&self) -> String {
        match self.reader {
            None => format!("latchdb-lane-{}", self.lane.0),
            Some(_) if self.makes_checkpoints => "latchdb-checkpoints".to_owned(),
            Some(index) => format!("latchdb-read-{index}"),
        }
    }

    /// Opens the connection on the calling thread.
    ///
    /// # Errors
    /// [`Error::FileReplaced`] if the path names another file than the client opened first; the errors
    /// of [`Connection::open`].
    pub fn open(&mut self) -> Result<(), Error> {
        let options = &self.client.options;
        // A file that was removed or replaced is an error, and is not created again.
        let expected = self.file.get();
        if let Location::File(path) = &options.location {
            if let Some(expected) = expected {
                self.expect_file(expected, FileId::of(path).ok().as_ref())?;
            }
            (options.before_open)(path);
        }
        let access = match expected {
            _ if options.read_only || self.only_reads() => Access::Read,
            None => Access::Create,
            Some(_) => Access::Write,
        };
        let (client, cancel) = (Arc::clone(&self.client), Arc::clone(&self.cancel));
        let waits = Arc::clone(&self.waits);
        let reads = self.only_reads();
        let hooks = Arc::new(LaneHooks::new(client, self.lane, cancel, waits, reads));
        let connection = Connection::open(&options.location, access, Arc::clone(&hooks) as _)?;
        if let Some(found) = connection.file_id() {
            // Several lanes may open the client's first connections at once. The first to get here decides.
            let expected = self.file.get_or_init(|| found.clone());
            self.expect_file(expected, Some(found))?;
            self.client.join_writers_of(found);
        }
        if self.only_reads() {
            connection.hold_snapshots();
        }
        self.connection = Some((connection, hooks));
        Ok(())
    }

    fn only_reads(&self) -> bool {
        self.reader.is_some() && !self.makes_checkpoints
    }

    /// Lets a cancel interrupt SQLite from now on. An interrupt that comes late can cost the connection
    /// ([`Session::end_interrupts`]), and a database that is not a file would be lost with it.
    pub(super) fn begin_interrupts(&self) {
        if self.client.options.location.path().is_some() {
            let connection = self.connection.as_ref();
            *lock(&self.interrupter) = connection.map(|(connection, _)| connection.interrupter());
        }
    }

    /// Lets no cancel interrupt SQLite any more, and returns the result of the job in view of its cancel.
    /// An interrupt that came after the last statement must not end one of the next job.
    pub(super) fn end_interrupts<T>(&self, result: Result<T, Failure>) -> Result<T, Failure> {
        lock(&self.interrupter).take();
        let Some(reason) = self.cancel.reason() else { return result };
        if let Some((connection, _)) = &self.connection
            && !connection.forget_interrupt()
        {
            // The open transaction cannot go on. It is rolled back with its connection.
            connection.give_up();
            return Err(reason.into());
        }
        match result {
            Err(Failure { error: Error::Sqlite(error), .. }) if error.is_interrupt() => {
                Err(reason.into())
            }
            result => result,
        }
    }

    fn expect_file(&self, expected: &FileId, found: Option<&FileId>) -> Result<(), Error> {
        if found == Some(expected) {
            return Ok(());
        }
        Err(Error::FileReplaced { path: self.client.options.location.to_string() })
    }

    /// The flag by which the lane cancels a job.
    pub fn cancel_flag(&self) -> Arc<Cancel> {
        Arc::clone(&self.cancel)
    }

    /// The function that makes a running job notice the flag, in SQLite and in a wait for a lock. Without
    /// an interrupt SQLite notices the flag, too, but not within an operation of a single step.
    pub fn interrupt(&self) -> Interrupt {
        let (interrupter, client) = (Arc::clone(&self.interrupter), Arc::clone(&self.client));
        Arc::new(move || {
            if let Some(interrupter) = &*lock(&interrupter) {
                interrupter.interrupt();
            }
            if let Some(writers) = client.writers() {
                writers.wake();
            }
        })
    }

    /// Whether JavaScript has fetched all that the lane has posted.
    pub(super) fn is_fetched(&self) -> bool {
        self.backlog.is_empty()
    }

    /// The client of the lane.
    pub(super) fn client(&self) -> &Arc<ClientState> {
        &self.client
    }

    /// The lane.
    pub(super) fn lane(&self) -> LaneId {
        self.lane
    }

    /// The connection, if it is open, and its hooks.
    pub(super) fn connection_mut(&mut self) -> Option<(&mut Connection, &LaneHooks)> {
        self.connection.as_mut().map(|(connection, hooks)| (connection, &**hooks))
    }

    /// Whether a call of this transaction runs in an open one now, and whether that may not write. None if
    /// the call cannot run.
    pub(super) fn place_of(&self, transaction: TransactionId) -> Option<(bool, bool)> {
        match self.transaction {
            None if transaction == TransactionId::NONE => Some((false, false)),
            Some(open) if open.begun_by == transaction => Some((true, open.read_only)),
            _ => None,
        }
    }

    /// Forgets the open transaction, which SQLite has rolled back.
    pub(super) fn forget_transaction(&mut self) {
        self.transaction = None;
    }

    /// Whether the connection is open.
    pub fn is_open(&self) -> bool {
        self.connection.is_some()
    }

    /// Rolls back the open transaction, if there is one, and closes the connection.
    pub fn close(mut self) -> Result<(), Error> {
        lock(&self.interrupter).take();
        self.cancel.clear();
        self.note(WriterQueue::begin_closing);
        let closed = self.connection.take().map_or(Ok(()), |(connection, _)| connection.close());
        Ok(closed?)
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
            let is_end = matches!(request, Request::Rest | Request::EndAnyTransaction);
            if is_end && self.reader.is_some() {
                return Ok(Lesson::None);
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
                Request::Execute(_) | Request::Script(_) => open.is_explicit(),
                _ => false,
            };
            if !may_run {
                return Err(Error::TransactionActive.into());
            }
        }
        let open = self.transaction.filter(|open| open.begun_by == transaction);
        if transaction != TransactionId::NONE && open.is_none() {
            return match request {
                Request::Rollback => Ok(Lesson::None),
                _ => Err(Error::TransactionClosed.into()),
            };
        }
        let rolls_back = matches!(request, Request::Batch { .. }) && open.is_none();
        let (client, cancel, backlog) = (&self.client, &*self.cancel, &self.backlog);
        let (waits, job) = (&*self.waits, call.job);
        let caller = Caller { client, lane, cancel, waits, backlog, job, call: call.number };
        let read_only = open.is_some_and(|open| open.read_only);
        let is_read = read_only || matches!(request, Request::Batch { mode: Mode::Read, .. });
        connection.adopt_when_touched(client.options.adopts_vector_indexes && !is_read);
        let mut run = Run { connection, caller, rolls_back, place, sends: true };
        match request {
            Request::Execute(statement) => {
                let ran = run.statement(&statement, read_only, records);
                if matches!(ran, Err(Error::RunsElsewhere))
                    && place == Place::HereIfShort
                    && client.journal_of(run.connection) != Journal::Wal
                {
                    // A commit would wait for it on a reader lane, too.
                    records.drop_rows();
                    run.place = Place::Here;
                    run.statement(&statement, read_only, records)?;
                } else {
                    ran?;
                }
                if let Sql::Id(id) = statement.sql {
                    return Ok(Lesson::Statement(id));
                }
            }
            Request::Script(sql) => run.script(sql, read_only)?,
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

    /// What runs a call of a group, on the open connection. Its rows are sent with its answer only.
    pub(super) fn run_in_group(&mut self, call: &Call) -> Option<Run<'_>> {
        let (connection, _) = self.connection.as_mut()?;
        connection.adopt_when_touched(false);
        let (client, lane, cancel) = (&self.client, self.lane, &*self.cancel);
        let (waits, backlog) = (&*self.waits, &self.backlog);
        let (job, call) = (call.job, call.number);
        let caller = Caller { client, lane, cancel, waits, backlog, job, call };
        Some(Run { connection, caller, rolls_back: false, place: Place::Here, sends: false })
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

    /// Opens the session's first connection, or one in place of a connection that was given up.
    pub(super) fn reopen(&mut self) -> Result<(), Error> {
        if self.lost && self.client.options.location.path().is_none() {
            return Err(Error::Panicked("an earlier error lost the in-memory database".into()));
        }
        self.open()?;
        self.begin_interrupts();
        // Until now the file may have been unknown, and with it the queue.
        self.note(WriterQueue::begin_job);
        Ok(())
    }

    /// Tells the writer queue of the file, if it is known, what the lane is doing.
    pub(super) fn note(&self, change: impl FnOnce(&WriterQueue, LaneKey)) {
        if let Some(writers) = self.client.writers() {
            change(writers, self.client.lane_key(self.lane));
        }
    }

    pub(super) fn drop_connection(&mut self) {
        lock(&self.interrupter).take();
        self.connection = None;
        self.transaction = None;
        self.lost = true;
    }

    /// Cleans up after a job. Forgets a transaction that SQLite or a COMMIT of the caller has ended. Rolls
    /// back a transaction without an owner. `may_hold` says whether a transaction that the job has
    /// begun belongs to the client.
    pub(super) fn leave_clean(&mut self, may_hold: bool) {
        let Some((connection, _)) = &self.connection else { return };
        if connection.is_autocommit() {
            self.transaction = None;
        } else if self.transaction.is_none() && may_hold {
            self.transaction = Some(OpenTransaction::EXPLICIT);
        } else if self.transaction.is_none() && connection.roll_back().is_err() {
            connection.give_up();
        }
        if connection.is_given_up() {
            // The next call opens a new connection.
            self.drop_connection();
        }
    }

    /// Forgets what is known of statements whose numbers are free, if there are many.
    pub(super) fn forget_statements(&mut self, records: &mut Records) {
        if let Some((connection, _)) = &mut self.connection {
            let client = &self.client;
            connection.forget_statements(
                |id| client.statement(id).is_some(),
                |shape| records.forget_shape(shape),
            );
        }
    }

    /// The number of commits on the connection.
    pub(super) fn commits(&self) -> u64 {
        self.connection.as_ref().map_or(0, |(connection, _)| connection.commits())
    }

    pub(super) fn outcome(&self, committed: bool) -> Outcome {
        if self.reader.is_some() {
            // The explicit transaction is one of the main lane, about which this lane knows nothing.
            return Outcome { committed, ..Outcome::default() };
        }
        Outcome {
            autocommit: self
                .connection
                .as_ref()
                .is_none_or(|(connection, _)| connection.is_autocommit()),
            pinned: self.client.pinned_lane() == Some(self.lane),
            explicit: self.transaction.is_some_and(OpenTransaction::is_explicit),
            committed,
        }
    }
}

/// The lane is gone, also if a panic has ended its closing. Otherwise it would keep the writer slot of the
/// file for ever.
impl Drop for Session {
    fn drop(&mut self) {
        self.note(WriterQueue::begin_closing);
        self.connection = None;
        self.note(WriterQueue::forget_lane);
    }
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
}

impl Session {
    /// Runs a call, and writes its answer. None if it has to run on another lane, and has had no effect.
    fn answer(&mut self, call: &mut Call) -> Option<Records> {
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
        let in_transaction = self.transaction.is_some();
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
            Ok(()) => records.done(outcome),
            Err(Failure { error: Error::RunsElsewhere, .. }) => return None,
            Err(failure) => {
                if records.drop_rows() {
                    self.client.outbox.drop_rows(call.job);
                }
                self.client.fail(&call.request, &mut records, outcome, failure);
            }
        }
        Some(records)
    }
}
