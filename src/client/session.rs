//! The session of a lane: it runs the client's requests on one connection, inside and outside of
//! transactions.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use super::activity::LaneKey;
use super::call::NextLane;
use super::checkpoints::Pass;
use super::error::Error;
use super::hooks::LaneHooks;
use super::known_commits::KnownCommits;
use super::lane::Interrupt;
use super::read_ahead::{CursorTransaction, ReadAhead};
use super::run::Failure;
use super::scratch::Scratch;
use super::state::ClientState;
use super::waits::Waits;
use super::writer_queue::WriterQueue;
use crate::files::FileId;
use crate::jobs::backlog::Backlog;
use crate::jobs::cancel::Cancel;
use crate::jobs::ids::{JobId, LaneId, TransactionId};
use crate::sqlite::{Access, Connection, Interrupter, Location};
use crate::sync::{Mutex, lock};
use crate::wire::records::{Outcome, Records};

/// The connection of a lane, and its open transaction.
pub struct Session {
    pub(super) lane: LaneId,
    /// The index of the reader lane. None if the lane is not one.
    pub(super) reader: Option<usize>,
    /// Whether the lane makes checkpoints. It is then the last one of the reader lanes, and writes.
    pub(super) makes_checkpoints: bool,
    pub(super) waits: Arc<Waits>,
    pub(super) next: Arc<NextLane>,
    pub(super) client: Arc<ClientState>,
    pub(super) cancel: Arc<Cancel>,
    /// What the lane has posted and JavaScript has not fetched.
    pub(super) backlog: Arc<Backlog>,
    pub(super) interrupter: Arc<Mutex<Option<Interrupter>>>,
    pub(super) connection: Option<(Connection, Arc<LaneHooks>)>,
    pub(super) transaction: Option<OpenTransaction>,
    /// The transaction that a cursor has of its own.
    pub(super) cursor_transaction: Option<CursorTransaction>,
    /// What that cursor has read ahead.
    pub(super) read_ahead: Option<ReadAhead>,
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
    pub(super) begun_by: TransactionId,
    pub(super) read_only: bool,
    /// If it is that of a cursor, with which it ends: the most rows of each answer.
    pub(super) cursor_rows: Option<u32>,
}

impl OpenTransaction {
    /// A transaction that a statement of the client has begun (`BEGIN`, `SAVEPOINT`). Until it ends, the
    /// client's calls outside of other transactions run in it.
    const EXPLICIT: Self =
        Self { begun_by: TransactionId::NONE, read_only: false, cursor_rows: None };

    pub(super) fn is_explicit(self) -> bool {
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
            cursor_transaction: None,
            read_ahead: None,
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
            None if !options.must_exist => Access::Create,
            _ => Access::Write,
        };
        let (client, cancel) = (Arc::clone(&self.client), Arc::clone(&self.cancel));
        let waits = Arc::clone(&self.waits);
        let reads = self.only_reads();
        let hooks = Arc::new(LaneHooks::new(client, self.lane, cancel, waits, reads));
        let content = lock(&options.content).take();
        let connection = Connection::open_with(
            &options.location,
            access,
            Arc::clone(&hooks) as _,
            content.as_deref(),
            &options.limits,
        )?;
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
    ///
    /// An interrupt ends the statements of open cursors, too
    /// (<https://sqlite.org/c3ref/interrupt.html>): beside one, SQLite asks for the flag.
    pub(super) fn begin_interrupts(&self) {
        let connection = self.connection.as_ref();
        if self.client.options.location.path().is_some()
            && !connection.is_some_and(|(connection, _)| connection.has_cursors())
        {
            *lock(&self.interrupter) = connection.map(|(connection, _)| connection.interrupter());
        }
    }

    /// Lets no cancel interrupt SQLite any more, and returns the result of the job in view of its cancel.
    /// An interrupt that came after the last statement must not end one of the next job.
    pub(super) fn end_interrupts<T>(&self, result: Result<T, Failure>) -> Result<T, Failure> {
        let could_interrupt = lock(&self.interrupter).take().is_some();
        let Some(reason) = self.cancel.reason() else { return result };
        if let Some((connection, _)) = &self.connection
            && could_interrupt
        {
            // One that the job has opened.
            connection.close_cursors(true);
        }
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

    /// Whether a transaction is open on the connection.
    pub(super) fn is_in_transaction(&self) -> bool {
        self.connection.as_ref().is_some_and(|(connection, _)| !connection.is_autocommit())
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
        self.cursor_transaction = None;
        self.read_ahead = None;
        self.lost = true;
    }

    /// Cleans up after a job. Forgets a transaction that SQLite or a COMMIT of the caller has ended. Rolls
    /// back a transaction without an owner. `may_hold` says whether a transaction that the job has
    /// begun belongs to the client.
    pub(super) fn leave_clean(&mut self, may_hold: bool) {
        let Some((connection, _)) = &self.connection else { return };
        let is_of_cursor = self.transaction.is_some_and(|open| open.cursor_rows.is_some());
        if is_of_cursor && self.read_ahead.is_none() && !connection.has_cursors() {
            // It is rolled back below, where it has no owner.
            self.transaction = None;
        }
        let has_ended = connection.is_autocommit() || self.transaction.is_none() && !may_hold;
        if has_ended && connection.has_cursors() {
            connection.close_cursors(false);
        }
        if connection.is_autocommit() {
            // What a cursor has read ahead is left of its transaction.
            self.transaction = self.transaction.filter(|_| self.read_ahead.is_some());
        } else if self.transaction.is_none() && may_hold {
            self.transaction = Some(OpenTransaction::EXPLICIT);
        } else if self.transaction.is_none() && connection.roll_back().is_err() {
            connection.give_up();
        }
        if self.transaction.is_none_or(|open| open.cursor_rows.is_none()) {
            self.cursor_transaction = None;
            self.read_ahead = None;
        }
        if connection.is_given_up() {
            // The next call opens a new connection.
            self.drop_connection();
        }
    }

    /// Forgets what is known of statements whose numbers are free, if there are many, and of closed cursors. A job without
    /// an answer could not say so.
    pub(super) fn forget_statements(&mut self, records: &mut Records) {
        if records.job() == JobId::NONE {
            return;
        }
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
                .is_none_or(|(connection, _)| connection.is_autocommit())
                && self.read_ahead.is_none(),
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
