//! The functions that libSQL has beside those of SQLite, which every connection has (docs/functions.md). The flags
//! are libSQL's: an index or a generated column of either can be read by the other.

mod call;
mod generate_series;

use std::ffi::c_int;

use rusqlite::{Connection, Result, ffi};

use self::call::{Aggregate, Answer, Argument, Context, Failure, Rows, Scalar, Value};
use crate::functions::text::{self, Side};
use crate::functions::{Automaton, Moments, Number, Quartile, Values, compile, math, sha3, uuid};

/// For a function that has the same result for the same arguments, and no effect. SQLite lets it stand in indexes.
const PURE: c_int = ffi::SQLITE_DETERMINISTIC | ffi::SQLITE_INNOCUOUS;

/// Without the flags, as in libSQL.
const PLAIN: c_int = 0;

type Run = fn(&Context<'_>, &mut [Argument<'_>]) -> Answer;

const fn scalar(name: &'static std::ffi::CStr, arguments: c_int, flags: c_int, run: Run) -> Scalar {
    Scalar { name, arguments, flags, run }
}

static SCALARS: [Scalar; 29] = [
    // SQLite's log(x) is another function. Because this one is not said to be pure, SQLite refuses to read an index on
    // the other as one on this (docs/decisions/0031-functions-of-libsql.md).
    scalar(c"log", 1, PLAIN, |_, arguments| {
        real(arguments, |it| math::log(it).map_err(|error| text_of(&error)))
    }),
    scalar(c"ceil", 1, PURE, |_, arguments| number_alone(arguments, math::ceiling)),
    scalar(c"ceiling", 1, PURE, |_, arguments| number_alone(arguments, math::ceiling)),
    scalar(c"floor", 1, PURE, |_, arguments| number_alone(arguments, math::floor)),
    scalar(c"square", 1, PLAIN, |_, arguments| square(arguments)),
    scalar(c"cot", 1, PLAIN, |_, arguments| real(arguments, |it| Ok(math::cotangent(it)))),
    scalar(c"coth", 1, PLAIN, |_, arguments| {
        real(arguments, |it| Ok(math::hyperbolic_cotangent(it)))
    }),
    scalar(c"atn2", 2, PLAIN, |_, arguments| arc_tangent(arguments)),
    scalar(c"reverse", 1, PLAIN, |_, arguments| of_text(arguments, text::reverse)),
    scalar(c"proper", 1, PLAIN, |_, arguments| of_text(arguments, text::proper)),
    scalar(c"replicate", 2, PLAIN, replicate),
    scalar(c"padl", 2, PLAIN, |context, arguments| pad(context, arguments, Side::Left)),
    scalar(c"padr", 2, PLAIN, |context, arguments| pad(context, arguments, Side::Right)),
    scalar(c"padc", 2, PLAIN, |context, arguments| pad(context, arguments, Side::Both)),
    scalar(c"strfilter", 2, PLAIN, |_, arguments| {
        of_texts(arguments, |text, kept| Value::Text(text::filter(text, kept)))
    }),
    scalar(c"difference", 2, PLAIN, |_, arguments| {
        of_texts(arguments, |one, other| Value::Integer(text::common_sounds(one, other)))
    }),
    scalar(c"charindex", 2, PLAIN, |_, arguments| char_index(arguments)),
    scalar(c"charindex", 3, PLAIN, |_, arguments| char_index(arguments)),
    scalar(c"leftstr", 2, PLAIN, |_, arguments| part(arguments, text::left)),
    scalar(c"rightstr", 2, PLAIN, |_, arguments| part(arguments, text::right)),
    scalar(c"regexp", 2, PURE, |context, arguments| regexp(context, arguments, false)),
    scalar(c"regexpi", 2, PURE, |context, arguments| regexp(context, arguments, true)),
    scalar(c"sha3", 1, PURE, hash),
    scalar(c"sha3", 2, PURE, hash),
    scalar(c"uuid", 0, ffi::SQLITE_INNOCUOUS, |_, _| Ok(Value::Text(uuid::format(random_uuid())))),
    scalar(c"uuid_str", 1, PURE, |_, arguments| {
        Ok(parsed_uuid(arguments).map_or(Value::Null, |uuid| Value::Text(uuid::format(uuid))))
    }),
    scalar(c"uuid_blob", 1, PURE, |_, arguments| {
        Ok(parsed_uuid(arguments).map_or(Value::Null, |uuid| Value::Blob(uuid.to_vec())))
    }),
    scalar(c"lsmode", 1, PLAIN, |_, arguments| {
        Ok(Value::Text(text::mode(arguments.first().map_or(0, Argument::integer))))
    }),
    scalar(c"last_rows_affected", 0, PLAIN, |context, _| Ok(Value::Integer(context.changes()))),
];

