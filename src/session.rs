//! What a lane runs: the requests of one client against one connection, in and out of transactions.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rusqlite::{InterruptHandle, ffi};

use crate::cancel::Cancel;
use crate::connection::{Connection, Prepared, Sink};
use crate::context::{Context, Location};
use crate::error::{CancelReason, Error};
use crate::lane::{Interrupt, Job, Work};
use crate::open_files::{self, FileId};
use crate::wire::request::{self, Mode, Request, Sql, Statement};
use crate::wire::response::{Outcome, Records};
use crate::write_line::{LaneId, Place};

/// One call on its way to a connection.
pub struct Call {
    /// The number under which JavaScript waits for the answer; 0 where nobody waits.
    pub job: u32,
    /// The request, as bytes.
    pub request: Vec<u8>,
    /// The job that began the transaction the call belongs to; 0 outside of one.
    pub transaction: u32,
    /// Its number in the order of the client's calls.
    pub number: u64,
    /// Its place in the writers' line, where it is known to write.
    pub place: Option<Place>,
    /// The client.
    pub context: Arc<Context>,
}

impl Job for Call {
    fn id(&self) -> u32 {
        self.job
    }

    fn reject(self, reason: CancelReason) {
        let mut records = Records::new(self.job);
        self.context.fail(
            &self.request,
            &mut records,
            Outcome::default(),
            Error::Cancelled(reason).into(),
        );
        // The place first: who hears of the end may count on it.
        drop(self.place);
        self.context.post(self.job, records);
    }
}

impl Context {
    /// Writes the end of a call that failed.
    fn fail(&self, request: &[u8], records: &mut Records, outcome: Outcome, failure: Failure) {
        let Failure { error, statement } = failure;
        if request::is_called_for(request)
            && matches!(error, Error::Cancelled(CancelReason::ClientClosed))
        {
            self.count_cancelled();
        }
        records.error(outcome, &error, statement);
    }

    fn post(&self, job: u32, mut records: Records) {
        if job != 0 {
            self.outbox.post(records.take(), true);
        }
    }
}

/// See the module's own text.
pub struct Session {
    lane: LaneId,
    context: Arc<Context>,
    cancel: Arc<Cancel>,
    handle: Arc<Mutex<Option<InterruptHandle>>>,
    connection: Option<Connection>,
    transaction: Option<OpenTransaction>,
    /// The file that the client opened first, on whichever lane: every later connection must find the same.
    file: Arc<OnceLock<FileId>>,
    /// An in-memory database whose connection is gone: opening it again would answer from nothing.
    lost: bool,
}

#[derive(Clone, Copy)]
struct OpenTransaction {
    begun_by: u32,
    read_only: bool,
}

impl OpenTransaction {
    /// The one that a statement of the client has begun (`BEGIN`, `SAVEPOINT`): until it ends, the
    /// client's calls outside of transactions run in it.
    const EXPLICIT: Self = Self { begun_by: 0, read_only: false };

    fn is_explicit(self) -> bool {
        self.begun_by == 0
    }
}

/// An error, and the statement of the batch at which it came up.
struct Failure {
    error: Error,
    statement: Option<usize>,
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { error: error.into(), statement: None }
    }
}

impl Session {
    /// A session whose connection is opened by its first job. `file` is what it must find, where a
    /// connection of the client has found one.
    pub fn new(lane: LaneId, context: Arc<Context>, file: Arc<OnceLock<FileId>>) -> Self {
        Self {
            lane,
            context,
            cancel: Arc::default(),
            handle: Arc::default(),
            connection: None,
            transaction: None,
            file,
            lost: false,
        }
    }

