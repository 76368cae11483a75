//! The function `total_changes()` of a connection, which does not count what was undone and has run again.

use std::ffi::{c_int, c_void};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rusqlite::{Connection, ffi};

/// The changes of a connection that `total_changes()` does not count. Only the thread that uses the connection
/// accesses them.
#[derive(Debug, Default)]
pub struct Uncounted(AtomicI64);

impl Uncounted {
    /// Their number.
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Sets their number.
    pub fn set(&self, changes: i64) {
        self.0.store(changes, Ordering::Relaxed);
    }

    /// Replaces the function `total_changes()` of a connection: SQLite counts what was undone, too
    /// (<https://sqlite.org/c3ref/total_changes.html>). `self` has to live for longer than the connection.
    pub fn install(self: &Arc<Self>, connection: &Connection) -> rusqlite::Result<()> {
        let uncounted = Arc::as_ptr(self).cast_mut().cast();
        // SAFETY: the connection is open, and only this thread uses it. SQLite calls the function until the connection
        // is closed, and the caller keeps the `Uncounted` until then.
        let code = unsafe {
            ffi::sqlite3_create_function_v2(
                connection.handle(),
                c"total_changes".as_ptr(),
                0,
                ffi::SQLITE_UTF8 | ffi::SQLITE_INNOCUOUS,
                uncounted,
                Some(total_changes),
                None,
                None,
                None,
            )
        };
        match code {
            ffi::SQLITE_OK => Ok(()),
            code => Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)),
        }
    }
}

unsafe extern "C" fn total_changes(
    context: *mut ffi::sqlite3_context,
    _count: c_int,
    _arguments: *mut *mut ffi::sqlite3_value,
) {
    // SAFETY: SQLite calls this with a valid context, and `Uncounted::install` has passed a pointer to an `Uncounted`
    // that lives for longer than the connection.
    unsafe {
        let uncounted: *mut c_void = ffi::sqlite3_user_data(context);
        let uncounted = &*uncounted.cast_const().cast::<Uncounted>();
        let all = ffi::sqlite3_total_changes64(ffi::sqlite3_context_db_handle(context));
        ffi::sqlite3_result_int64(context, all - uncounted.get());
    }
}