static AGGREGATES: [Aggregate; 6] = [
    Aggregate { name: c"variance", begin: || Box::new(Variance(Moments::default(), |it| it)) },
    Aggregate { name: c"stdev", begin: || Box::new(Variance(Moments::default(), f64::sqrt)) },
    Aggregate { name: c"mode", begin: || Box::new(Sorted(Values::default(), None)) },
    Aggregate { name: c"median", begin: || quantile(Quartile::Median) },
    Aggregate { name: c"lower_quartile", begin: || quantile(Quartile::Lower) },
    Aggregate { name: c"upper_quartile", begin: || quantile(Quartile::Upper) },
];

/// Puts the functions on a connection.
///
/// # Errors
/// SQLite's error, for lack of memory.
pub fn register(connection: &Connection) -> Result<()> {
    call::register(connection, &SCALARS, &AGGREGATES)?;
    generate_series::register(connection)
}

fn text_of(error: &(impl ToString + ?Sized)) -> Failure {
    Failure::Text(error.to_string())
}

fn real(arguments: &[Argument<'_>], run: impl FnOnce(f64) -> Result<f64, Failure>) -> Answer {
    match arguments {
        [argument] if !argument.is_null() => run(argument.real()).map(Value::Real),
        _ => Ok(Value::Null),
    }
}

fn number_alone(arguments: &mut [Argument<'_>], run: fn(Number) -> Number) -> Answer {
    let number = arguments.first_mut().and_then(Argument::number_alone);
    Ok(number.map_or(Value::Null, |number| run(number).into()))
}

/// A text is a real number here, also where it looks like an integer.
fn square(arguments: &[Argument<'_>]) -> Answer {
    let [argument] = arguments else { return Ok(Value::Null) };
    Ok(match argument.is_integer() {
        true => math::square(Number::Integer(argument.integer())).into(),
        false if argument.is_null() => Value::Null,
        false => math::square(Number::Real(argument.real())).into(),
    })
}

fn arc_tangent(arguments: &[Argument<'_>]) -> Answer {
    match arguments {
        [y, x] if !y.is_null() && !x.is_null() => Ok(Value::Real(y.real().atan2(x.real()))),
        _ => Ok(Value::Null),
    }
}

fn of_text(arguments: &mut [Argument<'_>], run: fn(&str) -> String) -> Answer {
    let text = arguments.first_mut().and_then(Argument::text);
    Ok(text.map_or(Value::Null, |text| Value::Text(run(&text))))
}

fn of_texts(arguments: &mut [Argument<'_>], run: fn(&str, &str) -> Value) -> Answer {
    let [one, other] = arguments else { return Ok(Value::Null) };
    match (one.text(), other.text()) {
        (Some(one), Some(other)) => Ok(run(&one, &other)),
        _ => Ok(Value::Null),
    }
}

/// The count of an argument that must not be negative.
fn domain(argument: &Argument<'_>) -> Result<usize, Failure> {
    usize::try_from(argument.integer()).map_err(|_| text_of("domain error"))
}

fn replicate(context: &Context<'_>, arguments: &mut [Argument<'_>]) -> Answer {
    let [text, times] = arguments else { return Ok(Value::Null) };
    let Some(text) = text.text() else { return Ok(Value::Null) };
    let times = domain(times)?;
    match text.len().checked_mul(times) {
        Some(length) if length <= context.longest() => Ok(Value::Text(text.repeat(times))),
        _ => Err(Failure::TooBig),
    }
}

fn pad(context: &Context<'_>, arguments: &mut [Argument<'_>], side: Side) -> Answer {
    let [text, length] = arguments else { return Ok(Value::Null) };
    let Some(text) = text.text() else { return Ok(Value::Null) };
    let (left, right) = text::padding(&text, domain(length)?, side);
    match left.checked_add(right).and_then(|spaces| spaces.checked_add(text.len())) {
        Some(length) if length <= context.longest() => {
            Ok(Value::Text([&" ".repeat(left), &*text, &" ".repeat(right)].concat()))
        }
        _ => Err(Failure::TooBig),
    }
}

fn char_index(arguments: &mut [Argument<'_>]) -> Answer {
    let [searched, text, rest @ ..] = arguments else { return Ok(Value::Null) };
    let from = rest.first().map_or(0, Argument::count);
    let (Some(searched), Some(text)) = (searched.text(), text.text()) else {
        return Ok(Value::Null);
    };
    let place = text::place_of(&searched, &text, from);
    Ok(Value::Integer(i64::try_from(place).unwrap_or(i64::MAX)))
}

fn part(arguments: &mut [Argument<'_>], part: fn(&str, usize) -> &str) -> Answer {
    let [text, count] = arguments else { return Ok(Value::Null) };
    match text.text() {
        Some(text) if !count.is_null() => Ok(Value::Text(part(&text, count.count()).to_owned())),
        _ => Ok(Value::Null),
    }
}

fn regexp(context: &Context<'_>, arguments: &mut [Argument<'_>], ignores_case: bool) -> Answer {
    let [pattern, text] = arguments else { return Ok(Value::Null) };
    if pattern.is_null() {
        return Ok(Value::Null);
    }
    let make = || {
        compile(pattern.bytes().unwrap_or_default(), ignores_case).map_err(|error| text_of(&error))
    };
    let stop = || context.is_interrupted();
    let matches = |automaton: &Automaton| text.bytes().map(|text| automaton.is_match(text, &stop));
    match context.with_kept(0, make, matches)? {
        None => Ok(Value::Null),
        Some(None) => Err(Failure::Interrupted),
        Some(Some(is_match)) => Ok(Value::Integer(is_match.into())),
    }
}

fn hash(context: &Context<'_>, arguments: &mut [Argument<'_>]) -> Answer {
    let [data, rest @ ..] = arguments else { return Ok(Value::Null) };
    let bits = match rest.first() {
        None => 256,
        Some(bits) => match bits.count() {
            bits @ (224 | 256 | 384 | 512) => bits,
            _ => return Err(text_of("SHA3 size should be one of: 224 256 384 512")),
        },
    };
    let Some(data) = data.bytes() else { return Ok(Value::Null) };
    let hash = sha3(data, bits, &|| context.is_interrupted());
    hash.map(Value::Blob).ok_or(Failure::Interrupted)
}

fn random_uuid() -> uuid::Uuid {
    let mut bytes = uuid::Uuid::default();
    // SAFETY: the buffer has 16 bytes. SQLite's source of random numbers has a mutex of its own.
    unsafe { ffi::sqlite3_randomness(16, bytes.as_mut_ptr().cast()) };
    uuid::of_random(bytes)
}

fn parsed_uuid(arguments: &mut [Argument<'_>]) -> Option<uuid::Uuid> {
    let argument = arguments.first_mut()?;
    match (argument.is_text(), argument.is_blob()) {
        (true, _) => uuid::parse(argument.bytes()?),
        (_, true) => argument.bytes()?.try_into().ok(),
        _ => None,
    }
}

/// The rows of `variance` and `stdev`.
struct Variance(Moments, fn(f64) -> f64);

impl Rows for Variance {
    fn add(&mut self, argument: &mut Argument<'_>) {
        if let Some(number) = argument.number() {
            self.0.add(number.real());
        }
    }

    fn end(&self, _: &Context<'_>) -> Answer {
        Ok(Value::Real(self.1(self.0.variance())))
    }
}

fn quantile(quartile: Quartile) -> Box<dyn Rows> {
    Box::new(Sorted(Values::default(), Some(quartile)))
}

/// The rows of a quantile, or of the mode.
struct Sorted(Values, Option<Quartile>);

impl Rows for Sorted {
    fn add(&mut self, argument: &mut Argument<'_>) {
        if let Some(number) = argument.number() {
            self.0.add(number);
        }
    }

    fn end(&self, context: &Context<'_>) -> Answer {
        let stop = || context.is_interrupted();
        let found = match self.1 {
            Some(quartile) => self.0.quantile(quartile, &stop)?,
            None => self.0.mode(&stop)?,
        };
        Ok(found.map_or(Value::Null, Value::from))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::sqlite::authorizer;
    use crate::sqlite::classify::Recorder;

    fn connection() -> (Connection, Arc<Recorder>) {
        let connection = Connection::open_in_memory().unwrap();
        register(&connection).unwrap();
        let recorder = Arc::<Recorder>::default();
        authorizer::install(&connection, Arc::clone(&recorder)).unwrap();
        (connection, recorder)
    }

    #[test]
    fn a_function_that_asks_the_connection_is_known_as_one() {
        let (connection, recorder) = connection();
        for (sql, asks) in [("select last_rows_affected()", true), ("select uuid()", false)] {
            recorder.clear();
            connection.prepare(sql).unwrap();
            assert_eq!(recorder.kind().asks_connection, asks, "{sql}");
        }
    }

    #[test]
    fn an_aggregate_that_fails_or_sees_no_row_is_ended() {
        let (connection, _) = connection();
        let failing =
            "select median(value / (1 - json(value = 3))) + abs(-9223372036854775807 - value)
            from generate_series(1, 5)";
        assert!(connection.query_row(failing, [], |_| Ok(())).is_err());
        let none = "select median(value), stdev(value) from generate_series(1, 0)";
        let row = connection.query_row(none, [], |row| Ok((row.get(0)?, row.get(1)?)));
        assert_eq!(row, Ok((None::<f64>, 0.0)));
    }
}
