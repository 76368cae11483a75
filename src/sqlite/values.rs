//! Conversions of values for rusqlite.

use rusqlite::types::{FromSql, ToSql, ToSqlOutput, ValueRef};

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
