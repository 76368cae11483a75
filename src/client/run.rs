//! The operations of one job on its connection.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::class::Class;
use super::error::Error;
use super::error_place;
use super::row_sink::{RecordSink, Send};
use super::state::ClientState;
use super::waits::Waits;
use super::writer_queue::LockTimeouts;
use crate::jobs::backlog::Backlog;
use crate::jobs::cancel::{Cancel, CancelReason};
use crate::jobs::ids::{CallNumber, JobId, LaneId};
use crate::sqlite::{self, Checkpoint, Connection, LONGEST_READ, Prepared};
use crate::wire::records::{Records, SqlPlace};
use crate::wire::request::{Malformed, Mode, Sql, Statement};

/// The error of a job, and the statement of its batch that failed.
pub struct Failure {
    /// The error.
    pub error: Error,
    /// The index of the statement, from 0. None if the error is not one of a statement in a batch.
    pub statement: Option<usize>,
    /// Where in the SQL it is, if that is known.
    pub place: Option<Box<SqlPlace>>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, statement: None, place: None }
    }
}

impl From<sqlite::Error> for Failure {
    fn from(error: sqlite::Error) -> Self {
        Error::from(error).into()
    }
}

impl From<CancelReason> for Failure {
    fn from(reason: CancelReason) -> Self {
        Error::from(reason).into()
    }
}

impl From<Malformed> for Failure {
    fn from(malformed: Malformed) -> Self {
        Error::from(malformed).into()
    }
}

/// The call on whose behalf a connection is used.
#[derive(Clone, Copy)]
pub struct Caller<'a> {
    /// The client of the call.
    pub client: &'a Arc<ClientState>,
    /// The lane that runs the call.
    pub lane: LaneId,
    /// The cancel flag of the lane's running job.
    pub cancel: &'a Cancel,
    /// Is told what the job may do while it waits.
    pub waits: &'a Waits,
    /// What the lane has posted and JavaScript has not fetched.
    pub backlog: &'a Arc<Backlog>,
    /// The job of the call.
    pub job: JobId,
    /// The number of the call in the order of all calls.
    pub call: CallNumber,
}

impl Caller<'_> {
    /// Takes the writer slot, for which the call has waited since `began`.
    pub fn take_writer_slot(&self, began: Instant) -> Result<(), Error> {
        self.take_writer_slot_within(self.client.lock_timeouts(), began)
    }

    fn take_writer_slot_within(&self, timeouts: LockTimeouts, began: Instant) -> Result<(), Error> {
        let Some(writers) = self.client.writers() else { return Ok(()) };
        let lane = self.client.lane_key(self.lane);
        if writers.take_slot_now(lane, self.call) {
            return Ok(self.cancel.check()?);
        }
        let began = self.waits.counts_from(began, true);
        writers.take_slot(lane, self.call, timeouts, self.cancel, began)
    }

    /// Takes the writer slot in turn, unless an idle transaction holds it. For a statement of which SQLite
    /// has to decide whether it needs the write lock. Returns whether the lane has the slot.
    fn take_writer_slot_in_passing(&self) -> Result<bool, Error> {
        match self.take_writer_slot_within(LockTimeouts::IN_PASSING, Instant::now()) {
            Err(Error::HeldByOwnTransaction { .. } | Error::HeldByOtherClient) => Ok(false),
            taken => taken.map(|()| true),
        }
    }

    /// Checks whether a prepared statement may run now. A statement that writes takes the writer slot, for
    /// which its call has waited since `began`.
    pub(super) fn allow(
        &self,
        prepared: Prepared,
        read_only: bool,
        began: Instant,
    ) -> Result<(), Error> {
        self.cancel.check()?;
        if prepared.read_only {
            return Ok(());
        }
        if read_only {
            return Err(Error::ReadOnlyTransaction);
        }
        if !prepared.has_snapshot {
            return match prepared.may_not_write {
                true => self.take_writer_slot_in_passing().map(drop),
                false => self.take_writer_slot(began),
            };
        }
        if prepared.may_not_write {
            // The holder of the slot may be waiting for this very reader. If the statement has to write after
            // all, its schema has changed, and it comes here again without `may_not_write`.
            return Ok(());
        }
        let lane = self.client.lane_key(self.lane);
        match self.client.writers() {
            Some(writers) if !writers.try_take_slot(lane) => Err(sqlite::Error::busy().into()),
            _ => Ok(()),
        }
    }
}

/// One running job.
pub struct Run<'a> {
    /// The connection of the job's lane.
    pub connection: &'a mut Connection,
    /// The call on whose behalf the job runs.
    pub caller: Caller<'a>,
    /// Whether the whole transaction of the job is rolled back if one of its statements fails.
    pub rolls_back: bool,
    /// Where a single statement runs.
    pub place: Place,
    /// Whether rows may be sent before the job has ended. Otherwise many rows are an error.
    pub sends: bool,
}

