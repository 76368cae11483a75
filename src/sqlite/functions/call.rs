//! Functions of SQL in Rust, by SQLite's own interface (<https://sqlite.org/appfunc.html>): it converts arguments as
//! SQLite's functions do, and putting a function on a connection allocates nothing of ours.

use std::any::Any;
use std::borrow::Cow;
use std::ffi::{CStr, c_int, c_void};
use std::marker::PhantomData;
use std::slice;

use rusqlite::limits::Limit;
use rusqlite::{Connection, Error, Result, ffi};

use crate::functions::{Number, Stopped};
use crate::jobs::panics;

/// A function that returns a value for each row.
pub struct Scalar {
    pub name: &'static CStr,
    /// The number of arguments.
    pub arguments: c_int,
    /// SQLite's flags (<https://sqlite.org/c3ref/c_deterministic.html>).
    pub flags: c_int,
    pub run: fn(&Context<'_>, &mut [Argument<'_>]) -> Answer,
}

/// A function of one argument that returns a value for many rows.
pub struct Aggregate {
    pub name: &'static CStr,
    pub begin: fn() -> Box<dyn Rows>,
}

/// The rows that an aggregate has seen.
pub trait Rows {
    /// Adds a row.
    fn add(&mut self, argument: &mut Argument<'_>);
    /// The value.
    fn end(&self, context: &Context<'_>) -> Answer;
}

/// What a function answers.
pub type Answer = std::result::Result<Value, Failure>;

/// A value of SQLite.
pub enum Value {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

impl From<Number> for Value {
    fn from(number: Number) -> Self {
        match number {
            Number::Integer(integer) => Self::Integer(integer),
            Number::Real(real) => Self::Real(real),
        }
    }
}

/// Why a function has no answer.
pub enum Failure {
    /// An error with this text.
    Text(String),
    /// The value would be longer than SQLite allows.
    TooBig,
    /// The statement was interrupted.
    Interrupted,
}

impl From<Stopped> for Failure {
    fn from(_: Stopped) -> Self {
        Self::Interrupted
    }
}

/// A call of a function, while it runs.
pub struct Context<'a>(*mut ffi::sqlite3_context, PhantomData<&'a ()>);

impl Context<'_> {
    /// Whether the statement was interrupted. Long loops ask this, because SQLite asks nothing while they run.
    pub fn is_interrupted(&self) -> bool {
        // SAFETY: the context is valid during the call, and so is its connection. The function only reads.
        unsafe { ffi::sqlite3_is_interrupted(ffi::sqlite3_context_db_handle(self.0)) != 0 }
    }

    /// The length of the longest value, in bytes (<https://sqlite.org/c3ref/limit.html>).
    pub fn longest(&self) -> usize {
        let limit = Limit::SQLITE_LIMIT_LENGTH as c_int;
        // SAFETY: the context is valid during the call, and so is its connection. -1 changes nothing.
        let longest =
            unsafe { ffi::sqlite3_limit(ffi::sqlite3_context_db_handle(self.0), limit, -1) };
        usize::try_from(longest).unwrap_or(0)
    }

    /// The number of rows that the last statement has changed.
    pub fn changes(&self) -> i64 {
        // SAFETY: the context is valid during the call, and so is its connection. The function only reads.
        unsafe { ffi::sqlite3_changes64(ffi::sqlite3_context_db_handle(self.0)) }
    }

    /// Uses what was made of an argument. SQLite keeps it for the next rows if the argument is constant
    /// (<https://sqlite.org/c3ref/get_auxdata.html>).
    ///
    /// # Errors
    /// That of `make`.
    pub fn with_kept<T: Any, R>(
        &self,
        argument: c_int,
        make: impl FnOnce() -> std::result::Result<T, Failure>,
        use_it: impl FnOnce(&T) -> R,
    ) -> std::result::Result<R, Failure> {
        // SAFETY: the context is valid during the call. What is kept is what this function has kept: a box of `Any`,
        // which SQLite drops after this call at the earliest.
        let kept = unsafe {
            ffi::sqlite3_get_auxdata(self.0, argument).cast_const().cast::<Box<dyn Any>>().as_ref()
        };
        if let Some(kept) = kept.and_then(|kept| kept.downcast_ref()) {
            return Ok(use_it(kept));
        }
        let made = make()?;
        let result = use_it(&made);
        let kept: Box<Box<dyn Any>> = Box::new(Box::new(made));
        // SAFETY: the context is valid during the call. SQLite owns the box from now on, and drops it once, maybe at
        // once.
        unsafe {
            let kept = Box::into_raw(kept).cast();
            ffi::sqlite3_set_auxdata(self.0, argument, kept, Some(drop_kept));
        }
        Ok(result)
    }

    fn answer(&self, answer: Answer) {
        // SAFETY: the context is valid during the call. SQLite copies texts and blobs before the functions return.
        unsafe {
            match answer {
                Ok(Value::Null) => ffi::sqlite3_result_null(self.0),
                Ok(Value::Integer(integer)) => ffi::sqlite3_result_int64(self.0, integer),
                Ok(Value::Real(real)) => ffi::sqlite3_result_double(self.0, real),
                Ok(Value::Text(text)) => ffi::sqlite3_result_text64(
                    self.0,
                    text.as_ptr().cast(),
                    text.len() as u64,
                    ffi::SQLITE_TRANSIENT(),
                    ffi::SQLITE_UTF8 as u8,
                ),
                Ok(Value::Blob(blob)) => ffi::sqlite3_result_blob64(
                    self.0,
                    blob.as_ptr().cast(),
                    blob.len() as u64,
                    ffi::SQLITE_TRANSIENT(),
                ),
                Err(Failure::Text(text)) => {
                    let length = c_int::try_from(text.len()).unwrap_or(c_int::MAX);
                    ffi::sqlite3_result_error(self.0, text.as_ptr().cast(), length);
                }
                Err(Failure::TooBig) => ffi::sqlite3_result_error_toobig(self.0),
                Err(Failure::Interrupted) => {
                    ffi::sqlite3_result_error_code(self.0, ffi::SQLITE_INTERRUPT);
                }
            }
        }
    }
}

/// # Safety
/// `kept` is what [`Context::with_kept`] has kept, and is used no more.
unsafe extern "C" fn drop_kept(kept: *mut c_void) {
    // SAFETY: the caller's promise.
    drop(unsafe { Box::from_raw(kept.cast::<Box<dyn Any>>()) });
}

/// An argument of a call.
#[repr(transparent)]
pub struct Argument<'a>(*mut ffi::sqlite3_value, PhantomData<&'a ()>);

