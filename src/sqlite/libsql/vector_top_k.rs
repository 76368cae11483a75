//! `vector_top_k(index, vector, k)`, a table-valued function (<https://sqlite.org/vtab.html#tabfunc2>): the keys of
//! the rows whose vectors are nearest, the nearest first.
//!
//! It reads the whole table of the index, by a statement on the same connection, and keeps the nearest. So it
//! finds what is nearest, in the snapshot of the statement that asks. SQLite ends the reading when it ends that
//! statement: both have the same interrupt and the same progress handler.

use std::borrow::Cow;
use std::ffi::{CStr, c_int};
use std::sync::Arc;

use rusqlite::types::{Value, ValueRef};
use rusqlite::vtab::{
    Context, Filters, IndexConstraintOp, IndexInfo, Module, VTab, VTabConnection, VTabCursor,
};
use rusqlite::{Connection, Error, Result, ffi};

use crate::jobs::panics;
use crate::sqlite::Error as OurError;
use crate::sqlite::classify::Recorder;
use crate::sqlite::error::failure;
use crate::sqlite::libsql::vector_schema::{
    Key, VectorIndex, find, indexes_of_libsql, key, quoted,
};
use crate::vectors::{ElementType, Query, Top, Vector, VectorColumn};

/// The name of the function.
pub const NAME: &CStr = c"vector_top_k";

const SCHEMA: &CStr = c"CREATE TABLE x(idx HIDDEN, vector HIDDEN, k HIDDEN, id)";

/// The number of arguments: the first columns.
const ARGUMENTS: usize = 3;
const INDEX: c_int = 0;
const K: c_int = 2;
const ID: c_int = 3;

/// What EXPLAIN QUERY PLAN says.
const PLAN: &CStr = c"exact, reads every row that the index covers";

/// The cost of a search for the planner, about that of so many rows read.
const COST: f64 = 1e6;

/// Registers the function on a connection.
///
/// # Errors
/// SQLite's error, for lack of memory.
pub fn register(connection: &Connection, recorder: &Arc<Recorder>) -> Result<()> {
    const MODULE: Module<'_, TopK> = Module::eponymous_only_module();
    connection.create_module(NAME, &MODULE, Some(Arc::clone(recorder)))
}

/// The table of a connection.
#[repr(C)]
struct TopK {
    base: ffi::sqlite3_vtab,
    /// The connection, which outlives its tables.
    handle: *mut ffi::sqlite3,
    recorder: Arc<Recorder>,
}

// SAFETY: the struct begins with SQLite's, and has C's layout.
unsafe impl<'vtab> VTab<'vtab> for TopK {
    type Aux = Arc<Recorder>;
    type Cursor = Nearest;

    fn connect(
        db: &mut VTabConnection,
        recorder: Option<&Self::Aux>,
        _module: &[u8],
        _database: &[u8],
        _table: &[u8],
        _arguments: &[&[u8]],
    ) -> Result<(Cow<'static, CStr>, Self)> {
        // SAFETY: the handle is used only in calls of SQLite on this table, on the thread that uses the connection.
        let handle = unsafe { db.handle() };
        let recorder = recorder.cloned().unwrap_or_default();
        Ok((Cow::Borrowed(SCHEMA), Self { base: ffi::sqlite3_vtab::default(), handle, recorder }))
    }

    fn best_index(&self, info: &mut IndexInfo) -> Result<bool> {
        let mut given = [None; ARGUMENTS];
        let mut is_unusable = [false; ARGUMENTS];
        for (at, constraint) in info.constraints().enumerate() {
            let argument = usize::try_from(constraint.column()).unwrap_or(ARGUMENTS);
            let is_equal = constraint.operator() == IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_EQ;
            let (Some(given), true) = (given.get_mut(argument), is_equal) else { continue };
            match constraint.is_usable() {
                true => *given = Some(at),
                false => is_unusable[argument] = true,
            }
        }
        if given.iter().zip(is_unusable).any(|(given, is_unusable)| given.is_none() && is_unusable)
        {
            // The argument is of a table that comes later in this order of the join.
            return Ok(false);
        }
        for (place, at) in (1..).zip(given.into_iter().flatten()) {
            let mut usage = info.constraint_usage(at);
            usage.set_argv_index(place);
            usage.set_omit(true);
        }
        info.set_idx_num(1);
        info.set_idx_cstr(PLAN);
        // A search reads a whole table. The planner would otherwise search once for each row of another table.
        info.set_estimated_cost(COST);
        info.set_estimated_rows(100);
        Ok(true)
    }

