use super::*;
use crate::value::OwnedValue;
use proptest::prelude::*;

/// Writes requests, as `lib/local/wire/request.ts` does, for the tests of modules that read requests.
#[derive(Default)]
pub struct Writer(pub Vec<u8>);

impl Writer {
    fn u8(mut self, value: u8) -> Self {
        self.0.push(value);
        self
    }
    fn u32(mut self, value: usize) -> Self {
        self.0.extend(u32::try_from(value).unwrap().to_le_bytes());
        self
    }
    fn blob(self, bytes: &[u8]) -> Self {
        let mut written = self.u32(bytes.len());
        written.0.extend(bytes);
        written
    }
    fn value(self, value: &OwnedValue) -> Self {
        let mut this = self;
        match value {
            OwnedValue::Null => this.u8(0),
            OwnedValue::Integer(integer) => {
                this = this.u8(1);
                this.0.extend(integer.to_le_bytes());
                this
            }
            OwnedValue::Real(real) => {
                this = this.u8(2);
                this.0.extend(real.to_le_bytes());
                this
            }
            OwnedValue::Text(text) => this.u8(3).blob(text.as_bytes()),
            OwnedValue::Blob(blob) => this.u8(4).blob(blob),
        }
    }
    fn statement(self, sql: &str, arguments: &[(Option<&str>, OwnedValue)]) -> Self {
        let named = arguments.first().is_some_and(|(name, _)| name.is_some());
        let mut body = Self::default().u8(u8::from(named)).u32(arguments.len());
        for (name, value) in arguments {
            if let Some(name) = name {
                body = body.blob(name.as_bytes());
            }
            body = body.value(value);
        }
        self.u32(0).blob(sql.as_bytes()).blob(&body.0)
    }
}

pub fn execute(sql: &str, arguments: &[OwnedValue]) -> Vec<u8> {
    let arguments: Vec<_> = arguments.iter().map(|value| (None, value.clone())).collect();
    Writer::default().u8(1).statement(sql, &arguments).0
}

pub fn execute_named(sql: &str, arguments: &[(&str, OwnedValue)]) -> Vec<u8> {
    let arguments: Vec<_> =
        arguments.iter().map(|(name, value)| (Some(*name), value.clone())).collect();
    Writer::default().u8(1).statement(sql, &arguments).0
}

pub fn batch(mode: u8, statements: &[&str]) -> Vec<u8> {
    let mut writer = Writer::default().u8(2).u8(mode).u8(0).u32(statements.len());
    for sql in statements {
        writer = writer.statement(sql, &[]);
    }
    writer.0
}

pub fn script(sql: &str) -> Vec<u8> {
    Writer::default().u8(3).blob(sql.as_bytes()).0
}

pub fn begin(mode: u8) -> Vec<u8> {
    Writer::default().u8(4).u8(mode).0
}

pub const COMMIT: &[u8] = &[5];

fn any_value() -> impl Strategy<Value = OwnedValue> {
    prop_oneof![
        Just(OwnedValue::Null),
        any::<i64>().prop_map(OwnedValue::Integer),
        any::<f64>().prop_map(OwnedValue::Real),
        ".{0,40}".prop_map(OwnedValue::Text),
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(OwnedValue::Blob),
    ]
}

fn text_of(argument: &Argument<'_>) -> String {
    let of = |value: &Value<'_>| format!("{:?}", OwnedValue::from(*value));
    match argument {
        Argument::Value(value) => of(value),
        Argument::List(values) => format!("{:?}", values.iter().map(of).collect::<Vec<_>>()),
    }
}

/// A statement with one list as its argument.
pub fn execute_list(sql: &str, values: &[OwnedValue]) -> Vec<u8> {
    let mut body = Writer::default().u8(0).u32(1).u8(5).u32(values.len());
    for value in values {
        body = body.value(value);
    }
    Writer::default().u8(1).u32(0).blob(sql.as_bytes()).blob(&body.0).0
}

