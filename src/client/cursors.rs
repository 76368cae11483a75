//! The calls of cursors: statements whose rows are fetched call by call.

use std::time::Instant;

use super::error::Error;
use super::row_sink::{RecordSink, Send};
use super::run::Run;
use crate::sqlite::Prepared;
use crate::wire::records::Records;
use crate::wire::request::{Sql, Statement};

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
        let opened = self.with_pausing_sink(most_rows, records, &allow, |run, sink| {
            run.connection.open_cursor(run.caller.job.0, sql, &arguments, sink)
        })?;
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
        let allow = |_: Prepared| Ok(());
        let fetched = self.with_pausing_sink(most_rows, records, &allow, |run, sink| {
            run.connection.fetch(cursor, sink)
        })?;
        fetched.map(drop).ok_or(Error::CursorClosed)
    }

    fn with_pausing_sink<T>(
        &mut self,
        most_rows: u32,
        records: &mut Records,
        allow: &dyn Fn(Prepared) -> Result<(), Error>,
        run: impl FnOnce(&mut Self, &mut RecordSink<'_>) -> T,
    ) -> T {
        let caller = self.caller;
        // The pieces of a long value.
        let send = |bytes: Vec<u8>| {
            let room = caller.backlog.wait_for_room();
            let load = caller.backlog.add(bytes.len());
            caller.client.outbox.post_answer(caller.job, bytes, false, load);
            Ok(room?)
        };
        let send: Send<'_> = &send;
        let sink = RecordSink::new(caller.client, records, Some(send), allow, true);
        run(self, &mut sink.pausing(most_rows))
    }
}
