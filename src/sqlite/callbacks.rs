//! The questions that SQLite's callbacks ask their connection while a statement runs, and the progress
//! handler.

use rusqlite::{Connection, ffi};

use crate::failpoints::{Point, reach};

/// The number of SQLite's virtual machine steps between two checks for a cancel, and for the bounds of a run
/// in place. They take some microseconds.
const STEPS_BETWEEN_CHECKS: i32 = 250;

/// The handle of a connection, for use in callbacks that SQLite makes on that connection.
#[derive(Debug)]
pub struct CallbackHandle(*mut ffi::sqlite3);

// SAFETY: the handle is used in callbacks of its connection only, and moves to another thread together
// with that connection.
unsafe impl Send for CallbackHandle {}
// SAFETY: SQLite makes the callbacks of a connection on the thread that uses the connection, so there are
// no concurrent uses of the handle.
unsafe impl Sync for CallbackHandle {}

impl CallbackHandle {
    /// The handle of this connection. Only callbacks of the connection may use it.
    pub fn of(connection: &Connection) -> Self {
        // SAFETY: only callbacks use the handle, and SQLite makes callbacks only while the connection
        // is open.
        Self(unsafe { connection.handle() })
    }

    /// Whether the connection holds the write lock of its main database.
    pub fn is_writing(&self) -> bool {
        // SAFETY: only a callback calls this, so the connection is open and in use by this thread. The
        // function only reads, and is allowed in any state of the connection.
        unsafe { ffi::sqlite3_txn_state(self.0, c"main".as_ptr()) == ffi::SQLITE_TXN_WRITE }
    }

    /// Removes the authorizer of the connection.
    pub fn remove_authorizer(&self) {
        // SAFETY: only the destructor of the connection's client data calls this. SQLite calls it while the
        // connection is open and in use by this thread. The function only sets a pointer, and is allowed in
        // any state of the connection.
        unsafe { ffi::sqlite3_set_authorizer(self.0, None, std::ptr::null_mut()) };
    }

    /// Whether a statement is running: it has begun and has not ended. Blob handles that extensions keep
    /// open (`sqlite3_blob_open`) are statements without a text, and do not count.
    pub fn runs_a_statement(&self) -> bool {
        let mut statement = std::ptr::null_mut();
        loop {
            // SAFETY: only a callback calls this, so the connection is open and in use by this thread.
            // No other thread uses it, so the list of statements does not change during the loop. All
            // three functions only read.
            let runs = unsafe {
                statement = ffi::sqlite3_next_stmt(self.0, statement);
                if statement.is_null() {
                    return false;
                }
                ffi::sqlite3_stmt_busy(statement) != 0 && !ffi::sqlite3_sql(statement).is_null()
            };
            if runs {
                return true;
            }
        }
    }
}

/// Installs a progress handler that ends the running statement with SQLITE_INTERRUPT once `shall_end`
/// returns true.
///
/// The handler does not end a statement that has finished. SQLite calls the handler once more after the
/// last step, when the statement's changes are committed already, and would report SQLITE_INTERRUPT for
/// them. It does not end the preparation of a statement either, in which SQLite may read the whole schema,
/// unless `ends_preparation` returns true.
pub fn end_running_statement_when(
    connection: &mut Connection,
    mut shall_end: impl FnMut() -> bool + Send + 'static,
    ends_preparation: impl Fn() -> bool + Send + 'static,
) -> rusqlite::Result<()> {
    let handle = CallbackHandle::of(connection);
    let ends = move || {
        reach(Point::ProgressHandler);
        shall_end() && (ends_preparation() || handle.runs_a_statement())
    };
    connection.progress_handler(STEPS_BETWEEN_CHECKS, Some(ends))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    fn connection(shall_end: &Arc<AtomicBool>) -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("create table t (id integer primary key)").unwrap();
        let shall_end = Arc::clone(shall_end);
        let shall_end = move || shall_end.load(Ordering::SeqCst);
        end_running_statement_when(&mut connection, shall_end, || false).unwrap();
        connection
    }

    fn count(connection: &Connection) -> i64 {
        connection.query_row("select count(*) from t", [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_committed_statement_is_not_reported_as_interrupted() {
        let shall_end = Arc::new(AtomicBool::new(true));
        let connection = connection(&shall_end);
        let prepare = |sql| connection.prepare(sql).unwrap();
        let mut insert = prepare("insert into t values (null)");
        let (mut begin, mut commit) = (prepare("begin"), prepare("commit"));
        let mut done = 0;
        // SQLite counts steps across the runs of a statement, so some run ends at a multiple of 1,000.
        for _ in 0..4_000 {
            done += i64::from(insert.execute([]).is_ok());
        }
        for _ in 0..4_000 {
            if begin.execute([]).is_err() {
                assert!(connection.is_autocommit());
                continue;
            }
            if insert.execute([]).is_ok() {
                assert_eq!(commit.execute([]).is_ok(), connection.is_autocommit());
                done += i64::from(connection.is_autocommit());
            }
            // An interrupt in the middle of a write rolls back the whole transaction.
            if !connection.is_autocommit() {
                connection.execute_batch("rollback").unwrap();
            }
        }
        shall_end.store(false, Ordering::SeqCst);
        assert_eq!(count(&connection), done);
    }

    #[test]
    fn a_running_statement_is_interrupted() {
        let shall_end = Arc::new(AtomicBool::new(true));
        let connection = connection(&shall_end);
        let endless = "with recursive n (i) as (select 1 union all select i + 1 from n) \
                       insert into t select i from n";
        let error = connection.execute(endless, []).unwrap_err();
        assert_eq!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::OperationInterrupted));
        shall_end.store(false, Ordering::SeqCst);
        assert_eq!(count(&connection), 0);
    }
}
