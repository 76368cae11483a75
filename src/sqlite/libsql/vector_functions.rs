//! libSQL's vector functions, which every connection has. All of them are pure, but for that of a vector index,
//! which looks at the schema.

use std::ffi::c_int;
use std::sync::Arc;

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Null, ValueRef};
use rusqlite::{Connection, Result};

use crate::jobs::panics;
use crate::sqlite::classify::Recorder;
use crate::sqlite::error::failure;
use crate::sqlite::libsql::vector_checks::Checks;
use crate::sqlite::libsql::vector_top_k;
use crate::vectors::{ElementType, INDEX_FUNCTION, Metric, Query, Vector, VectorError, shape_of};

/// The functions that make a vector, and the type of its elements.
const MAKERS: [(&str, ElementType); 7] = [
    ("vector", ElementType::F32),
    ("vector32", ElementType::F32),
    ("vector64", ElementType::F64),
    ("vector16", ElementType::F16),
    ("vectorb16", ElementType::BF16),
    ("vector8", ElementType::F8),
    ("vector1bit", ElementType::Bit),
];

const DISTANCES: [(&str, Metric); 2] =
    [("vector_distance_cos", Metric::Cosine), ("vector_distance_l2", Metric::L2)];

/// Registers the functions and `vector_top_k` on a connection. `recorder` is its authorizer, if it has one.
///
/// # Errors
/// SQLite's error, for lack of memory.
pub fn register(connection: &Connection, recorder: &Arc<Recorder>) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    for (name, element) in MAKERS {
        let make = move |context: &Context<'_>| caught(|| make(context, element));
        connection.create_scalar_function(name, 1, flags, make)?;
    }
    for (name, metric) in DISTANCES {
        let distance = move |context: &Context<'_>| caught(|| distance(context, metric));
        connection.create_scalar_function(name, 2, flags, distance)?;
    }
    let extract = |context: &Context<'_>| caught(|| extract(context));
    connection.create_scalar_function("vector_extract", 1, flags, extract)?;
    let checks = Checks::new(Arc::clone(recorder));
    let index = move |context: &Context<'_>| caught(|| index(context, &checks));
    connection.create_scalar_function(INDEX_FUNCTION, -1, flags, index)?;
    vector_top_k::register(connection, recorder)
}

/// A panic does not unwind into SQLite: it is recorded, and is an error.
fn caught<T>(run: impl FnOnce() -> Result<T>) -> Result<T> {
    panics::catch(run).unwrap_or_else(|panic| Err(failure(&panic)))
}

fn parsed(value: ValueRef<'_>, of_text: ElementType) -> Result<Vector<'_>> {
    Vector::parse(value.into(), of_text).map_err(|error| failure(&error))
}

fn make(context: &Context<'_>, element: ElementType) -> Result<Vec<u8>> {
    let of_text = if element == ElementType::F64 { element } else { ElementType::F32 };
    Ok(parsed(context.get_raw(0), of_text)?.convert(element).to_blob())
}

fn extract(context: &Context<'_>) -> Result<String> {
    Ok(parsed(context.get_raw(0), ElementType::F32)?.to_text())
}

/// NaN, which SQLite makes NULL, if a vector is zero and the metric is the cosine.
fn distance(context: &Context<'_>, metric: Metric) -> Result<f64> {
    let shape = |argument| shape_of(context.get_raw(argument).into(), ElementType::F32);
    let (one, two) =
        (shape(0).map_err(|error| failure(&error))?, shape(1).map_err(|error| failure(&error))?);
    if one.0 != two.0 {
        return Err(failure(&VectorError::Types(one.0.number(), two.0.number())));
    }
    if one.1 != two.1 {
        return Err(failure(&VectorError::Dimensions(one.1, two.1)));
    }
    let (one_text, two_text) = (text(context, 0)?, text(context, 1)?);
    let one = given(context, 0, one_text.as_deref())?;
    let two = given(context, 1, two_text.as_deref())?;
    if one.dimensions != two.dimensions {
        return Err(failure(&VectorError::Dimensions(one.dimensions, two.dimensions)));
    }
    let query = Query::new(metric, one).map_err(|error| failure(&error))?;
    Ok(f64::from(query.distance(&two)))
}

/// The vector of an argument that is a text. SQLite keeps it for the next rows if the argument is constant
/// (<https://sqlite.org/c3ref/get_auxdata.html>).
fn text(context: &Context<'_>, argument: c_int) -> Result<Option<Arc<Vector<'static>>>> {
    let value = context.get_raw(usize::try_from(argument).unwrap_or(0));
    if !matches!(value, ValueRef::Text(_)) {
        return Ok(None);
    }
    if let Some(known) = context.get_aux(argument)? {
        return Ok(Some(known));
    }
    context.set_aux(argument, parsed(value, ElementType::F32)?.into_owned()).map(Some)
}

fn given<'a>(
    context: &'a Context<'_>,
    argument: usize,
    text: Option<&'a Vector<'static>>,
) -> Result<Vector<'a>> {
    match text {
        Some(vector) => Ok(vector.convert(vector.element)),
        None => parsed(context.get_raw(argument), ElementType::F32),
    }
}

/// The number under which the columns of the indexes that a statement writes are kept while it runs. A number below
/// 0 belongs to the whole statement.
const KEPT: c_int = -0x0076_6563;

/// The entry of a vector index, which is NULL: the index says what `vector_top_k` searches, and has an entry for each
/// row, as SQLite expects. A row that is written to the table must have a vector that fits the column.
fn index(context: &Context<'_>, checks: &Checks) -> Result<Null> {
    if context.is_empty() {
        return Err(failure("wrong number of arguments to function libsql_vector_idx()"));
    }
    let value = context.get_raw(0);
    if value == ValueRef::Null {
        return Ok(Null);
    }
    let columns = match context.get_aux(KEPT)? {
        Some(columns) => columns,
        None => {
            // SAFETY: the connection is used here only, by the thread that runs the statement.
            let connection = unsafe { context.get_connection()? };
            context.set_aux(KEPT, checks.columns(&connection)?)?
        }
    };
    columns.check(value.into()).map_err(|error| failure(&error))?;
    Ok(Null)
}
