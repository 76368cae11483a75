//! `generate_series(start, stop, step)`, a table-valued function (<https://sqlite.org/series.html>).
//!
//! It makes one number at a time. Conditions on `value` narrow the series, and SQLite checks them again.

use std::borrow::Cow;
use std::ffi::{CStr, c_int};

use rusqlite::types::ValueRef;
use rusqlite::vtab::{
    Context, Filters, IndexConstraintOp, IndexInfo, Module, VTab, VTabConfig, VTabConnection,
    VTabCursor,
};
use rusqlite::{Connection, Error, Result, ffi};

use crate::functions::Series;

const NAME: &CStr = c"generate_series";

const SCHEMA: &CStr = c"CREATE TABLE x(value, start HIDDEN, stop HIDDEN, step HIDDEN)";

const VALUE: c_int = 0;
const START: c_int = 1;
const STOP: c_int = 2;
const STEP: c_int = 3;

/// The end of a series without one.
const LAST: i64 = 0xffff_ffff;

/// What a number of a plan says: which arguments there are, in this order, and the order of the rows.
const HAS_START: c_int = 1;
const HAS_STOP: c_int = 2;
const HAS_STEP: c_int = 4;
const HAS_LEAST: c_int = 8;
const HAS_MOST: c_int = 16;
const HAS_VALUE: c_int = 32;
const ASCENDING: c_int = 64;
const DESCENDING: c_int = 128;

/// Puts the function on a connection.
///
/// # Errors
/// SQLite's error, for lack of memory.
pub fn register(connection: &Connection) -> Result<()> {
    const MODULE: Module<'_, Numbers> = Module::eponymous_only_module();
    connection.create_module(NAME, &MODULE, None)
}

/// The table of a connection.
#[repr(C)]
struct Numbers {
    base: ffi::sqlite3_vtab,
}

// SAFETY: the struct begins with SQLite's, and has C's layout.
unsafe impl<'vtab> VTab<'vtab> for Numbers {
    type Aux = ();
    type Cursor = Cursor;

    fn connect(
        db: &mut VTabConnection,
        _aux: Option<&Self::Aux>,
        _module: &[u8],
        _database: &[u8],
        _table: &[u8],
        _arguments: &[&[u8]],
    ) -> Result<(Cow<'static, CStr>, Self)> {
        db.config(VTabConfig::Innocuous)?;
        Ok((Cow::Borrowed(SCHEMA), Self { base: ffi::sqlite3_vtab::default() }))
    }

    fn best_index(&self, info: &mut IndexInfo) -> Result<bool> {
        use IndexConstraintOp::{
            SQLITE_INDEX_CONSTRAINT_EQ as EQ, SQLITE_INDEX_CONSTRAINT_GE as GE,
            SQLITE_INDEX_CONSTRAINT_GT as GT, SQLITE_INDEX_CONSTRAINT_LE as LE,
            SQLITE_INDEX_CONSTRAINT_LT as LT,
        };
        // The condition for each kind of argument, in the order of the arguments.
        let mut given = [None; 6];
        let (mut has_start, mut unusable) = (false, 0);
        for (at, condition) in info.constraints().enumerate() {
            let kind = match (condition.column(), condition.operator()) {
                (START, EQ) => 0,
                (STOP, EQ) => 1,
                (STEP, EQ) => 2,
                (VALUE, GE | GT) => 3,
                (VALUE, LE | LT) => 4,
                (VALUE, EQ) => 5,
                _ => continue,
            };
            has_start |= kind == 0;
            match condition.is_usable() {
                true => given[kind] = given[kind].or(Some(at)),
                false if kind < 3 => unusable |= 1 << kind,
                false => {}
            }
        }
        if !has_start {
            let text = "first argument to \"generate_series()\" missing or unusable";
            return Err(Error::ModuleError(text.to_owned()));
        }
        let mut plan = 0;
        for (kind, at) in given.iter().enumerate() {
            plan |= if at.is_some() { 1 << kind } else { 0 };
        }
        if unusable & !plan != 0 {
            // The argument is of a table that comes later in this order of the join.
            return Ok(false);
        }
        for (place, (kind, at)) in
            (1..).zip(given.into_iter().enumerate().filter_map(|(kind, at)| Some((kind, at?))))
        {
            let mut usage = info.constraint_usage(at);
            usage.set_argv_index(place);
            usage.set_omit(kind < 3);
        }
        let order = info.order_bys().next().filter(|order| order.column() == VALUE);
        if let Some(is_descending) = order.map(|order| order.is_order_by_desc()) {
            plan |= if is_descending { DESCENDING } else { ASCENDING };
            info.set_order_by_consumed(true);
        }
        if plan & HAS_STOP != 0 {
            info.set_estimated_cost(if plan & HAS_STEP != 0 { 1.0 } else { 2.0 });
            info.set_estimated_rows(1000);
        } else {
            info.set_estimated_rows(i64::from(i32::MAX));
        }
        info.set_idx_num(plan);
        Ok(true)
    }

