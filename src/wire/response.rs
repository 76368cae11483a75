//! Writing answers.

use std::time::Duration;

use rusqlite::types::ValueRef;

use super::CHUNK;
use super::error_text::bounded;
use crate::error::Error;

const SHAPE: u8 = 1;
const ROWS: u8 = 2;
const RESULT: u8 = 3;
const DONE: u8 = 4;
const ERROR: u8 = 5;
const FORGET: u8 = 6;
const STEP: u8 = 7;
const CLOSED: u8 = 8;
const SHUTDOWN_REQUEST: u8 = 9;
const SHUTDOWN_ACKNOWLEDGED: u8 = 10;

/// The largest integer that a JavaScript number holds exactly, 2^53 - 1.
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// The longest string that JavaScript engines make (V8: 2^29 - 24), for all texts of a row together.
const LONGEST_TEXT: usize = (1 << 29) - 24;

/// How many bytes of cells a row may have.
const MOST_CELLS: usize = 1 << 31;

/// What is known when a job ends, for the records `done` and `error`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The connection is in no transaction.
    pub autocommit: bool,
    /// The connection has TEMP tables or attached databases: the client keeps to it from now on.
    pub tied: bool,
    /// The connection is in a transaction that a statement of the client has begun.
    pub explicit: bool,
    /// Something that the job did is committed.
    pub committed: bool,
}

impl Outcome {
    fn flags(self) -> u8 {
        u8::from(self.autocommit)
            | u8::from(self.tied) << 1
            | u8::from(self.explicit) << 2
            | u8::from(self.committed) << 3
    }
}

/// The steps of a closing ("Closing, in order" in ARCHITECTURE.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// What was queued is let finish.
    Drain,
    /// The rest is rejected or interrupted.
    Cancel,
    /// The lanes' threads are joined.
    Join,
    /// The connections are closed.
    Close,
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::Drain => "drain",
            Self::Cancel => "cancel",
            Self::Join => "join",
            Self::Close => "close",
        }
    }
}

/// What a closing did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Closed {
    /// A `-wal` file is left, because the database is open elsewhere.
    pub wal_left: bool,
    /// How many connections were closed.
    pub connections: u32,
    /// How many jobs were cancelled.
    pub cancelled: u32,
}

/// What is known when a statement ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatementEnd {
    /// The shape of its rows, 0 without columns.
    pub shape: u32,
    /// Rows changed by INSERT, UPDATE or DELETE.
    pub rows_affected: u64,
    /// The rowid of the last inserted row, where a row was inserted.
    pub last_insert_rowid: Option<i64>,
}

/// Collects the records of one job.
#[derive(Debug)]
pub struct Records {
    job: u32,
    bytes: Vec<u8>,
}

/// The rows of one record while they are written.
#[derive(Debug)]
pub struct RowsChunk {
    shape: u32,
    rows: u32,
    cells: Vec<u8>,
    text: Vec<u8>,
    ascii: bool,
}

impl Records {
    /// For the job of this number.
    pub fn new(job: u32) -> Self {
        Self { job, bytes: Vec::new() }
    }

    /// Whether enough is there to be sent before the job ends.
    pub fn is_chunk(&self) -> bool {
        self.bytes.len() >= CHUNK
    }

