//! Writes answers: the records of jobs.

use std::fmt::Display;
use std::time::Duration;

use super::CHUNK;
use super::error_text::bounded;
use super::kinds::{CellKind, ClosingStep, ErrorKind, LaneKind, OutcomeFlag, RecordKind, flag};
use super::text::TextBuffer;
use crate::jobs::ids::JobId;
use crate::jobs::panics::Panic;
use crate::value::Value;

/// The largest integer that a JavaScript number holds exactly, 2^53 - 1.
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// The largest length of all texts of a row together, in bytes: that of a JavaScript string in units
/// (V8: 2^29 - 24).
const LONGEST_TEXT: usize = (1 << 29) - 24;

/// The largest size of a row's cells, in bytes.
const MOST_CELLS: usize = 1 << 31;

/// The bytes of a `rows` record before its cells.
const BEFORE_CELLS: usize = 4 + 4 + 1 + 4 + 4 + 4 + 1;

/// The first size of a buffer, in bytes: most answers are short.
const FIRST_BYTES: usize = 256;

/// The state after a job, for the records `done` and `error`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Whether the connection has no open transaction.
    pub autocommit: bool,
    /// Whether the client is pinned to the lane of the job.
    pub pinned: bool,
    /// Whether the connection has an open transaction that a statement of the client has begun.
    pub explicit: bool,
    /// Whether the job has committed something.
    pub committed: bool,
}

impl Outcome {
    fn flags(self) -> u8 {
        flag(OutcomeFlag::Autocommit as u8, self.autocommit)
            | flag(OutcomeFlag::Pinned as u8, self.pinned)
            | flag(OutcomeFlag::Explicit as u8, self.explicit)
            | flag(OutcomeFlag::Committed as u8, self.committed)
    }
}

/// The content of an error record.
pub struct ErrorRecord<'a> {
    /// The JavaScript class of the error.
    pub class: ErrorKind,
    /// The `code` property.
    pub code: String,
    /// The `extendedCode` property, if the error has a result code of SQLite.
    pub extended_code: Option<String>,
    /// SQLite's extended result code, if the error has one.
    pub raw_code: Option<i32>,
    /// The text of the error.
    pub text: &'a dyn Display,
    /// Where in the SQL it is, if that is known.
    pub place: Option<SqlPlace>,
}

/// Where in the SQL of a call an error is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SqlPlace {
    /// Where the wrong token begins, in UTF-16 units of the text of the call's statement. None if nobody knows.
    pub offset: Option<u32>,
    /// The SQL there, as further lines of the error's text.
    pub lines: String,
}

/// Stands for an unknown offset.
const NO_OFFSET: u32 = u32::MAX;

/// A row that JavaScript cannot hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowError {
    /// An integer that is not safe in JavaScript, although the caller wants numbers.
    UnsafeInteger,
    /// The texts are longer than a JavaScript string, or the cells are longer than a buffer.
    TooLarge,
}

/// The result of a closing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Closed {
    /// Whether a `-wal` file is left, because another connection has the database open.
    pub wal_left: bool,
    /// The number of connections that were closed.
    pub connections: u32,
    /// The number of jobs that were cancelled.
    pub cancelled: u32,
}

/// The result of a statement besides its rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatementEnd {
    /// The shape of the rows. 0 if the statement has no columns.
    pub shape: u32,
    /// The number of rows changed by INSERT, UPDATE or DELETE.
    pub rows_affected: u64,
    /// The rowid of the last inserted row. None if no row was inserted.
    pub last_insert_rowid: Option<i64>,
}

/// Collects the records of one job.
#[derive(Debug)]
pub struct Records {
    job: JobId,
    bytes: Vec<u8>,
    /// Whether some were taken.
    is_continued: bool,
}

/// The rows of one record while they are written.
#[derive(Debug)]
pub struct RowsChunk {
    shape: u32,
    rows: u32,
    /// The record up to the text: space for what comes before the cells, and the cells. None of it is copied
    /// again.
    cells: Vec<u8>,
    text: TextBuffer,
    /// Whether these are the first rows of their statement.
    is_first: bool,
}

impl Records {
    /// The job.
    pub fn job(&self) -> JobId {
        self.job
    }

    /// An empty buffer for the records of this job.
    pub fn new(job: JobId) -> Self {
        Self { job, bytes: Vec::new(), is_continued: false }
    }