/// Where a single statement runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Here, whatever it is.
    Here,
    /// Here, unless it is a long read.
    HereIfShort,
    /// On the reader lane with this index, if it is a read.
    Reader(usize),
}

impl Run<'_> {
    /// Runs one statement. `read_only` refuses a statement that writes.
    pub fn statement(
        &mut self,
        statement: &Statement<'_>,
        read_only: bool,
        records: &mut Records,
    ) -> Result<(), Error> {
        let arguments = statement.arguments()?;
        let options = statement.options()?;
        let caller = self.caller;
        let defined;
        let (id, sql) = match statement.sql {
            Sql::Text(sql) => (None, sql),
            Sql::Id(id) => {
                defined = caller
                    .client
                    .statement(id)
                    .ok_or(Error::MalformedRequest("a statement that was not defined"))?;
                (Some(id), &*defined)
            }
        };
        // A batch that has the write lock, and a statement that writes, which has computed all of its rows
        // before the first one comes: they do not hold the lock until JavaScript has read the rows.
        let writes = Cell::new(false);
        let is_writing = self.rolls_back && self.connection.is_writing();
        let bounds = self.connection.bounds();
        let send = |bytes: Vec<u8>| {
            let waits = !is_writing && !writes.get();
            let wait = || bounds.time_limit.pausing(|| caller.backlog.wait_for_room());
            let room = if waits { wait() } else { Ok(()) };
            if caller.job != JobId::NONE {
                let load = caller.backlog.add(bytes.len());
                caller.client.outbox.post_answer(caller.job, bytes, false, load);
            }
            Ok(room?)
        };
        let may_run = |prepared: Prepared| {
            writes.set(!prepared.read_only);
            caller.waits.set_may_begin(prepared.begins);
            if options.read_only && !prepared.read_only {
                return Err(Error::ReadOnlyStatement);
            }
            caller.allow(prepared, read_only, Instant::now())
        };
        if self.place == Place::Here {
            let (client, rolls_back) = (caller.client, self.rolls_back);
            let send: Option<Send<'_>> = if self.sends { Some(&send) } else { None };
            let sink = RecordSink::new(client, records, send, &may_run, rolls_back);
            let mut sink = sink.with(options);
            return self.connection.run(id, sql, &arguments, &mut sink);
        }
        let bounded_since = Cell::new(None);
        let allow = |prepared: Prepared| {
            if !prepared.may_run_aside && matches!(self.place, Place::Reader(_)) {
                if let Some(id) = id {
                    caller.client.set_class(id, Class::Main);
                }
                return Err(Error::RunsElsewhere);
            }
            may_run(prepared)?;
            if self.place == Place::HereIfShort
                && prepared.may_run_aside
                && !prepared.in_transaction
            {
                let now = Instant::now();
                bounds.set_for_read(now);
                bounded_since.set(Some(now));
            }
            Ok(())
        };
        let has_begun = Cell::new(false);
        let begun = || {
            has_begun.set(true);
            if let (Place::Reader(reader), Some(turns)) = (self.place, caller.client.turns()) {
                turns.begun(reader);
            }
        };
        let sink = RecordSink::new(caller.client, records, Some(&send), &allow, self.rolls_back);
        let mut sink = sink.with(options).aside(&bounded_since, &begun);
        let shape = id.and_then(|id| self.connection.shape_of(id));
        let began = matches!(self.place, Place::Reader(_)).then(Instant::now);
        let mut ran = self.connection.run(id, sql, &arguments, &mut sink);
        let began = began.or(bounded_since.get());
        if bounded_since.get().is_some() {
            // What it has counted says nothing of the next statement.
            bounds.set(false);
            if let Err(Error::Sqlite(error)) = &ran
                && error.is_interrupt()
                && caller.cancel.reason().is_none()
            {
                ran = Err(Error::RunsElsewhere);
            }
        }
        // The first reader after a crash rolls back what was not committed. A connection that only reads cannot.
        if let (Err(Error::Sqlite(error)), Place::Reader(_)) = (&ran, self.place)
            && !has_begun.get()
            && error.is_read_only()
        {
            ran = Err(Error::RunsElsewhere);
        }
        if let (Some(id), Some(began)) = (id, began) {
            let took = began.elapsed();
            match (&ran, self.place) {
                // JavaScript does not get what was written so far.
                (Err(Error::RunsElsewhere), _) if self.connection.shape_of(id) != shape => {
                    self.connection.forget_shape_of(id);
                }
                // A single operation has taken long.
                (Ok(()), Place::HereIfShort) if took > LONGEST_READ => {
                    caller.client.set_class(id, Class::LongRead);
                }
                (Ok(()), Place::Reader(_)) if took < LONGEST_READ / 4 => {
                    caller.client.set_class(id, Class::ShortRead);
                }
                _ => {}
            }
        }
        ran
    }

    /// Runs several statements of an open transaction. `ended` is the error for the statement that finds
    /// the transaction closed by an earlier one.
    pub fn statements(
        &mut self,
        statements: &[Statement<'_>],
        read_only: bool,
        ended: Error,
        records: &mut Records,
    ) -> Result<(), Failure> {
        let mut ended = Some(ended);
        for (index, statement) in statements.iter().enumerate() {
            if self.connection.is_autocommit() {
                let error = ended.take().unwrap_or(Error::TransactionClosed);
                return Err(Failure { statement: Some(index), ..error.into() });
            }
            self.statement(statement, read_only, records).map_err(|error| {
                let place =
                    self.caller.client.place_in(statement, |sql| error_place::of_one(&error, sql));
                Failure { error, statement: Some(index), place }
            })?;
        }
        Ok(())
    }

    /// Runs a text of several statements, without returning their rows.
    pub fn script(
        &mut self,
        sql: &str,
        time_limit: Option<Duration>,
        read_only: bool,
    ) -> Result<(), Failure> {
        let caller = self.caller;
        let mut may_begin = false;
        // The time since which the open transaction has waited for the slot in vain.
        let mut waits_since = None;
        let time_limit = time_limit.or(caller.client.options.run.time_limit);
        let ran = self.connection.run_script(sql, time_limit, |prepared| {
            let now = Instant::now();
            may_begin |= prepared.begins;
            caller.waits.set_may_begin(may_begin);
            if prepared.begins {
                // No other write of the process may come between the transaction's first read and its
                // first write.
                let is_taken = caller.take_writer_slot_in_passing()?;
                waits_since = (!is_taken).then_some(now);
            }
            let began = waits_since.filter(|_| prepared.in_transaction).unwrap_or(now);
            caller.allow(prepared, read_only, began)
        });
        ran.map_err(|(error, index)| {
            let place = error_place::of_script(&error, sql, index);
            Failure { place, ..error.into() }
        })
    }

    /// Runs several statements in a transaction of their own.
    pub fn batch(
        &mut self,
        mode: Mode,
        statements: &[Statement<'_>],
        records: &mut Records,
    ) -> Result<(), Failure> {
        // A deferred batch that writes begins with the write lock. Otherwise it would fail with
        // SQLITE_BUSY_SNAPSHOT if another writer commits between its first read and its first write.
        let mode = match mode {
            Mode::Deferred if self.writes(statements) => Mode::Write,
            mode => mode,
        };
        if self.caller.client.options.location.shares_cache() {
            // Tables that it has read block the writers of the cache, and they may block its next read.
            self.caller.take_writer_slot_in_passing()?;
        }
        self.begin(mode)?;
        self.statements(statements, mode == Mode::Read, Error::TransactionRolledBack, records)?;
        if self.connection.is_autocommit() {
            // The last statement was COMMIT or ROLLBACK.
            return Err(Error::from(sqlite::Error::nothing_to_commit()).into());
        }
        Ok(self.commit()?)
    }

    /// Whether one of the statements writes. False at the first statement that cannot be prepared: no
    /// earlier statement writes, so none can create what it needs, and it fails when it runs.
    fn writes(&mut self, statements: &[Statement<'_>]) -> bool {
        for statement in statements {
            let writes = match statement.sql {
                Sql::Text(sql) => self.connection.writes(None, sql),
                Sql::Id(id) => match self.caller.client.statement(id) {
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

    /// Runs `run` with foreign keys off, as `migrate()` does, and restores the setting afterwards.
    pub fn without_foreign_keys(
        &mut self,
        run: impl FnOnce(&mut Self) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let before = self.connection.check_foreign_keys(false)?;
        let result = run(self);
        // A transaction that is still open is rolled back, because its foreign keys were not checked.
        let ended = self.connection.roll_back();
        let restored = self.connection.check_foreign_keys(before).map(drop);
        if ended.and(restored).is_err() {
            self.connection.give_up();
        }
        result
    }

    /// Copies the WAL into the database: `beside` the writers, then `held`, while all of the process wait. An idle
    /// transaction is not waited for.
    pub fn checkpoint(&mut self, beside: bool, held: bool) -> Result<Option<Checkpoint>, Error> {
        let done = if beside { self.connection.checkpoint() } else { None };
        if !held {
            return Ok(done);
        }
        self.caller.take_writer_slot_in_passing()?;
        Ok(self.connection.checkpoint())
    }

    /// Begins a transaction. Mode "write" waits for the writer slot first.
    pub fn begin(&mut self, mode: Mode) -> Result<(), Error> {
        if mode == Mode::Write {
            self.caller.take_writer_slot(Instant::now())?;
        }
        self.caller.cancel.check()?;
        Ok(self.connection.run_own(match mode {
            Mode::Write => "BEGIN IMMEDIATE",
            Mode::Deferred | Mode::Read => "BEGIN DEFERRED",
        })?)
    }

    /// Commits the open transaction. If COMMIT fails, the session rolls back.
    pub fn commit(&mut self) -> Result<(), Error> {
        self.caller.cancel.check()?;
        if self.connection.is_autocommit() {
            return Err(Error::TransactionClosed);
        }
        Ok(self.connection.run_own("COMMIT")?)
    }
}
