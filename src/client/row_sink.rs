//! The sink that writes the rows of a statement into the records of its job.

use std::cell::Cell;
use std::time::{Duration, Instant};

use super::error::Error;
use super::state::ClientState;
use crate::sqlite::{self, Column, Prepared, Row, RowSink, RunOptions};
use crate::wire::pieces::{is_long, send_pieces};
use crate::wire::records::{Records, RowsChunk, StatementEnd};
use crate::wire::request::StatementOptions;

/// Sends finished records, once the lane's backlog has room or the job is cancelled. The error is that of the
/// cancel.
pub type Send<'a> = &'a dyn Fn(Vec<u8>) -> Result<(), Error>;

/// The sink of one statement.
pub struct RecordSink<'a> {
    client: &'a ClientState,
    /// The records of the job.
    records: &'a mut Records,
    /// Sends finished records before the job ends. None if all records must fit into one chunk.
    send: Option<Send<'a>>,
    allow: &'a dyn Fn(Prepared) -> Result<(), Error>,
    rolls_back: bool,
    chunk: RowsChunk,
    /// Since when the statement has run, if it may be ended to run elsewhere, as long as nothing was sent.
    may_move: Option<&'a Cell<Option<Instant>>>,
    begun: Option<&'a dyn Fn()>,
    /// When a cursor pauses. None if the statement is none.
    part: Option<Part>,
    /// How the statement runs.
    options: RunOptions,
    /// Whether only the first row is wanted, and whether it has come.
    first_row: Option<bool>,
}

/// The rows of a cursor that one answer has.
struct Part {
    most_rows: u32,
    rows: u32,
    is_full: bool,
    until: Instant,
}

/// A cursor pauses after this time, if it has a row: the next ones may take long.
const LONGEST_PART: Duration = Duration::from_millis(2);

impl<'a> RecordSink<'a> {
    /// The sink of one statement. `allow` is called once SQLite has prepared the statement. `rolls_back`
    /// is the result of [`RowSink::rolls_back`].
    pub fn new(
        client: &'a ClientState,
        records: &'a mut Records,
        send: Option<Send<'a>>,
        allow: &'a dyn Fn(Prepared) -> Result<(), Error>,
        rolls_back: bool,
    ) -> Self {
        let chunk = RowsChunk::new(0);
        Self {
            client,
            records,
            send,
            allow,
            rolls_back,
            chunk,
            may_move: None,
            begun: None,
            part: None,
            options: client.run_options(StatementOptions::default()),
            first_row: None,
        }
    }

    /// The same sink, of a statement with options of its own.
    pub fn with(mut self, options: StatementOptions) -> Self {
        self.options = self.client.run_options(options);
        self.first_row = options.first_row.then_some(false);
        self
    }

    /// The same sink, of a cursor that was opened with these options.
    pub fn reading(mut self, options: RunOptions) -> Self {
        self.options = options;
        self
    }

    /// The same sink, of a statement that runs elsewhere if it is long and `may_move` has a time. `begun` is called
    /// when a statement that runs aside has begun to read.
    pub fn aside(mut self, may_move: &'a Cell<Option<Instant>>, begun: &'a dyn Fn()) -> Self {
        self.may_move = Some(may_move);
        self.begun = Some(begun);
        self
    }

    /// The same sink, of a cursor that pauses after so many rows, or once an answer has the size of a record.
    pub fn pausing(mut self, most_rows: u32) -> Self {
        let until = Instant::now() + LONGEST_PART;
        self.part = Some(Part { most_rows, rows: 0, is_full: false, until });
        self
    }

    /// Whether the statement runs elsewhere if it has so many rows that some have to be sent.
    fn check_stays(&self) -> Result<(), Error> {
        match self.may_move {
            Some(may_move) if may_move.get().is_some() => Err(Error::RunsElsewhere),
            _ => Ok(()),
        }
    }

    /// The same sink, with the memory of a chunk that nobody needs any more.
    pub fn reusing(mut self, mut chunk: RowsChunk) -> Self {
        chunk.clear();
        self.chunk = chunk;
        self
    }

    /// The chunk, for another sink.
    pub fn into_chunk(self) -> RowsChunk {
        self.chunk
    }
}

impl RowSink for RecordSink<'_> {
    type Error = Error;

    fn allow(&mut self, prepared: Prepared) -> Result<(), Error> {
        (self.allow)(prepared)
    }

    fn begun(&mut self) {
        if let Some(begun) = self.begun {
            begun();
        }
    }

    fn shape(&mut self, columns: &[Column]) -> u32 {
        let shape = self.client.next_shape();
        let columns =
            columns.iter().map(|column| (column.name.as_str(), column.declared_type.as_str()));
        self.records.shape(shape, columns);
        shape
    }

    fn tables(&mut self, shape: u32, tables: &[String]) {
        self.records.tables(shape, tables.iter().map(String::as_str));
    }

    fn options(&self) -> RunOptions {
        self.options
    }

    fn forget_shape(&mut self, shape: u32) {
        self.records.forget_shape(shape);
    }

    fn row(&mut self, shape: u32, row: &Row<'_>, columns: usize) -> Result<(), Error> {
        self.chunk.begin_row(shape);
        for column in 0..columns {
            let value = row.value(column)?;
            match self.send {
                Some(send) if is_long(value) => {
                    self.check_stays()?;
                    self.chunk.long_cell(value)?;
                    self.records.continues();
                    send_pieces(self.records.job(), value, send)?;
                }
                _ => self.chunk.cell(value, self.options.numbers)?,
            }
        }
        self.chunk.end_row()?;
        if let Some(part) = &mut self.part {
            part.rows += 1;
            part.is_full = self.chunk.is_full();
            return Ok(());
        }
        self.first_row = self.first_row.and(Some(true));
        if self.chunk.is_full() {
            self.check_stays()?;
            self.records.rows(&mut self.chunk);
            let send = self.send.ok_or(Error::RowTooLarge)?;
            send(self.records.take())?;
        }
        Ok(())
    }

    fn pauses(&self) -> bool {
        self.part.as_ref().is_some_and(|part| {
            part.is_full || part.rows >= part.most_rows || Instant::now() >= part.until
        })
    }

    fn wants_more(&self) -> bool {
        self.first_row != Some(true)
    }

    fn end_rows(&mut self) {
        self.records.rows(&mut self.chunk);
        if self.part.is_none()
            && self.records.is_chunk()
            && let Some(send) = self.send
        {
            // The statement has ended already. A cancel is noticed by what comes after it.
            let _ = send(self.records.take());
        }
    }

    fn end(&mut self, end: sqlite::StatementEnd) {
        self.records.result(StatementEnd {
            shape: end.shape.unwrap_or(0),
            rows_affected: end.rows_affected,
            last_insert_rowid: end.last_insert_rowid,
        });
    }

    fn rolls_back(&self) -> bool {
        self.rolls_back
    }
}