    /// Takes what is there.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// The columns of all rows with this shape number.
    pub fn shape<'a>(&mut self, shape: u32, columns: impl Iterator<Item = (&'a str, &'a str)>) {
        self.record(SHAPE, |bytes| {
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

    /// A shape number that will not be used again.
    pub fn forget_shape(&mut self, shape: u32) {
        self.record(FORGET, |bytes| put_u32(bytes, shape));
    }

    /// Some rows. Empties the chunk.
    pub fn rows(&mut self, chunk: &mut RowsChunk) {
        if chunk.rows == 0 {
            return;
        }
        self.record(ROWS, |bytes| {
            bytes.reserve(chunk.cells.len() + chunk.text.len() + 13);
            put_u32(bytes, chunk.shape);
            put_u32(bytes, chunk.rows);
            put_len(bytes, chunk.cells.len());
            bytes.push(u8::from(chunk.ascii));
            bytes.extend_from_slice(&chunk.cells);
            bytes.extend_from_slice(&chunk.text);
        });
        chunk.clear();
    }

    /// The end of one statement.
    pub fn result(&mut self, end: StatementEnd) {
        self.record(RESULT, |bytes| {
            put_u32(bytes, end.shape);
            #[expect(clippy::cast_precision_loss, reason = "a JavaScript number counts the rows")]
            bytes.extend((end.rows_affected as f64).to_le_bytes());
            bytes.push(u8::from(end.last_insert_rowid.is_some()));
            bytes.extend(end.last_insert_rowid.unwrap_or(0).to_le_bytes());
        });
    }

    /// The end of the job, and what it left.
    pub fn done(&mut self, outcome: Outcome) {
        self.record(DONE, |bytes| bytes.push(outcome.flags()));
    }

    /// The end of one step of a closing.
    pub fn step(&mut self, step: Step, took: Duration) {
        self.record(STEP, |bytes| {
            put_str(bytes, step.name());
            bytes.extend((took.as_secs_f64() * 1e3).to_le_bytes());
        });
    }

    /// The end of a closing.
    pub fn closed(&mut self, closed: Closed) {
        self.record(CLOSED, |bytes| {
            bytes.push(u8::from(closed.wal_left));
            put_u32(bytes, closed.connections);
            put_u32(bytes, closed.cancelled);
        });
    }

    /// Another environment asks this one to shut its clients down.
    pub fn shutdown_request(&mut self, request: u32, drain: bool, limit: Duration) {
        self.record(SHUTDOWN_REQUEST, |bytes| {
            put_u32(bytes, request);
            bytes.push(u8::from(drain));
            bytes.extend((limit.as_secs_f64() * 1e3).to_le_bytes());
        });
    }

    /// The answer to such a request; without a report where the environment ended before it gave one.
    pub fn shutdown_acknowledged(&mut self, report: Option<&str>) {
        self.record(SHUTDOWN_ACKNOWLEDGED, |bytes| {
            bytes.push(u8::from(report.is_some()));
            put_str(bytes, report.unwrap_or_default());
        });
    }

    /// The end of a job that failed, at this statement of its batch if it is one.
    pub fn error(&mut self, outcome: Outcome, error: &Error, statement: Option<usize>) {
        let index = statement.and_then(|index| i32::try_from(index).ok()).unwrap_or(-1);
        self.record(ERROR, |bytes| {
            bytes.push(outcome.flags());
            bytes.push(error.class() as u8);
            bytes.extend(index.to_le_bytes());
            bytes.extend(error.raw_code().unwrap_or(0).to_le_bytes());
            put_str(bytes, &error.code());
            put_str(bytes, &error.extended_code().unwrap_or_default());
            put_str(bytes, &bounded(error));
        });
    }

    pub(super) fn record(&mut self, kind: u8, body: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        put_u32(&mut self.bytes, 0);
        put_u32(&mut self.bytes, self.job);
        self.bytes.push(kind);
        body(&mut self.bytes);
        let length = u32::try_from(self.bytes.len() - start - 4).unwrap_or(u32::MAX);
        self.bytes[start..start + 4].copy_from_slice(&length.to_le_bytes());
    }
}

impl RowsChunk {
    /// Rows of this shape.
    pub fn new(shape: u32) -> Self {
        Self { shape, rows: 0, cells: Vec::new(), text: Vec::new(), ascii: true }
    }

    /// Whether the record has reached its size.
    pub fn is_full(&self) -> bool {
        self.cells.len() + self.text.len() >= CHUNK
    }

    /// Ends a row whose cells were all put.
    ///
    /// # Errors
    /// Where JavaScript has no string, or no buffer, that could hold it.
    pub fn end_row(&mut self) -> Result<(), Error> {
        if self.text.len() > LONGEST_TEXT || self.cells.len() > MOST_CELLS {
            return Err(Error::RowTooLarge);
        }
        self.rows += 1;
        Ok(())
    }

    /// Puts one cell. With `numbers`, an integer beyond JavaScript's safe ones is an error.
    pub fn cell(&mut self, value: ValueRef<'_>, numbers: bool) -> Result<(), Error> {
        match value {
            ValueRef::Null => self.cells.push(0),
            ValueRef::Integer(integer) => self.integer(integer, numbers)?,
            ValueRef::Real(real) => {
                self.cells.push(3);
                self.cells.extend(real.to_le_bytes());
            }
            ValueRef::Text(bytes) => self.text(bytes),
            ValueRef::Blob(blob) => {
                self.cells.push(5);
                put_len(&mut self.cells, blob.len());
                self.cells.extend_from_slice(blob);
            }
        }
        Ok(())
    }

    fn integer(&mut self, integer: i64, numbers: bool) -> Result<(), Error> {
        if let Ok(small) = i32::try_from(integer) {
            self.cells.push(1);
            self.cells.extend(small.to_le_bytes());
        } else if numbers && integer.unsigned_abs() > MAX_SAFE_INTEGER {
            return Err(Error::UnsafeInteger);
        } else {
            self.cells.push(2);
            self.cells.extend(integer.to_le_bytes());
        }
        Ok(())
    }

    /// SQLite does not promise that TEXT is UTF-8: what is not becomes U+FFFD.
    fn text(&mut self, bytes: &[u8]) {
        self.cells.push(4);
        if bytes.is_ascii() {
            put_len(&mut self.cells, bytes.len());
            self.text.extend_from_slice(bytes);
            return;
        }
        self.ascii = false;
        let text = String::from_utf8_lossy(bytes);
        put_len(&mut self.cells, text.encode_utf16().count());
        self.text.extend_from_slice(text.as_bytes());
    }

    fn clear(&mut self) {
        self.rows = 0;
        self.cells.clear();
        self.text.clear();
        self.ascii = true;
    }
}

pub(super) fn put_u32(bytes: &mut Vec<u8>, value: u32) {
    bytes.extend(value.to_le_bytes());
}

/// SQLite's own limits (1,000,000,000 bytes for a value) keep every length far below 2^32.
fn put_len(bytes: &mut Vec<u8>, length: usize) {
    put_u32(bytes, u32::try_from(length).unwrap_or(u32::MAX));
}

pub(super) fn put_str(bytes: &mut Vec<u8>, text: &str) {
    put_len(bytes, text.len());
    bytes.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use proptest::prelude::*;
    use rusqlite::types::Value;

    /// A record as `lib/wire/response.ts` reads it: for the tests of everything before the wire.
    #[derive(Debug, PartialEq)]
    pub enum Read {
        Shape(u32, Vec<(String, String)>),
        Rows(u32, Vec<Vec<Value>>),
        Result(StatementEnd),
        Done { autocommit: bool, tied: bool, explicit: bool },
        Error { code: String, message: String, statement: i32, committed: bool },
        Forget(u32),
        Step(String),
        Closed(Closed),
        Acknowledged(Option<String>),
    }

    struct Reader<'a>(&'a [u8]);

    impl<'a> Reader<'a> {
        fn take(&mut self, count: usize) -> &'a [u8] {
            let (taken, rest) = self.0.split_at(count);
            self.0 = rest;
            taken
        }
        fn u8(&mut self) -> u8 {
            self.take(1)[0]
        }
        fn u32(&mut self) -> u32 {
            u32::from_le_bytes(self.take(4).try_into().unwrap())
        }
        fn i32(&mut self) -> i32 {
            i32::from_le_bytes(self.take(4).try_into().unwrap())
        }
        fn i64(&mut self) -> i64 {
            i64::from_le_bytes(self.take(8).try_into().unwrap())
        }
        fn f64(&mut self) -> f64 {
            f64::from_le_bytes(self.take(8).try_into().unwrap())
        }
        fn str(&mut self) -> String {
            let length = self.u32() as usize;
            String::from_utf8(self.take(length).to_vec()).unwrap()
        }
    }

