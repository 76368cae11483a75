//! Conversions of values for rusqlite.

use std::rc::Rc;

use rusqlite::types::{FromSql, ToSql, ToSqlOutput, Value as Owned, ValueRef};
use rusqlite::vtab::array::Array;

use crate::value::Value;

impl<'a> From<ValueRef<'a>> for Value<'a> {
    fn from(value: ValueRef<'a>) -> Self {
        match value {
            ValueRef::Null => Self::Null,
            ValueRef::Integer(integer) => Self::Integer(integer),
            ValueRef::Real(real) => Self::Real(real),
            ValueRef::Text(text) => Self::Text(text),
            ValueRef::Blob(blob) => Self::Blob(blob),
        }
    }
}

/// Converts a value for `raw_bind_parameter`.
pub(super) fn to_sql(value: Value<'_>) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(match value {
        Value::Null => ValueRef::Null,
        Value::Integer(integer) => ValueRef::Integer(integer),
        Value::Real(real) => ValueRef::Real(real),
        Value::Text(text) => ValueRef::Text(text),
        Value::Blob(blob) => ValueRef::Blob(blob),
    })
}

/// Converts a list of values for `raw_bind_parameter`. `rarray(?)` reads it, and no other parameter can: it is
/// bound as a pointer (<https://sqlite.org/bindptr.html>), which is NULL anywhere else. A text that is not UTF-8,
/// which JavaScript does not send, is read as such with replacements.
pub(super) fn to_list(values: &[Value<'_>]) -> Array {
    let owned = |value: &Value<'_>| match *value {
        Value::Null => Owned::Null,
        Value::Integer(integer) => Owned::Integer(integer),
        Value::Real(real) => Owned::Real(real),
        Value::Text(text) => Owned::Text(String::from_utf8_lossy(text).into_owned()),
        Value::Blob(blob) => Owned::Blob(blob.to_vec()),
    };
    Rc::new(values.iter().map(owned).collect())
}

/// The types in which the value of a PRAGMA or a query is read: `i64`, `bool` and `String`.
pub trait FromValue: FromSql {}

impl FromValue for i64 {}
impl FromValue for bool {}
impl FromValue for String {}

/// The types of values that a PRAGMA can be set to.
pub trait ToValue: ToSql {}

impl ToValue for i32 {}
impl ToValue for i64 {}
impl ToValue for bool {}
impl ToValue for &str {}
impl ToValue for &String {}