    /// The same, in the memory of records that nobody needs any more.
    pub fn reusing(job: JobId, mut bytes: Vec<u8>) -> Self {
        bytes.clear();
        Self { job, bytes, is_continued: false }
    }

    /// Whether there are enough records to send them before the job ends.
    pub fn is_chunk(&self) -> bool {
        self.bytes.len() >= CHUNK
    }

    /// Takes the records that were written so far.
    pub fn take(&mut self) -> Vec<u8> {
        self.is_continued = true;
        std::mem::take(&mut self.bytes)
    }

    /// Says that other records of the job were sent.
    pub fn continues(&mut self) {
        self.is_continued = true;
    }

    /// Drops the rows that were not taken, because their job has failed. Returns whether some were taken
    /// before.
    pub fn drop_rows(&mut self) -> bool {
        self.bytes = announcements(&self.bytes);
        self.is_continued
    }

    /// Writes a `shape` record: the columns of the rows with this shape number, as pairs of name and
    /// declared type.
    pub fn shape<'a>(&mut self, shape: u32, columns: impl Iterator<Item = (&'a str, &'a str)>) {
        self.record(RecordKind::Shape, |bytes| {
            put_u32(bytes, shape);
            let count_at = bytes.len();
            put_u32(bytes, 0);
            let mut count = 0u32;
            for (name, declared_type) in columns {
                put_str(bytes, name);
                put_str(bytes, declared_type);
                count += 1;
            }
            bytes[count_at..count_at + 4].copy_from_slice(&count.to_le_bytes());
        });
    }

    /// Writes a `tables` record: the tables of a shape's columns.
    pub fn tables<'a>(&mut self, shape: u32, tables: impl ExactSizeIterator<Item = &'a str>) {
        self.record(RecordKind::Tables, |bytes| {
            put_u32(bytes, shape);
            put_u32(bytes, u32::try_from(tables.len()).unwrap_or(u32::MAX));
            for table in tables {
                put_str(bytes, table);
            }
        });
    }

    /// Writes a `forget` record: the shape number will not be used again.
    pub fn forget_shape(&mut self, shape: u32) {
        self.record(RecordKind::Forget, |bytes| put_u32(bytes, shape));
    }

    /// Writes a `rows` record with the rows of the chunk, and empties the chunk. Writes nothing if the chunk
    /// has no rows.
    pub fn rows(&mut self, chunk: &mut RowsChunk) {
        if chunk.rows == 0 {
            return;
        }
        let record = chunk.take_record(self.job);
        if self.bytes.is_empty() {
            chunk.cells = std::mem::replace(&mut self.bytes, record);
        } else {
            self.bytes.extend_from_slice(&record);
        }
    }

    /// Appends records that were written before.
    pub fn append(&mut self, records: Vec<u8>) {
        match self.bytes.is_empty() {
            true => self.bytes = records,
            false => self.bytes.extend(records),
        }
    }

    /// Writes a `result` record: the result of one statement.
    pub fn result(&mut self, end: StatementEnd) {
        self.record(RecordKind::Result, |bytes| {
            put_u32(bytes, end.shape);
            #[expect(clippy::cast_precision_loss, reason = "a JavaScript number counts the rows")]
            put_f64(bytes, end.rows_affected as f64);
            bytes.push(u8::from(end.last_insert_rowid.is_some()));
            bytes.extend(end.last_insert_rowid.unwrap_or(0).to_le_bytes());
        });
    }

    /// Writes a `done` record: the job has succeeded.
    pub fn done(&mut self, outcome: Outcome) {
        self.record(RecordKind::Done, |bytes| bytes.push(outcome.flags()));
    }

    /// Writes a `ran` record: where the job has run, how long it has waited for that, and how long it took.
    pub fn ran(&mut self, lane: LaneKind, queued: Duration, ran: Duration) {
        self.record(RecordKind::Ran, |bytes| {
            bytes.push(lane as u8);
            put_f64(bytes, queued.as_secs_f64() * 1e3);
            put_f64(bytes, ran.as_secs_f64() * 1e3);
        });
    }

    /// Writes a `step` record: the end of one step of a closing, with the time that it took.
    pub fn step(&mut self, step: ClosingStep, took: Duration) {
        self.record(RecordKind::Step, |bytes| {
            bytes.push(step as u8);
            put_f64(bytes, took.as_secs_f64() * 1e3);
        });
    }

    /// Writes a `closed` record: the result of a closing.
    pub fn closed(&mut self, closed: Closed) {
        self.record(RecordKind::Closed, |bytes| {
            bytes.push(u8::from(closed.wal_left));
            put_u32(bytes, closed.connections);
            put_u32(bytes, closed.cancelled);
        });
    }

    /// Writes a `shutdown request` record: another environment asks this one to shut down its clients.
    pub fn shutdown_request(&mut self, request: u32, drain: bool, limit: Duration) {
        self.record(RecordKind::ShutdownRequest, |bytes| {
            put_u32(bytes, request);
            bytes.push(u8::from(drain));
            put_f64(bytes, limit.as_secs_f64() * 1e3);
        });
    }

    /// Writes a `panic` record: a report of a defect, besides the answer of the job.
    pub fn panic(&mut self, panic: &Panic) {
        self.record(RecordKind::Panic, |bytes| {
            put_str(bytes, &panic.message);
            put_str(bytes, &panic.location);
            put_str(bytes, &panic.thread);
        });
    }

    /// Writes a `shutdown acknowledged` record: the answer to a shutdown request. `report` is None if the
    /// environment ended before it answered.
    pub fn shutdown_acknowledged(&mut self, report: Option<&str>) {
        self.record(RecordKind::ShutdownAcknowledged, |bytes| {
            bytes.push(u8::from(report.is_some()));
            put_str(bytes, report.unwrap_or_default());
        });
    }

    /// Writes an `error` record: the job has failed. `statement` is the index of the statement that failed,
    /// if the job is a batch.
    pub fn error(&mut self, outcome: Outcome, error: ErrorRecord<'_>, statement: Option<usize>) {
        let index = statement.and_then(|index| i32::try_from(index).ok()).unwrap_or(-1);
        self.record(RecordKind::Error, |bytes| {
            bytes.push(outcome.flags());
            bytes.push(error.class as u8);
            bytes.extend(index.to_le_bytes());
            bytes.extend(error.raw_code.unwrap_or(0).to_le_bytes());
            put_str(bytes, &error.code);
            put_str(bytes, &error.extended_code.unwrap_or_default());
            put_str(bytes, &bounded(&error.text));
            let SqlPlace { offset, lines } = error.place.unwrap_or_default();
            put_u32(bytes, offset.unwrap_or(NO_OFFSET));
            put_str(bytes, &lines);
        });
    }

    /// Writes a record of this kind. `body` appends its body.
    pub fn record(&mut self, kind: RecordKind, body: impl FnOnce(&mut Vec<u8>)) {
        if self.bytes.capacity() == 0 {
            self.bytes.reserve(FIRST_BYTES);
        }
        let start = self.bytes.len();
        put_u32(&mut self.bytes, 0);
        put_u32(&mut self.bytes, self.job.0);
        self.bytes.push(kind as u8);
        body(&mut self.bytes);
        let length = length_of(self.bytes.len() - start - 4);
        self.bytes[start..start + 4].copy_from_slice(&length);
    }
}