    /// Reads all records; `columns` by shape number must have come before their rows.
    pub fn read(bytes: &[u8]) -> Vec<(u32, Read)> {
        let mut all = Reader(bytes);
        let mut columns = std::collections::HashMap::new();
        let mut records = Vec::new();
        while !all.0.is_empty() {
            let length = all.u32() as usize;
            let mut record = Reader(all.take(length));
            let job = record.u32();
            let read = match record.u8() {
                SHAPE => {
                    let shape = record.u32();
                    let count = record.u32();
                    let names: Vec<_> = (0..count).map(|_| (record.str(), record.str())).collect();
                    columns.insert(shape, names.len());
                    Read::Shape(shape, names)
                }
                ROWS => {
                    let shape = record.u32();
                    let count = record.u32();
                    let cells = record.u32() as usize;
                    let ascii = record.u8() == 1;
                    let mut cells = Reader(record.take(cells));
                    let text: Vec<u16> =
                        std::str::from_utf8(record.0).unwrap().encode_utf16().collect();
                    assert_eq!(ascii, record.0.is_ascii());
                    let mut at = 0;
                    let width = columns[&shape];
                    let rows = (0..count)
                        .map(|_| {
                            (0..width).map(|_| read_cell(&mut cells, &text, &mut at)).collect()
                        })
                        .collect();
                    assert!(cells.0.is_empty() && at == text.len());
                    Read::Rows(shape, rows)
                }
                RESULT => Read::Result(StatementEnd {
                    shape: record.u32(),
                    rows_affected: format!("{}", record.f64()).parse().unwrap(),
                    last_insert_rowid: (record.u8() == 1).then(|| record.i64()),
                }),
                DONE => {
                    let flags = record.u8();
                    Read::Done {
                        autocommit: flags & 1 != 0,
                        tied: flags & 2 != 0,
                        explicit: flags & 4 != 0,
                    }
                }
                ERROR => {
                    let flags = record.u8();
                    let _class = record.u8();
                    let statement = record.i32();
                    let _raw = record.i32();
                    let code = record.str();
                    let _extended = record.str();
                    let committed = flags & 8 != 0;
                    Read::Error { code, message: record.str(), statement, committed }
                }
                FORGET => Read::Forget(record.u32()),
                STEP => {
                    let name = record.str();
                    assert!(record.f64() >= 0.0);
                    Read::Step(name)
                }
                CLOSED => Read::Closed(Closed {
                    wal_left: record.u8() == 1,
                    connections: record.u32(),
                    cancelled: record.u32(),
                }),
                SHUTDOWN_ACKNOWLEDGED => {
                    let has_report = record.u8() == 1;
                    let report = record.str();
                    Read::Acknowledged(has_report.then_some(report))
                }
                other => panic!("unknown record {other}"),
            };
            records.push((job, read));
        }
        records
    }