    /// Opens the connection now, on the caller's thread.
    pub fn open(&mut self) -> Result<(), Error> {
        // A file that is gone, or is another one now, is not created anew in its place.
        let expected = self.file.get();
        if let (Some(expected), Location::File(path)) = (expected, &self.context.location) {
            self.expect_file(expected, FileId::of(path).ok().as_ref())?;
        }
        let connection = Connection::open(
            Arc::clone(&self.context),
            self.lane,
            Arc::clone(&self.cancel),
            expected.is_none(),
        )?;
        if let Some(found) = connection.file_id() {
            // Of lanes that open their first connections at the same time, one is the first.
            let expected = self.file.get_or_init(|| found.clone());
            self.expect_file(expected, Some(found))?;
        }
        *self.handle.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(connection.interrupt_handle());
        self.connection = Some(connection);
        Ok(())
    }

    fn expect_file(&self, expected: &FileId, found: Option<&FileId>) -> Result<(), Error> {
        if found == Some(expected) {
            return Ok(());
        }
        Err(Error::FileReplaced { path: self.context.location.to_string() })
    }

    /// The flag by which its lane cancels a job.
    pub fn cancel_flag(&self) -> Arc<Cancel> {
        Arc::clone(&self.cancel)
    }

    /// What makes a running job notice that flag: in SQLite, and in a wait for a lock.
    pub fn interrupt(&self) -> Interrupt {
        let (handle, line) = (Arc::clone(&self.handle), Arc::clone(&self.context.line));
        Arc::new(move || {
            if let Some(handle) = &*handle.lock().unwrap_or_else(PoisonError::into_inner) {
                handle.interrupt();
            }
            line.wake();
        })
    }

    /// Whether it has a connection.
    pub fn is_open(&self) -> bool {
        self.connection.is_some()
    }

    /// Rolls back what is open and closes the connection.
    pub fn close(mut self) -> Result<(), Error> {
        self.handle.lock().unwrap_or_else(PoisonError::into_inner).take();
        let result = self.connection.take().map_or(Ok(()), Connection::close);
        self.context.line.forget_lane(self.lane);
        result
    }

    fn perform(&mut self, call: &Call, records: &mut Records) -> Result<(), Failure> {
        let request = Request::read(&call.request)?;
        self.cancel.check()?;
        if self.connection.is_none() {
            self.reopen()?;
        }
        let lane = self.lane;
        let connection = self.connection.as_mut().ok_or(Error::TransactionClosed)?;
        connection.apply_settings()?;
        if call.transaction == 0
            && let Some(open) = self.transaction
        {
            let may_run = match request {
                Request::EndAnyTransaction => true,
                Request::Execute(_) | Request::Script(_) => open.is_explicit(),
                _ => false,
            };
            if !may_run {
                return Err(Error::TransactionActive.into());
            }
        }
        let open = self.transaction.filter(|open| open.begun_by == call.transaction);
        if call.transaction != 0 && open.is_none() {
            return match request {
                Request::Rollback => Ok(()),
                _ => Err(Error::TransactionClosed.into()),
            };
        }
        let rolls_back = matches!(request, Request::Batch { .. }) && open.is_none();
        let (context, cancel) = (&self.context, &self.cancel);
        let mut run = Run { connection, context, cancel, lane, call, rolls_back };
        let read_only = open.is_some_and(|open| open.read_only);
        match request {
            Request::Execute(statement) => run.statement(&statement, read_only, records)?,
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
                self.transaction =
                    Some(OpenTransaction { begun_by: call.job, read_only: mode == Mode::Read });
            }
            Request::Commit => {
                let committed = run.commit();
                self.transaction = None;
                committed?;
            }
            Request::Rollback | Request::EndAnyTransaction => self.transaction = None,
        }
        Ok(())
    }

    /// After the connection was given up.
    fn reopen(&mut self) -> Result<(), Error> {
        if self.lost && !matches!(self.context.location, Location::File(_)) {
            return Err(Error::Panicked("the in-memory database is lost with it".into()));
        }
        self.open()
    }

    fn drop_connection(&mut self) {
        self.handle.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.connection = None;
        self.transaction = None;
        self.lost = true;
    }

    /// After each job: a transaction that nobody holds is rolled back, and one that SQLite or the
    /// caller's own COMMIT ended is forgotten. `may_hold` says whether the client holds what the job
    /// has begun.
    fn leave_clean(&mut self, may_hold: bool) {
        let Some(connection) = &self.connection else {
            return;
        };
        if connection.is_autocommit() {
            self.transaction = None;
        } else if self.transaction.is_none() && may_hold {
            self.transaction = Some(OpenTransaction::EXPLICIT);
        } else if self.transaction.is_none() && connection.roll_back().is_err() {
            connection.give_up();
        }
        if connection.is_given_up() {
            // The next call opens a connection afresh.
            self.drop_connection();
        }
    }

    /// How often its connection has committed.
    fn commits(&self) -> u64 {
        self.connection.as_ref().map_or(0, Connection::commits)
    }

    fn outcome(&self, committed: bool) -> Outcome {
        Outcome {
            autocommit: self.connection.as_ref().is_none_or(Connection::is_autocommit),
            tied: self.context.is_tied_to(self.lane),
            explicit: self.transaction.is_some_and(OpenTransaction::is_explicit),
            committed,
        }
    }
}