impl Argument<'_> {
    pub fn is_null(&self) -> bool {
        self.kind() == ffi::SQLITE_NULL
    }

    pub fn is_integer(&self) -> bool {
        self.kind() == ffi::SQLITE_INTEGER
    }

    pub fn is_blob(&self) -> bool {
        self.kind() == ffi::SQLITE_BLOB
    }

    pub fn is_text(&self) -> bool {
        self.kind() == ffi::SQLITE_TEXT
    }

    fn kind(&self) -> c_int {
        // SAFETY: the value is valid during the call.
        unsafe { ffi::sqlite3_value_type(self.0) }
    }

    /// The argument as an integer, as CAST makes one. 0 for NULL.
    pub fn integer(&self) -> i64 {
        // SAFETY: the value is valid during the call.
        unsafe { ffi::sqlite3_value_int64(self.0) }
    }

    /// The argument as a number of things. 0 if it is negative.
    pub fn count(&self) -> usize {
        usize::try_from(self.integer()).unwrap_or(0)
    }

    /// The argument as a real number, as CAST makes one. 0 for NULL.
    pub fn real(&self) -> f64 {
        // SAFETY: the value is valid during the call.
        unsafe { ffi::sqlite3_value_double(self.0) }
    }

    /// The argument as a number, an integer if it is one or looks like one. 0.0 for a text or a blob that looks like
    /// no number. None for NULL.
    pub fn number(&mut self) -> Option<Number> {
        // SAFETY: the value is valid during the call. No text of it is borrowed, which this may free.
        match unsafe { ffi::sqlite3_value_numeric_type(self.0) } {
            ffi::SQLITE_NULL => None,
            ffi::SQLITE_INTEGER => Some(Number::Integer(self.integer())),
            _ => Some(Number::Real(self.real())),
        }
    }

    /// As [`Argument::number`], but None for what looks like no number, and for every blob.
    pub fn number_alone(&mut self) -> Option<Number> {
        // SAFETY: as in `number`.
        match unsafe { ffi::sqlite3_value_numeric_type(self.0) } {
            ffi::SQLITE_INTEGER => Some(Number::Integer(self.integer())),
            ffi::SQLITE_FLOAT => Some(Number::Real(self.real())),
            _ => None,
        }
    }

    /// The bytes of a blob, or of the argument as a text. None for NULL, and for lack of memory.
    pub fn bytes(&mut self) -> Option<&[u8]> {
        if self.is_null() {
            return None;
        }
        // SAFETY: the value is valid during the call. Its bytes are until the next conversion of this value, which
        // takes another exclusive borrow, or reads a number, which leaves them.
        unsafe {
            let bytes = match self.is_blob() {
                true => ffi::sqlite3_value_blob(self.0).cast(),
                false => ffi::sqlite3_value_text(self.0),
            };
            let length = usize::try_from(ffi::sqlite3_value_bytes(self.0)).unwrap_or(0);
            match bytes.is_null() {
                // An empty blob has no address.
                true if length == 0 && self.is_blob() => Some(&[]),
                true => None,
                false => Some(slice::from_raw_parts(bytes, length)),
            }
        }
    }

    /// The argument as a text, with U+FFFD for what is not UTF-8. None for NULL.
    pub fn text(&mut self) -> Option<Cow<'_, str>> {
        self.bytes().map(String::from_utf8_lossy)
    }
}