    fn open(&'vtab mut self) -> Result<Nearest> {
        Ok(Nearest {
            base: ffi::sqlite3_vtab_cursor::default(),
            handle: self.handle,
            recorder: Arc::clone(&self.recorder),
            index: String::new(),
            k: 0,
            ids: Vec::new(),
            at: 0,
        })
    }
}

/// The rows of one call.
#[repr(C)]
struct Nearest {
    base: ffi::sqlite3_vtab_cursor,
    handle: *mut ffi::sqlite3,
    recorder: Arc<Recorder>,
    index: String,
    k: i64,
    ids: Vec<Value>,
    at: usize,
}

// SAFETY: the struct begins with SQLite's, and has C's layout.
unsafe impl VTabCursor for Nearest {
    fn filter(&mut self, _: c_int, _: Option<&str>, arguments: &Filters<'_>) -> Result<()> {
        self.at = 0;
        self.ids.clear();
        // A panic does not unwind into SQLite: it is recorded, and is an error.
        panics::catch(|| self.search(arguments)).unwrap_or_else(|panic| Err(failure(&panic)))
    }

    fn next(&mut self) -> Result<()> {
        self.at += 1;
        Ok(())
    }

    fn eof(&self) -> bool {
        self.at >= self.ids.len()
    }

    fn column(&self, context: &mut Context, column: c_int) -> Result<()> {
        match column {
            ID => context.set_result(self.ids.get(self.at).unwrap_or(&Value::Null)),
            INDEX => context.set_result(&self.index),
            K => context.set_result(self.k),
            _ => Ok(()),
        }
    }

    /// The id, if it is the rowid of the table; otherwise the place.
    fn rowid(&self) -> Result<i64> {
        match self.ids.get(self.at) {
            Some(Value::Integer(rowid)) => Ok(*rowid),
            _ => Ok(i64::try_from(self.at).unwrap_or(i64::MAX)),
        }
    }
}

impl Nearest {
    fn search(&mut self, arguments: &Filters<'_>) -> Result<()> {
        let given: Vec<ValueRef<'_>> = arguments.iter().collect();
        let [name, vector, k] = given.as_slice() else {
            let count = given.len();
            return Err(wrong(&format!("got {count} parameters, expected {ARGUMENTS}")));
        };
        let vector =
            Vector::parse((*vector).into(), ElementType::F32).map_err(|error| failure(&error))?;
        self.k = integer(*k)?;
        let ValueRef::Text(name) = name else {
            return Err(wrong("first parameter (index) must be a string"));
        };
        self.index = String::from_utf8_lossy(name).into_owned();
        // SAFETY: the connection is open during a call of SQLite on its table, and this thread uses it.
        let connection = unsafe { Connection::from_handle(self.handle)? };
        let (database, name) = self.index.split_once('.').unwrap_or(("main", &self.index));
        self.ids = self.recorder.aside(|| self.nearest(&connection, database, name, vector))?;
        Ok(())
    }

    fn nearest(
        &self,
        connection: &Connection,
        database: &str,
        name: &str,
        vector: Vector<'_>,
    ) -> Result<Vec<Value>> {
        let is_there = (0..).map_while(|number| connection.db_name(number).ok());
        if !is_there.into_iter().any(|there| there.eq_ignore_ascii_case(database)) {
            return Err(wrong(&format!("unknown schema '{database}'")));
        }
        let index = find(connection, database, name)?
            .ok_or_else(|| wrong("failed to parse vector index parameters"))?;
        refuse_indexes_of_libsql(connection, database, &index.table)?;
        let VectorIndex { vectors, metric, .. } = index;
        vectors
            .accept("search", vector.element, vector.dimensions)
            .map_err(|error| failure(&error))?;
        let query = Query::new(metric, vector).map_err(|error| failure(&error))?;
        let mut top = Top::new(usize::try_from(self.k).unwrap_or(usize::MAX));
        let mut statement = connection.prepare(&scan(connection, database, &index)?)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let value = row.get_ref(1)?;
            let found = match value {
                ValueRef::Null => continue,
                ValueRef::Blob(blob) => Vector::stored(blob, vectors.element, vectors.dimensions),
                other => parsed(other, vectors),
            };
            let Some(found) = found else {
                let key: Value = row.get(0)?;
                return Err(wrong(&misfit(&index, &key, value, vectors)));
            };
            top.put(query.distance(&found), || row.get(0))?;
        }
        Ok(top.into_nearest_first())
    }
}