impl Work for Session {
    type Job = Call;

    fn run(&mut self, mut call: Call) {
        self.context.line.begin_job(self.lane);
        let commits_before = self.commits();
        let cancel = Arc::clone(&self.cancel);
        let _patience = open_files::wait_while(move || cancel.reason().is_none());
        let mut records = Records::new(call.job);
        let ran = catch_unwind(AssertUnwindSafe(|| {
            let result = self.perform(&call, &mut records);
            let committed = self.commits() != commits_before;
            self.leave_clean(request::is_execute(&call.request) && result.is_ok());
            if let Some(connection) = &mut self.connection {
                connection.forget_statements(&mut records);
            }
            (result, committed)
        }));
        let (result, committed) = ran.unwrap_or_else(|panic| {
            let committed = self.commits() != commits_before;
            self.drop_connection();
            (Err(Error::Panicked(panic_text(panic.as_ref())).into()), committed)
        });
        // The turn and the place are free before the caller hears: its next call finds them so.
        self.context.line.end_job(self.lane, self.transaction.is_some());
        drop(call.place.take());
        let outcome = self.outcome(committed);
        match result {
            Ok(()) => records.done(outcome),
            Err(failure) => self.context.fail(&call.request, &mut records, outcome, failure),
        }
        self.context.post(call.job, records);
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic".to_owned())
}

/// One job while it runs.
struct Run<'a> {
    connection: &'a mut Connection,
    context: &'a Arc<Context>,
    cancel: &'a Cancel,
    lane: LaneId,
    call: &'a Call,
    /// Whether all of its transaction is rolled back where one of its statements fails.
    rolls_back: bool,
}