    fn open(&'vtab mut self) -> Result<Cursor> {
        Ok(Cursor {
            base: ffi::sqlite3_vtab_cursor::default(),
            series: Series::EMPTY,
            start: 0,
            stop: 0,
            left: None,
            is_backwards: false,
        })
    }
}

/// The rows of one call.
#[repr(C)]
struct Cursor {
    base: ffi::sqlite3_vtab_cursor,
    series: Series,
    start: i64,
    stop: i64,
    /// The places of the first and the last number that are left.
    left: Option<(u64, u64)>,
    is_backwards: bool,
}

// SAFETY: the struct begins with SQLite's, and has C's layout.
unsafe impl VTabCursor for Cursor {
    fn filter(&mut self, plan: c_int, _: Option<&str>, arguments: &Filters<'_>) -> Result<()> {
        let mut given = arguments.iter();
        let mut next = |has: c_int| if plan & has == 0 { None } else { given.next() };
        let [start, stop, step, least, most, value] =
            [HAS_START, HAS_STOP, HAS_STEP, HAS_LEAST, HAS_MOST, HAS_VALUE].map(&mut next);
        self.start = start.map_or(0, integer);
        self.stop = stop.map_or(LAST, integer);
        let step_by = step.map_or(1, integer);
        let (least, most) = (value.or(least), value.or(most));
        let within = (
            least.map_or(i64::MIN, |least| bound(least, f64::floor, i64::MIN)),
            most.map_or(i64::MAX, |most| bound(most, f64::ceil, i64::MAX)),
        );
        let has_null = [start, stop, step, least, most].contains(&Some(ValueRef::Null));
        self.series = match has_null {
            true => Series::EMPTY,
            false => Series::new(self.start, self.stop, step_by, within),
        };
        self.left = self.series.places();
        let is_down = self.series.step() < 0;
        self.is_backwards = plan & DESCENDING != 0 && !is_down || plan & ASCENDING != 0 && is_down;
        Ok(())
    }

    fn next(&mut self) -> Result<()> {
        self.left = self.left.filter(|(first, last)| first < last).map(|(first, last)| {
            if self.is_backwards { (first, last - 1) } else { (first + 1, last) }
        });
        Ok(())
    }

    fn eof(&self) -> bool {
        self.left.is_none()
    }

    fn column(&self, context: &mut Context, column: c_int) -> Result<()> {
        context.set_result(match column {
            START => self.start,
            STOP => self.stop,
            STEP => self.series.step(),
            _ => self.series.number(self.place()),
        })
    }

    /// The place in the series, from 1 on.
    fn rowid(&self) -> Result<i64> {
        Ok(self.place().wrapping_add(1).cast_signed())
    }
}

impl Cursor {
    /// The place of the current number.
    fn place(&self) -> u64 {
        self.left.map_or(0, |(first, last)| if self.is_backwards { last } else { first })
    }
}

/// An argument as an integer, as `sqlite3_value_int64` makes one.
#[expect(clippy::cast_possible_truncation, reason = "SQLite's conversion stops at the ends, too")]
fn integer(argument: ValueRef<'_>) -> i64 {
    match argument {
        ValueRef::Null => 0,
        ValueRef::Integer(integer) => integer,
        ValueRef::Real(real) => real as i64,
        ValueRef::Text(text) | ValueRef::Blob(text) => integer_of(text),
    }
}

/// The integer with which a text begins. 0 if there is none.
fn integer_of(text: &[u8]) -> i64 {
    let text = text.trim_ascii_start();
    let (is_negative, digits) = match text.split_first() {
        Some((b'-', digits)) => (true, digits),
        Some((b'+', digits)) => (false, digits),
        _ => (false, text),
    };
    digits.iter().take_while(|digit| digit.is_ascii_digit()).fold(0_i64, |number, digit| {
        let digit = i64::from(digit - b'0');
        let number = number.saturating_mul(10);
        if is_negative { number.saturating_sub(digit) } else { number.saturating_add(digit) }
    })
}

/// A bound of `value` as an integer, which may be too wide, because SQLite checks the condition again. `none` for what
/// is no number: each number is less than any text.
#[expect(clippy::cast_possible_truncation, reason = "rounded before, and stops at the ends")]
fn bound(argument: ValueRef<'_>, round: fn(f64) -> f64, none: i64) -> i64 {
    match argument {
        ValueRef::Integer(integer) => integer,
        ValueRef::Real(real) => round(real) as i64,
        _ => none,
    }
}