impl Default for RowsChunk {
    fn default() -> Self {
        Self::new(0)
    }
}

impl RowsChunk {
    /// An empty chunk for rows of this shape.
    pub fn new(shape: u32) -> Self {
        Self { shape, rows: 0, cells: Vec::new(), text: TextBuffer::default(), is_first: true }
    }

    /// Begins a row of this shape. All rows of one record must have the same shape.
    pub fn begin_row(&mut self, shape: u32) {
        self.shape = shape;
        if !self.cells.is_empty() {
            return;
        }
        self.cells.reserve(if self.is_first { FIRST_BYTES } else { CHUNK + CHUNK / 8 });
        self.cells.resize(BEFORE_CELLS, 0);
        if self.text.is_new() {
            self.text.reserve(FIRST_BYTES);
        }
    }

    /// Removes the rows. The memory is there for another statement.
    pub fn clear(&mut self) {
        self.rows = 0;
        self.cells.clear();
        self.text.clear();
        self.is_first = true;
    }

    /// The bytes that are reserved for the rows.
    pub fn capacity(&self) -> usize {
        self.cells.capacity() + self.text.capacity()
    }

    /// Whether the chunk has reached the size of a record.
    pub fn is_full(&self) -> bool {
        self.cells.len() + self.text.bytes().len() >= CHUNK
    }

