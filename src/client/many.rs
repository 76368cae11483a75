//! One statement for many lists of arguments: one answer for all of them.

use std::time::Instant;

use super::error::Error;
use super::run::{Caller, Failure, Run};
use crate::sqlite::{self, Column, Prepared, Row, RowSink, RunOptions};
use crate::wire::records::{Records, StatementEnd};
use crate::wire::request::{Sql, Statement, StatementOptions};

impl Run<'_> {
    /// Runs statements of the open transaction that have the same text. `read_only` refuses what writes.
    pub fn many(
        &mut self,
        statements: &[Statement<'_>],
        read_only: bool,
        records: &mut Records,
    ) -> Result<(), Failure> {
        let mut end = StatementEnd::default();
        let Some(Statement { sql, .. }) = statements.first() else {
            records.result(end);
            return Ok(());
        };
        let caller = self.caller;
        let defined;
        let (id, sql) = match *sql {
            Sql::Text(sql) => (None, sql),
            Sql::Id(id) => {
                let text = caller.client.statement(id);
                defined =
                    text.ok_or(Error::MalformedRequest("a statement that was not defined"))?;
                (Some(id), &*defined)
            }
        };
        let options = caller.client.run_options(StatementOptions::default());
        let mut sink = Counts { caller, read_only, options, end };
        for (index, statement) in statements.iter().enumerate() {
            let at = |error: Error| Failure { statement: Some(index), ..error.into() };
            if self.connection.is_autocommit() {
                return Err(at(Error::TransactionClosed));
            }
            let arguments = statement.arguments().map_err(|malformed| at(malformed.into()))?;
            self.connection.run(id, sql, &arguments, &mut sink).map_err(at)?;
        }
        end = sink.end;
        if let Some(id) = id
            && self.connection.shape_of(id) == Some(0)
        {
            // Its rows were announced to nobody.
            self.connection.forget_shape_of(id);
        }
        records.result(end);
        Ok(())
    }
}

/// Counts what statements change, and keeps no row.
struct Counts<'a> {
    caller: Caller<'a>,
    read_only: bool,
    options: RunOptions,
    end: StatementEnd,
}

impl RowSink for Counts<'_> {
    type Error = Error;

    fn allow(&mut self, prepared: Prepared) -> Result<(), Error> {
        self.caller.allow(prepared, self.read_only, Instant::now())
    }

    fn options(&self) -> RunOptions {
        self.options
    }

    fn shape(&mut self, _columns: &[Column]) -> u32 {
        0
    }

    fn forget_shape(&mut self, _shape: u32) {}

    fn row(&mut self, _shape: u32, _row: &Row<'_>, _columns: usize) -> Result<(), Error> {
        Ok(())
    }

    fn end_rows(&mut self) {}

    fn end(&mut self, end: sqlite::StatementEnd) {
        self.end.rows_affected += end.rows_affected;
        self.end.last_insert_rowid = end.last_insert_rowid.or(self.end.last_insert_rowid);
    }

    fn rolls_back(&self) -> bool {
        true
    }
}
