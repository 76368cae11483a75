//! What a callback of SQLite asks its connection while a statement runs on it.

use rusqlite::{Connection, ffi};

/// Every how many of SQLite's virtual machine steps a running statement asks whether it shall end.
/// 1,000 costs nothing that could be measured.
const STEPS_BETWEEN_CHECKS: i32 = 1000;

/// A connection's own handle, for the callbacks that SQLite makes on it.
#[derive(Debug)]
pub struct CallbackHandle(*mut ffi::sqlite3);

// SAFETY: a callback moves with its connection, and nothing else has the handle.
unsafe impl Send for CallbackHandle {}
// SAFETY: as above: SQLite makes the callbacks of a connection on the thread that uses it.
unsafe impl Sync for CallbackHandle {}

impl CallbackHandle {
    /// For a callback of this connection, and nothing else.
    pub fn of(connection: &Connection) -> Self {
        // SAFETY: only callbacks use it, which SQLite makes while the connection is open.
        Self(unsafe { connection.handle() })
    }

    /// Whether the connection has the write lock of its main database.
    pub fn is_writing(&self) -> bool {
        // SAFETY: asked by a callback only: the connection is open and running on this thread. The
        // function only reads, and any state of the connection allows it.
        unsafe { ffi::sqlite3_txn_state(self.0, c"main".as_ptr()) == ffi::SQLITE_TXN_WRITE }
    }

    /// Whether a statement has begun and has not ended. The handles on single values that
    /// extensions keep open (`sqlite3_blob_open`) are statements without a text, and do not count.
    pub fn runs_a_statement(&self) -> bool {
        let mut statement = std::ptr::null_mut();
        loop {
            // SAFETY: as above. The list of statements does not change while a callback looks at it:
            // only this thread uses the connection. All three functions only read.
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

/// Ends the statement that runs, in SQLITE_INTERRUPT, once `shall_end` says so.
///
/// A statement that is done is left: SQLite asks its progress handler once more after the last step,
/// when what the statement did is committed already, and would report the answer as its error.
pub fn end_running_statement_when(
    connection: &mut Connection,
    mut shall_end: impl FnMut() -> bool + Send + 'static,
) -> rusqlite::Result<()> {
    let handle = CallbackHandle::of(connection);
    let ends = move || shall_end() && handle.runs_a_statement();
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
        end_running_statement_when(&mut connection, move || shall_end.load(Ordering::SeqCst))
            .unwrap();
        connection
    }

    fn count(connection: &Connection) -> i64 {
        connection.query_row("select count(*) from t", [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn what_is_committed_is_not_interrupted_afterwards() {
        let shall_end = Arc::new(AtomicBool::new(true));
        let connection = connection(&shall_end);
        let prepare = |sql| connection.prepare(sql).unwrap();
        let mut insert = prepare("insert into t values (null)");
        let (mut begin, mut commit) = (prepare("begin"), prepare("commit"));
        let mut done = 0;
        // SQLite counts the steps of all runs of a statement: some run ends at a multiple of 1,000.
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
            // An interrupt in the middle of a write has rolled back all of its transaction.
            if !connection.is_autocommit() {
                connection.execute_batch("rollback").unwrap();
            }
        }
        shall_end.store(false, Ordering::SeqCst);
        assert_eq!(count(&connection), done);
    }

    #[test]
    fn what_runs_is_interrupted() {
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