#[test]
fn a_list_is_read_and_one_within_a_list_is_refused() {
    let values = [OwnedValue::Integer(i64::MAX), OwnedValue::Null];
    let bytes = execute_list("select 1", &values);
    let Request::Execute(statement) = Request::read(&bytes).unwrap() else { panic!() };
    let Arguments::Positional(read) = statement.arguments().unwrap() else { panic!() };
    assert_eq!(text_of(&read[0]), r#"["Integer(9223372036854775807)", "Null"]"#);
    let nested = Writer::default().u8(0).u32(1).u8(5).u32(1).u8(5).u32(0);
    let bytes = Writer::default().u8(1).u32(0).blob(b"select 1").blob(&nested.0).0;
    let Request::Execute(statement) = Request::read(&bytes).unwrap() else { panic!() };
    assert!(statement.arguments().is_err());
}

#[test]
fn a_statement_says_whether_its_first_row_is_enough() {
    for (flags, expected) in [(0, false), (1, false), (2, true), (3, true)] {
        let body = Writer::default().u8(flags).u32(0);
        let bytes = Writer::default().u8(1).u32(0).blob(b"select 1").blob(&body.0).0;
        let Request::Execute(statement) = Request::read(&bytes).unwrap() else { panic!() };
        assert_eq!(statement.options().unwrap().first_row, expected);
        assert_eq!(matches!(statement.arguments().unwrap(), Arguments::Named(_)), flags & 1 == 1);
    }
}

#[test]
fn a_statement_says_how_it_runs() {
    let read = |options: Writer| {
        let bytes = Writer::default().u8(1).u32(0).blob(b"select 1").blob(&options.0).0;
        let Request::Execute(statement) = Request::read(&bytes).unwrap() else { panic!() };
        assert!(matches!(statement.arguments().unwrap(), Arguments::Positional(_)));
        statement.options().unwrap()
    };
    let none = StatementOptions::default();
    assert_eq!(read(Writer::default().u8(0).u32(0)), none);
    let all = StatementOptions {
        first_row: true,
        read_only: true,
        strict: Some(true),
        numbers: Some(true),
        tables: true,
        time_limit: Some(Duration::from_millis(70)),
    };
    assert_eq!(read(Writer::default().u8(6).u8(1 | 2 | 8 | 32 | 64).u32(70).u32(0)), all);
    let otherwise = StatementOptions {
        strict: Some(false),
        numbers: Some(false),
        ..StatementOptions::default()
    };
    assert_eq!(read(Writer::default().u8(4).u8(4 | 16).u32(0)), otherwise);
}

proptest! {
    #[test]
    fn arguments_are_read_as_they_were_written(sql in ".{0,60}", values in proptest::collection::vec(any_value(), 0..8)) {
        let bytes = execute(&sql, &values);
        let Request::Execute(statement) = Request::read(&bytes).unwrap() else { panic!() };
        prop_assert_eq!(statement.sql, Sql::Text(&sql));
        let Arguments::Positional(read) = statement.arguments().unwrap() else { panic!() };
        // The values are compared as texts, because NaN is not equal to itself.
        let read: Vec<_> = read.iter().map(text_of).collect();
        let sent: Vec<_> = values.iter().map(|value| format!("{value:?}")).collect();
        prop_assert_eq!(read, sent);
    }

    #[test]
    fn named_arguments_are_read_as_they_were_written(name in "[a-z_]{1,10}", value in any_value()) {
        let bytes = execute_named("select :a", &[(&name, value.clone())]);
        let Request::Execute(statement) = Request::read(&bytes).unwrap() else { panic!() };
        let Arguments::Named(read) = statement.arguments().unwrap() else { panic!() };
        prop_assert_eq!(read[0].0, name.as_str());
        prop_assert_eq!(format!("{:?}", OwnedValue::from(read[0].1)), format!("{value:?}"));
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(Request::Execute(statement)) = Request::read(&bytes) {
            let _ = statement.arguments();
        }
    }

    #[test]
    fn a_cut_request_is_an_error(sql in ".{1,20}", cut in 1usize..20) {
        let bytes = execute(&sql, &[OwnedValue::Integer(1)]);
        let cut = cut.min(bytes.len());
        prop_assert!(Request::read(&bytes[..bytes.len() - cut]).is_err());
    }
}

#[test]
fn the_statements_of_a_batch_are_read_without_their_arguments() {
    let bytes = batch(1, &["select 1", "select 2"]);
    let Request::Batch { mode, statements, foreign_keys_off } = Request::read(&bytes).unwrap()
    else {
        panic!()
    };
    assert_eq!((mode, foreign_keys_off), (Mode::Write, false));
    assert_eq!(statements[1].sql, Sql::Text("select 2"));
}

#[test]
fn a_count_beyond_the_bytes_reserves_no_memory() {
    let bytes = Writer::default().u8(2).u8(0).u8(0).u32(u32::MAX as usize).0;
    assert!(Request::read(&bytes).is_err());
}
