//! SQLite's values, in the form in which the wire and the engine exchange them.

/// A value of SQLite's five storage classes (<https://sqlite.org/datatype3.html>).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// NULL.
    Null,
    /// INTEGER.
    Integer(i64),
    /// REAL.
    Real(f64),
    /// TEXT. SQLite does not guarantee that it is UTF-8.
    Text(&'a [u8]),
    /// BLOB.
    Blob(&'a [u8]),
}

/// An argument by position.
#[derive(Debug)]
pub enum Argument<'a> {
    /// A value.
    Value(Value<'a>),
    /// A list of values, for `rarray(?)`.
    List(Vec<Value<'a>>),
}

/// The arguments of a statement.
#[derive(Debug)]
pub enum Arguments<'a> {
    /// Arguments by position. The first one is that of parameter 1.
    Positional(Vec<Argument<'a>>),
    /// Arguments by name, without the prefix.
    Named(Vec<(&'a str, Value<'a>)>),
}

/// A value that owns its text or bytes, for tests.
#[cfg(test)]
#[derive(Clone, Debug, PartialEq)]
pub enum OwnedValue {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

#[cfg(test)]
impl OwnedValue {
    pub fn borrow(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Integer(integer) => Value::Integer(*integer),
            Self::Real(real) => Value::Real(*real),
            Self::Text(text) => Value::Text(text.as_bytes()),
            Self::Blob(blob) => Value::Blob(blob),
        }
    }
}

#[cfg(test)]
impl From<Value<'_>> for OwnedValue {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Integer(integer) => Self::Integer(integer),
            Value::Real(real) => Self::Real(real),
            Value::Text(text) => Self::Text(String::from_utf8_lossy(text).into_owned()),
            Value::Blob(blob) => Self::Blob(blob.to_vec()),
        }
    }
}