    fn read_cell(cells: &mut Reader<'_>, text: &[u16], at: &mut usize) -> Value {
        match cells.u8() {
            0 => Value::Null,
            1 => Value::Integer(i64::from(cells.i32())),
            2 => Value::Integer(cells.i64()),
            3 => Value::Real(cells.f64()),
            4 => {
                let length = cells.u32() as usize;
                let value = String::from_utf16(&text[*at..*at + length]).unwrap();
                *at += length;
                Value::Text(value)
            }
            5 => {
                let length = cells.u32() as usize;
                Value::Blob(cells.take(length).to_vec())
            }
            other => panic!("unknown cell {other}"),
        }
    }

    fn any_cell() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::Integer),
            any::<i32>().prop_map(|integer| Value::Integer(i64::from(integer))),
            (-1e300..1e300).prop_map(Value::Real),
            ".{0,20}".prop_map(Value::Text),
            proptest::collection::vec(any::<u8>(), 0..20).prop_map(Value::Blob),
        ]
    }

    proptest! {
        #[test]
        fn rows_come_back_as_they_were(rows in proptest::collection::vec(proptest::collection::vec(any_cell(), 3), 1..20)) {
            let mut records = Records::new(7);
            records.shape(1, [("a", ""), ("b", "TEXT"), ("ü", "")].into_iter());
            let mut chunk = RowsChunk::new(1);
            for row in &rows {
                for value in row {
                    chunk.cell(ValueRef::from(value), false).unwrap();
                }
                chunk.end_row().unwrap();
            }
            records.rows(&mut chunk);
            let read = read(&records.take());
            prop_assert_eq!(read.len(), 2);
            prop_assert_eq!(&read[1], &(7, Read::Rows(1, rows)));
        }

        #[test]
        fn any_bytes_as_text_become_valid_text(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut records = Records::new(1);
            records.shape(1, [("a", "")].into_iter());
            let mut chunk = RowsChunk::new(1);
            chunk.cell(ValueRef::Text(&bytes), false).unwrap();
            chunk.end_row().unwrap();
            records.rows(&mut chunk);
            let expected = String::from_utf8_lossy(&bytes).into_owned();
            prop_assert_eq!(&read(&records.take())[1].1, &Read::Rows(1, vec![vec![Value::Text(expected)]]));
        }
    }

    #[test]
    fn integers_beyond_the_safe_ones_are_refused_only_where_numbers_are_wanted() {
        let mut chunk = RowsChunk::new(1);
        for safe in [i64::from(i32::MAX), 9_007_199_254_740_991, -9_007_199_254_740_991] {
            assert!(chunk.cell(ValueRef::Integer(safe), true).is_ok());
        }
        for unsafe_integer in [9_007_199_254_740_992, i64::MIN, i64::MAX] {
            assert!(chunk.cell(ValueRef::Integer(unsafe_integer), true).is_err());
            assert!(chunk.cell(ValueRef::Integer(unsafe_integer), false).is_ok());
        }
    }

    #[test]
    fn an_error_is_sent_with_no_more_text_than_javascript_can_read() {
        let mut records = Records::new(3);
        let error = Error::Sqlite { code: 1, message: "x".repeat(1 << 20) };
        records.error(Outcome::default(), &error, None);
        assert!(records.take().len() < 1 << 17);
    }

    #[test]
    fn an_error_carries_its_codes_and_its_place_in_the_batch() {
        let mut records = Records::new(3);
        let error = Error::Sqlite { code: 2067, message: "UNIQUE constraint failed: t.a".into() };
        let outcome = Outcome { committed: true, ..Outcome::default() };
        records.error(outcome, &error, Some(4));
        assert_eq!(
            read(&records.take()),
            [(
                3,
                Read::Error {
                    code: "SQLITE_CONSTRAINT".into(),
                    message: "UNIQUE constraint failed: t.a".into(),
                    statement: 4,
                    committed: true
                }
            )]
        );
    }
}