impl Run<'_> {
    fn statement(
        &mut self,
        statement: &Statement<'_>,
        read_only: bool,
        records: &mut Records,
    ) -> Result<(), Error> {
        let arguments = statement.arguments()?;
        let defined;
        let (id, sql) = match statement.sql {
            Sql::Text(sql) => (None, sql),
            Sql::Id(id) => {
                defined = self
                    .context
                    .statement(id)
                    .ok_or(Error::MalformedRequest("a statement that was not defined"))?;
                (Some(id), &*defined)
            }
        };
        let (context, cancel, lane, call) = (self.context, self.cancel, self.lane, self.call);
        let send = |bytes: Vec<u8>| {
            if call.job != 0 {
                context.outbox.post(bytes, false);
            }
        };
        self.connection.run(
            id,
            sql,
            &arguments,
            &mut Sink { rolls_back: self.rolls_back, records, send: &send },
            |prepared| allow(prepared, read_only, context, lane, call, cancel),
        )
    }

    fn statements(
        &mut self,
        statements: &[Statement<'_>],
        read_only: bool,
        ended: Error,
        records: &mut Records,
    ) -> Result<(), Failure> {
        let mut ended = Some(ended);
        for (index, statement) in statements.iter().enumerate() {
            let at = |error| Failure { error, statement: Some(index) };
            if self.connection.is_autocommit() {
                return Err(at(ended.take().unwrap_or(Error::TransactionClosed)));
            }
            self.statement(statement, read_only, records).map_err(at)?;
        }
        Ok(())
    }

    fn script(&mut self, sql: &str, read_only: bool) -> Result<(), Error> {
        let (context, cancel, lane, call) = (self.context, self.cancel, self.lane, self.call);
        self.connection
            .run_script(sql, |prepared| allow(prepared, read_only, context, lane, call, cancel))
    }

    fn batch(
        &mut self,
        mode: Mode,
        statements: &[Statement<'_>],
        records: &mut Records,
    ) -> Result<(), Failure> {
        // A deferred batch that writes would fail where another writer came in between its first
        // read and its first write: it begins with the write lock.
        let mode = match mode {
            Mode::Deferred if self.writes(statements) => Mode::Write,
            mode => mode,
        };
        self.begin(mode)?;
        self.statements(statements, mode == Mode::Read, Error::TransactionRolledBack, records)?;
        if self.connection.is_autocommit() {
            // A last statement that was COMMIT or ROLLBACK.
            return Err(Error::Sqlite {
                code: ffi::SQLITE_ERROR,
                message: "cannot commit - no transaction is active".into(),
            }
            .into());
        }
        Ok(self.commit()?)
    }

    /// Whether one of the statements writes. One that cannot be prepared yet needs an earlier one
    /// that does, or is an error that will show.
    fn writes(&mut self, statements: &[Statement<'_>]) -> bool {
        for statement in statements {
            let writes = match statement.sql {
                Sql::Text(sql) => self.connection.writes(None, sql),
                Sql::Id(id) => match self.context.statement(id) {
                    Some(sql) => self.connection.writes(Some(id), &sql),
                    None => None,
                },
            };
            match writes {
                Some(false) => {}
                Some(true) => return true,
                None => return false,
            }
        }
        false
    }

    /// `migrate()`: foreign keys are off meanwhile, and afterwards what they were.
    fn without_foreign_keys(
        &mut self,
        run: impl FnOnce(&mut Self) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let before = self.connection.check_foreign_keys(false)?;
        let result = run(self);
        // What is still open must not be committed with foreign keys that nobody has checked.
        let ended = self.connection.roll_back();
        let restored = self.connection.check_foreign_keys(before).map(drop);
        if ended.and(restored).is_err() {
            self.connection.give_up();
        }
        result
    }

    fn begin(&mut self, mode: Mode) -> Result<(), Error> {
        if mode == Mode::Write {
            self.context.line.take_turn(
                self.lane,
                self.call.number,
                self.context.patience(),
                self.cancel,
            )?;
        }
        self.cancel.check()?;
        self.connection.run_own(match mode {
            Mode::Write => "BEGIN IMMEDIATE",
            Mode::Deferred | Mode::Read => "BEGIN DEFERRED",
        })
    }

    /// Commits, or rolls back: a COMMIT that failed leaves nothing open.
    fn commit(&mut self) -> Result<(), Error> {
        self.cancel.check()?;
        if self.connection.is_autocommit() {
            return Err(Error::TransactionClosed);
        }
        self.connection.run_own("COMMIT")
    }
}

/// Whether a prepared statement may run now; one that writes takes the client's turn.
fn allow(
    prepared: Prepared,
    read_only: bool,
    context: &Arc<Context>,
    lane: LaneId,
    call: &Call,
    cancel: &Cancel,
) -> Result<(), Error> {
    cancel.check()?;
    if prepared.read_only {
        return Ok(());
    }
    if read_only {
        return Err(Error::ReadOnlyTransaction);
    }
    if prepared.has_snapshot {
        return if context.line.try_take_turn(lane) {
            Ok(())
        } else {
            Err(Error::Sqlite { code: ffi::SQLITE_BUSY, message: "database is locked".into() })
        };
    }
    context.line.take_turn(lane, call.number, context.patience(), cancel)
}
