use super::*;
use crate::value::OwnedValue;
use crate::wire::kinds::PieceKind;
use proptest::prelude::*;

/// A record, as `lib/local/wire/response.ts` reads it, for the tests of modules that write answers.
#[derive(Debug, PartialEq)]
pub enum Read {
    Shape(u32, Vec<(String, String)>),
    Rows(u32, Vec<Vec<OwnedValue>>),
    Result(StatementEnd),
    Done { autocommit: bool, pinned: bool, explicit: bool },
    Error { code: String, message: String, statement: i32, committed: bool },
    Forget(u32),
    Step(ClosingStep),
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

/// Reads all records. The `shape` record of rows must come before them.
pub fn read(bytes: &[u8]) -> Vec<(u32, Read)> {
    let mut all = Reader(bytes);
    let mut columns = std::collections::HashMap::new();
    let (mut blob, mut long_text) = (Vec::new(), Vec::new());
    let mut long = std::collections::VecDeque::new();
    let mut records = Vec::new();
    while !all.0.is_empty() {
        let length = all.u32() as usize;
        let mut record = Reader(all.take(length));
        let job = record.u32();
        let read = match RecordKind::from_u8(record.u8()).unwrap() {
            RecordKind::Shape => {
                let shape = record.u32();
                let count = record.u32();
                let names: Vec<_> = (0..count).map(|_| (record.str(), record.str())).collect();
                columns.insert(shape, names.len());
                Read::Shape(shape, names)
            }
            RecordKind::Rows => {
                let shape = record.u32();
                let count = record.u32();
                let cells = record.u32() as usize;
                let kind = record.u8();
                let mut cells = Reader(record.take(cells));
                let text = crate::wire::text::tests::decode(kind, record.0);
                let mut at = 0;
                let width = columns[&shape];
                let rows = (0..count)
                    .map(|_| {
                        let mut cell = || match cells.0[0] {
                            6 => {
                                cells.u8();
                                long.pop_front().unwrap()
                            }
                            _ => read_cell(&mut cells, &text, &mut at),
                        };
                        (0..width).map(|_| cell()).collect()
                    })
                    .collect();
                assert!(cells.0.is_empty() && at == text.len());
                Read::Rows(shape, rows)
            }
            RecordKind::Result => Read::Result(StatementEnd {
                shape: record.u32(),
                rows_affected: format!("{}", record.f64()).parse().unwrap(),
                last_insert_rowid: (record.u8() == 1).then(|| record.i64()),
            }),
            RecordKind::Done => {
                let flags = record.u8();
                Read::Done {
                    autocommit: flags & 1 != 0,
                    pinned: flags & 2 != 0,
                    explicit: flags & 4 != 0,
                }
            }
            RecordKind::Error => {
                let flags = record.u8();
                let _class = record.u8();
                let statement = record.i32();
                let _raw = record.i32();
                let code = record.str();
                let _extended = record.str();
                let committed = flags & 8 != 0;
                Read::Error { code, message: record.str(), statement, committed }
            }
            RecordKind::Forget => Read::Forget(record.u32()),
            RecordKind::Step => {
                let step = ClosingStep::from_u8(record.u8()).unwrap();
                assert!(record.f64() >= 0.0);
                Read::Step(step)
            }
            RecordKind::Closed => Read::Closed(Closed {
                wal_left: record.u8() == 1,
                connections: record.u32(),
                cancelled: record.u32(),
            }),
            RecordKind::ShutdownAcknowledged => {
                let has_report = record.u8() == 1;
                let report = record.str();
                Read::Acknowledged(has_report.then_some(report))
            }
            RecordKind::Piece => {
                let kind = PieceKind::from_u8(record.u8()).unwrap();
                let is_last = record.u8() == 1;
                let total = record.u32() as usize;
                match kind {
                    PieceKind::Blob => blob.extend_from_slice(record.0),
                    kind => {
                        long_text.extend(crate::wire::text::tests::decode(kind as u8, record.0));
                    }
                }
                if is_last && kind == PieceKind::Blob {
                    assert_eq!(blob.len(), total);
                    long.push_back(OwnedValue::Blob(std::mem::take(&mut blob)));
                } else if is_last {
                    let text = String::from_utf16(&std::mem::take(&mut long_text)).unwrap();
                    long.push_back(OwnedValue::Text(text));
                }
                continue;
            }
            other => panic!("a record of another test: {other:?}"),
        };
        records.push((job, read));
    }
    records
}

fn read_cell(cells: &mut Reader<'_>, text: &[u16], at: &mut usize) -> OwnedValue {
    match cells.u8() {
        0 => OwnedValue::Null,
        1 => OwnedValue::Integer(i64::from(cells.i32())),
        2 => OwnedValue::Integer(cells.i64()),
        3 => OwnedValue::Real(cells.f64()),
        4 => {
            let length = cells.u32() as usize;
            let value = String::from_utf16(&text[*at..*at + length]).unwrap();
            *at += length;
            OwnedValue::Text(value)
        }
        5 => {
            let length = cells.u32() as usize;
            OwnedValue::Blob(cells.take(length).to_vec())
        }
        other => panic!("unknown cell {other}"),
    }
}

fn any_cell() -> impl Strategy<Value = OwnedValue> {
    prop_oneof![
        Just(OwnedValue::Null),
        any::<i64>().prop_map(OwnedValue::Integer),
        any::<i32>().prop_map(|integer| OwnedValue::Integer(i64::from(integer))),
        (-1e300..1e300).prop_map(OwnedValue::Real),
        ".{0,20}".prop_map(OwnedValue::Text),
        proptest::collection::vec(any::<u8>(), 0..20).prop_map(OwnedValue::Blob),
    ]
}

proptest! {
    #[test]
    fn rows_come_back_as_they_were(rows in proptest::collection::vec(proptest::collection::vec(any_cell(), 3), 1..20)) {
        let mut records = Records::new(JobId(7));
        records.shape(1, [("a", ""), ("b", "TEXT"), ("ü", "")].into_iter());
        let mut chunk = RowsChunk::new(1);
        for row in &rows {
            chunk.begin_row(1);
            for value in row {
                chunk.cell(value.borrow(), false).unwrap();
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
        let mut records = Records::new(JobId(1));
        records.shape(1, [("a", "")].into_iter());
        let mut chunk = RowsChunk::new(1);
        chunk.begin_row(1);
        chunk.cell(Value::Text(&bytes), false).unwrap();
        chunk.end_row().unwrap();
        records.rows(&mut chunk);
        let expected = String::from_utf8_lossy(&bytes).into_owned();
        prop_assert_eq!(&read(&records.take())[1].1, &Read::Rows(1, vec![vec![OwnedValue::Text(expected)]]));
    }
}

#[test]
fn unsafe_integers_are_refused_only_with_numbers() {
    let mut chunk = RowsChunk::new(1);
    for safe in [i64::from(i32::MAX), 9_007_199_254_740_991, -9_007_199_254_740_991] {
        assert!(chunk.cell(Value::Integer(safe), true).is_ok());
    }
    for unsafe_integer in [9_007_199_254_740_992, i64::MIN, i64::MAX] {
        assert!(chunk.cell(Value::Integer(unsafe_integer), true).is_err());
        assert!(chunk.cell(Value::Integer(unsafe_integer), false).is_ok());
    }
}

fn constraint(text: &dyn Display) -> ErrorRecord<'_> {
    ErrorRecord {
        class: ErrorKind::Libsql,
        code: "SQLITE_CONSTRAINT".to_owned(),
        extended_code: Some("SQLITE_CONSTRAINT_UNIQUE".to_owned()),
        raw_code: Some(2067),
        text,
        place: None,
    }
}

#[test]
fn a_long_error_text_is_cut() {
    let mut records = Records::new(JobId(3));
    let text = "x".repeat(1 << 20);
    records.error(Outcome::default(), constraint(&text), None);
    assert!(records.take().len() < 1 << 17);
}

#[test]
fn an_error_has_its_codes_and_the_index_of_its_statement() {
    let mut records = Records::new(JobId(3));
    let outcome = Outcome { committed: true, ..Outcome::default() };
    records.error(outcome, constraint(&"UNIQUE constraint failed: t.a"), Some(4));
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