/// An error of a search.
fn wrong(text: &str) -> Error {
    failure(&format!("vector index(search): {text}"))
}

/// The third argument.
#[expect(clippy::cast_possible_truncation, reason = "checked by the way back")]
#[expect(clippy::cast_precision_loss, reason = "the way back is to find that")]
fn integer(k: ValueRef<'_>) -> Result<i64> {
    let third = |what: &str| wrong(&format!("third parameter (k) must be {what}"));
    let k = match k {
        ValueRef::Integer(k) => k,
        ValueRef::Real(k) if k as i64 as f64 == k => k as i64,
        ValueRef::Real(_) => return Err(third("an integer, but float value were provided")),
        _ => return Err(third("an integer, but unexpected type of value were provided")),
    };
    if k < 0 {
        return Err(third("a non-negative integer, but negative value were provided"));
    }
    Ok(k)
}

/// The query for the key and the vector of each row of the index.
fn scan(connection: &Connection, database: &str, index: &VectorIndex) -> Result<String> {
    let key = match key(connection, database, &index.table)?.0 {
        Key::Rowid(name) => name,
        Key::Columns(mut names) if names.len() == 1 => names.remove(0),
        Key::Columns(_) => {
            return Err(wrong("unsupported for tables without ROWID and composite primary key"));
        }
    };
    let (key, vectors) = (quoted(&key), quoted(&index.column));
    let table = format!("{}.{}", quoted(database), quoted(&index.table));
    Ok(match &index.condition {
        // The condition may end with a comment. SQLite may take an index for it.
        Some(condition) => format!("SELECT {key}, {vectors} FROM {table} WHERE (\n{condition}\n)"),
        None => format!("SELECT {key}, {vectors} FROM {table} NOT INDEXED"),
    })
}

/// The vector of a value that is no blob.
fn parsed(value: ValueRef<'_>, column: VectorColumn) -> Option<Vector<'_>> {
    let vector = Vector::parse(value.into(), ElementType::F32).ok()?;
    column.accept("search", vector.element, vector.dimensions).ok()?;
    Some(vector)
}

/// A row whose vector does not fit was written without the check, for example by another program.
fn misfit(index: &VectorIndex, key: &Value, value: ValueRef<'_>, column: VectorColumn) -> String {
    let key = match key {
        Value::Integer(key) => key.to_string(),
        Value::Text(key) => format!("'{key}'"),
        other => format!("{other:?}"),
    };
    let why = column.check(value.into(), "search").err();
    let why = why.map_or_else(|| "it is damaged".to_owned(), |why| why.to_string());
    format!(
        "the row {key} of {} has in {} no vector that fits the index: {why}; correct or delete the row",
        index.table, index.column,
    )
}

/// Refuses a table with an index of libSQL, whose b-tree is empty. SQLite may use it where the index that is searched
/// has the same condition.
fn refuse_indexes_of_libsql(connection: &Connection, database: &str, table: &str) -> Result<()> {
    let Some(sql) = indexes_of_libsql(connection, database) else { return Ok(()) };
    let mut statement = connection.prepare(&sql)?;
    let found = statement
        .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?
        .collect::<Result<Vec<_>>>()?;
    match found.into_iter().find(|(_, of)| of.eq_ignore_ascii_case(table)) {
        Some((index, table)) => Err(failure(&OurError::VectorIndex { table, index })),
        None => Ok(()),
    }
}
