//! The calls of cursors: statements whose rows are fetched call by call.

use std::cell::RefCell;
use std::time::Instant;

use super::error::Error;
use super::read_ahead::ReadAhead;
use super::row_sink::{RecordSink, Send};
use super::run::{Caller, Run};
use crate::jobs::ids::JobId;
use crate::sqlite::{Flow, Prepared};
use crate::wire::records::{Records, announcements};
use crate::wire::request::{Sql, Statement};

/// The most rows of a cursor's first answer: its caller waits for the first row. The next answer is computed while the
/// caller has these.
const FIRST_ROWS: u32 = 32;

impl Run<'_> {
    /// Opens the cursor of the running job, and answers with its first rows.
    ///
    /// # Errors
    /// [`Error::NoCursor`] if the statement does more than to read rows. It has had no effect then.
    pub fn open_cursor(
        &mut self,
        statement: &Statement<'_>,
        most_rows: u32,
        records: &mut Records,
    ) -> Result<(), Error> {
        let arguments = statement.arguments()?;
        let caller = self.caller;
        let defined;
        let sql = match statement.sql {
            Sql::Text(sql) => sql,
            Sql::Id(id) => {
                defined = caller
                    .client
                    .statement(id)
                    .ok_or(Error::MalformedRequest("a statement that was not defined"))?;
                &*defined
            }
        };
        let allow = |prepared: Prepared| caller.allow(prepared, true, Instant::now());
        let bounds = self.connection.bounds();
        let send = |bytes| bounds.time_limit.pausing(|| send(caller, bytes));
        let sink = RecordSink::new(caller.client, records, Some(&send), &allow, true);
        let first_rows = most_rows.min(FIRST_ROWS);
        let mut sink = sink.with(statement.options()?).pausing(first_rows);
        let opened = self.connection.open_cursor(caller.job.0, sql, &arguments, &mut sink)?;
        opened.map(drop).ok_or(Error::NoCursor)
    }

    /// Answers with further rows of a cursor.
    ///
    /// # Errors
    /// [`Error::CursorClosed`].
    pub fn fetch(
        &mut self,
        cursor: u32,
        most_rows: u32,
        records: &mut Records,
    ) -> Result<(), Error> {
        let caller = self.caller;
        let bounds = self.connection.bounds();
        let send = |bytes| bounds.time_limit.pausing(|| send(caller, bytes));
        self.fetch_part(cursor, most_rows, records, &send).map(drop)
    }

    fn fetch_part(
        &mut self,
        cursor: u32,
        most_rows: u32,
        records: &mut Records,
        send: Send<'_>,
    ) -> Result<Flow, Error> {
        let allow = |_: Prepared| Ok(());
        let options = self.connection.options_of(cursor).ok_or(Error::CursorClosed)?;
        let sink = RecordSink::new(self.caller.client, records, Some(send), &allow, true);
        let sink = sink.reading(options);
        let fetched = self.connection.fetch(cursor, &mut sink.pausing(most_rows))?;
        fetched.ok_or(Error::CursorClosed)
    }

    /// Reads the rows of one answer of a cursor into memory, if there is room.
    pub fn read_on(&mut self, cursor: u32, most_rows: u32, ahead: &mut ReadAhead) {
        if !ahead.wants_more() {
            return;
        }
        let part = RefCell::new(Vec::new());
        let mut records = Records::new(JobId::NONE);
        let keep = |bytes: Vec<u8>| {
            part.borrow_mut().extend(bytes);
            Ok(())
        };
        let fetched = self.fetch_part(cursor, most_rows, &mut records, &keep);
        let mut part = part.into_inner();
        part.extend(records.take());
        match fetched {
            Ok(Flow::Paused) => ahead.add(part),
            Ok(Flow::Ended) => {
                ahead.add(part);
                ahead.end(Ok(()));
            }
            Err(error) => {
                // The rows of an answer that has failed are not handed on.
                ahead.add(announcements(&part));
                ahead.end(Err(error));
            }
        }
    }
}

/// Sends the pieces of a long value.
fn send(caller: Caller<'_>, bytes: Vec<u8>) -> Result<(), Error> {
    let room = caller.backlog.wait_for_room();
    let load = caller.backlog.add(bytes.len());
    caller.client.outbox.post_answer(caller.job, bytes, false, load);
    Ok(room?)
}