/// Puts functions on a connection.
///
/// # Errors
/// SQLite's error, for lack of memory.
pub fn register(
    connection: &Connection,
    scalars: &'static [Scalar],
    aggregates: &'static [Aggregate],
) -> Result<()> {
    for scalar in scalars {
        let data = (&raw const *scalar).cast_mut().cast();
        // SAFETY: the connection is open, and only this thread uses it. `run_scalar` gets the address of a `Scalar`
        // that lives forever.
        check(unsafe {
            ffi::sqlite3_create_function_v2(
                connection.handle(),
                scalar.name.as_ptr(),
                scalar.arguments,
                ffi::SQLITE_UTF8 | scalar.flags,
                data,
                Some(run_scalar),
                None,
                None,
                None,
            )
        })?;
    }
    for aggregate in aggregates {
        let data = (&raw const *aggregate).cast_mut().cast();
        // SAFETY: as above, for `add_row` and `end_rows`.
        check(unsafe {
            ffi::sqlite3_create_function_v2(
                connection.handle(),
                aggregate.name.as_ptr(),
                1,
                ffi::SQLITE_UTF8,
                data,
                None,
                Some(add_row),
                Some(end_rows),
                None,
            )
        })?;
    }
    Ok(())
}

fn check(code: c_int) -> Result<()> {
    match code {
        ffi::SQLITE_OK => Ok(()),
        code => Err(Error::SqliteFailure(ffi::Error::new(code), None)),
    }
}

/// Answers a call. A panic does not unwind into SQLite: it is recorded, and is an error.
fn answer(context: &Context<'_>, run: impl FnOnce() -> Answer) {
    context.answer(panics::catch(run).unwrap_or_else(|panic| Err(Failure::Text(panic))));
}

/// # Safety
/// `values` is the address of `count` valid values, or `count` is 0.
unsafe fn arguments<'a>(
    count: c_int,
    values: *mut *mut ffi::sqlite3_value,
) -> &'a mut [Argument<'a>] {
    match usize::try_from(count) {
        Ok(0) | Err(_) => &mut [],
        // SAFETY: the caller's promise. An `Argument` has the layout of its pointer.
        Ok(count) => unsafe { slice::from_raw_parts_mut(values.cast(), count) },
    }
}

/// # Safety
/// SQLite calls this for a function of [`register`].
unsafe extern "C" fn run_scalar(
    context: *mut ffi::sqlite3_context,
    count: c_int,
    values: *mut *mut ffi::sqlite3_value,
) {
    // SAFETY: SQLite passes a valid context, whose data is the address of a `Scalar`, and `count` values.
    let (scalar, arguments) = unsafe {
        let data = ffi::sqlite3_user_data(context).cast_const().cast::<Scalar>();
        (&*data, arguments(count, values))
    };
    let context = Context(context, PhantomData);
    answer(&context, || (scalar.run)(&context, arguments));
}

/// # Safety
/// SQLite calls this for a function of [`register`].
unsafe extern "C" fn add_row(
    context: *mut ffi::sqlite3_context,
    count: c_int,
    values: *mut *mut ffi::sqlite3_value,
) {
    let size = c_int::try_from(size_of::<*mut Box<dyn Rows>>()).unwrap_or(c_int::MAX);
    // SAFETY: SQLite passes a valid context, whose data is the address of an `Aggregate`, and `count` values. The
    // memory of the aggregate is zeroed at first, and has room for a pointer. Nothing else uses the rows now.
    unsafe {
        let aggregate = &*ffi::sqlite3_user_data(context).cast_const().cast::<Aggregate>();
        let place = ffi::sqlite3_aggregate_context(context, size).cast::<*mut Box<dyn Rows>>();
        if place.is_null() {
            ffi::sqlite3_result_error_nomem(context);
            return;
        }
        let added = panics::catch(|| {
            if (*place).is_null() {
                *place = Box::into_raw(Box::new((aggregate.begin)()));
            }
            if let Some(argument) = arguments(count, values).first_mut() {
                (**place).add(argument);
            }
        });
        if let Err(panic) = added {
            Context(context, PhantomData).answer(Err(Failure::Text(panic)));
        }
    }
}

/// SQLite calls this once for each aggregate that has begun, also where its statement has failed
/// (<https://sqlite.org/appfunc.html#the_aggregate_function_callbacks>).
///
/// # Safety
/// SQLite calls this for a function of [`register`].
unsafe extern "C" fn end_rows(context: *mut ffi::sqlite3_context) {
    // SAFETY: SQLite passes a valid context, whose data is the address of an `Aggregate`. The memory of the aggregate,
    // if there is any, has the pointer of `add_row`, which nothing uses after this call.
    let rows = unsafe {
        let aggregate = &*ffi::sqlite3_user_data(context).cast_const().cast::<Aggregate>();
        let place = ffi::sqlite3_aggregate_context(context, 0).cast::<*mut Box<dyn Rows>>();
        match place.as_mut().filter(|rows| !rows.is_null()) {
            Some(rows) => *Box::from_raw(std::mem::replace(rows, std::ptr::null_mut())),
            None => (aggregate.begin)(),
        }
    };
    let context = Context(context, PhantomData);
    answer(&context, || rows.end(&context));
}
