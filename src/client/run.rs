//! What one job does on its connection.

use std::sync::Arc;

use super::error::Error;
use super::row_sink::RecordSink;
use super::state::ClientState;
use crate::jobs::cancel::{Cancel, CancelReason};
use crate::jobs::ids::{JobId, LaneId};
use crate::sqlite::{self, Connection, Prepared};
use crate::wire::records::Records;
use crate::wire::request::{Malformed, Mode, Sql, Statement};

/// An error, and the statement of the batch at which it came up.
pub struct Failure {
    /// The error.
    pub error: Error,
    /// The index of the statement.
    pub statement: Option<usize>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, statement: None }
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

/// On whose behalf a connection is used.
#[derive(Clone, Copy)]
pub struct Caller<'a> {
    /// The client.
    pub client: &'a Arc<ClientState>,
    /// The lane.
    pub lane: LaneId,
    /// The flag of the lane's job.
    pub cancel: &'a Cancel,
    /// The job.
    pub job: JobId,
    /// The number of the call, in the order of the client's calls.
    pub call: u64,
}

impl Caller<'_> {
    fn take_writer_slot(&self) -> Result<(), Error> {
        let timeouts = self.client.lock_timeouts();
        self.client.writers.take_slot(self.lane, self.call, timeouts, self.cancel)
    }

    /// Whether a prepared statement may run now; one that writes takes the writer slot.
    fn allow(&self, prepared: Prepared, read_only: bool) -> Result<(), Error> {
        self.cancel.check()?;
        if prepared.read_only {
            return Ok(());
        }
        if read_only {
            return Err(Error::ReadOnlyTransaction);
        }
        if !prepared.has_snapshot {
            return self.take_writer_slot();
        }
        if self.client.writers.try_take_slot(self.lane) {
            Ok(())
        } else {
            Err(sqlite::Error::busy().into())
        }
    }
}

/// One job while it runs.
pub struct Run<'a> {
    /// Its connection.
    pub connection: &'a mut Connection,
    /// On whose behalf.
    pub caller: Caller<'a>,
    /// Whether all of its transaction is rolled back where one of its statements fails.
    pub rolls_back: bool,
}

impl Run<'_> {
    /// One statement.
    pub fn statement(
        &mut self,
        statement: &Statement<'_>,
        read_only: bool,
        records: &mut Records,
    ) -> Result<(), Error> {
        let arguments = statement.arguments()?;
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
        let send = |bytes: Vec<u8>| {
            if caller.job != JobId::NONE {
                caller.client.outbox.post(bytes, false);
            }
        };
        let allow = |prepared| caller.allow(prepared, read_only);
        let mut sink = RecordSink::new(caller.client, records, &send, &allow, self.rolls_back);
        self.connection.run(id, sql, &arguments, &mut sink)
    }

    /// Several statements of an open transaction. `ended` is the error where it is open no more.
    pub fn statements(
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

    /// A text of several statements.
    pub fn script(&mut self, sql: &str, read_only: bool) -> Result<(), Error> {
        let caller = self.caller;
        self.connection.run_script(sql, |prepared| caller.allow(prepared, read_only))
    }

    /// Several statements in a transaction of their own.
    pub fn batch(
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
            return Err(Error::from(sqlite::Error::nothing_to_commit()).into());
        }
        Ok(self.commit()?)
    }

    /// Whether one of the statements writes. One that cannot be prepared yet needs an earlier one
    /// that does, or is an error that will show.
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

    /// `migrate()`: foreign keys are off meanwhile, and afterwards what they were.
    pub fn without_foreign_keys(
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

    /// Begins a transaction.
    pub fn begin(&mut self, mode: Mode) -> Result<(), Error> {
        if mode == Mode::Write {
            self.caller.take_writer_slot()?;
        }
        self.caller.cancel.check()?;
        Ok(self.connection.run_own(match mode {
            Mode::Write => "BEGIN IMMEDIATE",
            Mode::Deferred | Mode::Read => "BEGIN DEFERRED",
        })?)
    }

    /// Commits. A COMMIT that failed leaves nothing open: the session rolls back.
    pub fn commit(&mut self) -> Result<(), Error> {
        self.caller.cancel.check()?;
        if self.connection.is_autocommit() {
            return Err(Error::TransactionClosed);
        }
        Ok(self.connection.run_own("COMMIT")?)
    }
}