    /// Ends a row, after all of its cells.
    ///
    /// # Errors
    /// [`RowError::TooLarge`] if a JavaScript string or buffer cannot hold the row.
    pub fn end_row(&mut self) -> Result<(), RowError> {
        if self.text.units() > LONGEST_TEXT || self.cells.len() > MOST_CELLS {
            return Err(RowError::TooLarge);
        }
        self.rows += 1;
        Ok(())
    }

    /// Appends one cell.
    ///
    /// # Errors
    /// [`RowError::UnsafeInteger`] with `numbers`, if the integer is not safe in JavaScript.
    pub fn cell(&mut self, value: Value<'_>, numbers: bool) -> Result<(), RowError> {
        match value {
            Value::Null => self.cells.push(CellKind::Null as u8),
            Value::Integer(integer) => self.integer(integer, numbers)?,
            Value::Real(real) => {
                self.cells.push(CellKind::Real as u8);
                self.cells.extend(real.to_le_bytes());
            }
            Value::Text(bytes) => {
                self.cells.push(CellKind::Text as u8);
                let units = self.text.push(bytes);
                put_len(&mut self.cells, units);
            }
            Value::Blob(blob) => {
                self.cells.push(CellKind::Blob as u8);
                put_len(&mut self.cells, blob.len());
                self.cells.extend_from_slice(blob);
            }
        }
        Ok(())
    }

    fn integer(&mut self, integer: i64, numbers: bool) -> Result<(), RowError> {
        if let Ok(small) = i32::try_from(integer) {
            self.cells.push(CellKind::SmallInteger as u8);
            self.cells.extend(small.to_le_bytes());
        } else if numbers && integer.unsigned_abs() > MAX_SAFE_INTEGER {
            return Err(RowError::UnsafeInteger);
        } else {
            self.cells.push(CellKind::Integer as u8);
            self.cells.extend(integer.to_le_bytes());
        }
        Ok(())
    }

    /// Appends the cell of a long value, which was sent in pieces.
    ///
    /// # Errors
    /// [`RowError::TooLarge`] if a JavaScript string cannot hold a text of this length.
    pub fn long_cell(&mut self, value: Value<'_>) -> Result<(), RowError> {
        if matches!(value, Value::Text(bytes) if bytes.len() > LONGEST_TEXT) {
            return Err(RowError::TooLarge);
        }
        self.cells.push(CellKind::Long as u8);
        Ok(())
    }

    /// The record of the rows. The chunk is empty then.
    fn take_record(&mut self, job: JobId) -> Vec<u8> {
        let mut record = std::mem::take(&mut self.cells);
        let cells = record.len() - BEFORE_CELLS;
        record.extend_from_slice(self.text.bytes());
        let length = record.len() - 4;
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            record[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        put(&length_of(length));
        put(&job.0.to_le_bytes());
        put(&[RecordKind::Rows as u8]);
        put(&self.shape.to_le_bytes());
        put(&self.rows.to_le_bytes());
        put(&length_of(cells));
        put(&[self.text.kind() as u8]);
        self.rows = 0;
        self.text.clear();
        self.is_first = false;
        record
    }
}

/// The records among these that say something to later calls, too: the shapes. A later call refers to them
/// by their numbers.
pub fn announcements(mut records: &[u8]) -> Vec<u8> {
    let mut kept = Vec::new();
    while let Some((length, rest)) = records.split_first_chunk() {
        let (record, after) = rest.split_at(rest.len().min(u32::from_le_bytes(*length) as usize));
        let kind = record.get(4).copied().and_then(RecordKind::from_u8);
        if matches!(kind, Some(RecordKind::Shape | RecordKind::Forget)) {
            kept.extend_from_slice(length);
            kept.extend_from_slice(record);
        }
        records = after;
    }
    kept
}

/// Appends a number in 4 bytes.
pub fn put_u32(bytes: &mut Vec<u8>, value: u32) {
    bytes.extend(value.to_le_bytes());
}

/// Appends a length. SQLite limits values to 1,000,000,000 bytes, so every length is far below 2^32.
fn put_len(bytes: &mut Vec<u8>, length: usize) {
    bytes.extend(length_of(length));
}

fn length_of(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}

/// Appends the length of a text, and the text.
pub fn put_str(bytes: &mut Vec<u8>, text: &str) {
    put_len(bytes, text.len());
    bytes.extend_from_slice(text.as_bytes());
}

/// Appends a number in 8 bytes.
pub fn put_f64(bytes: &mut Vec<u8>, number: f64) {
    bytes.extend(number.to_le_bytes());
}

#[cfg(test)]
pub mod tests;
