//! Values on their way into SQLite and out of it.

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

/// For `raw_bind_parameter`.
pub(super) fn to_sql(value: Value<'_>) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(match value {
        Value::Null => ValueRef::Null,
        Value::Integer(integer) => ValueRef::Integer(integer),
        Value::Real(real) => ValueRef::Real(real),
        Value::Text(text) => ValueRef::Text(text),
        Value::Blob(blob) => ValueRef::Blob(blob),
    })
}

/// What the value of a PRAGMA is read as: `i64`, `bool` or `String`.
pub trait FromValue: FromSql {}

impl FromValue for i64 {}
impl FromValue for bool {}
impl FromValue for String {}

/// What a PRAGMA is set to.
pub trait ToValue: ToSql {}

impl ToValue for i32 {}
impl ToValue for i64 {}
impl ToValue for bool {}
impl ToValue for &str {}
impl ToValue for &String {}
