//! Installs the authorizer of a connection (<https://sqlite.org/c3ref/set_authorizer.html>), and gives
//! it SQLite's questions.
//!
//! SQLite's names are bytes. A schema that another program has written may have names that are not UTF-8,
//! so the questions are C strings, and are compared as bytes.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::Arc;

use rusqlite::{Connection, ffi};

use super::callbacks::CallbackHandle;
use crate::failpoints::{Point, reach};
use crate::jobs::panics;

/// One question of SQLite's authorizer.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The action code (<https://sqlite.org/c3ref/c_alter_table.html>), for example `SQLITE_INSERT`. It says
    /// what the two arguments are.
    pub action: c_int,
    /// The first argument of the action, for example the name of a table.
    pub first: Option<&'a CStr>,
    /// The second argument of the action, for example the name of a column.
    pub second: Option<&'a CStr>,
    /// The name of the database (`main`, `temp`, or that of ATTACH), if the action has one.
    pub database: Option<&'a CStr>,
    /// The innermost trigger or view that is responsible for the access. None if the statement itself is.
    pub accessor: Option<&'a CStr>,
}

/// The answer to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The statement may do it.
    Allow,
    /// The statement does not do it, and is no error.
    Ignore,
    /// The statement is an error (SQLITE_AUTH).
    Deny,
}

impl Answer {
    fn code(self) -> c_int {
        match self {
            Self::Allow => ffi::SQLITE_OK,
            Self::Ignore => ffi::SQLITE_IGNORE,
            Self::Deny => ffi::SQLITE_DENY,
        }
    }
}

/// What answers the questions of a connection.
pub trait Authorizer: Send + Sync + 'static {
    /// Answers one question. Called in the middle of SQLite's work, so it must not use the connection.
    fn authorize(&self, question: &Question<'_>) -> Answer;
}

/// The state of an installed authorizer. The connection owns it, as client data.
struct Installed<A> {
    authorizer: Arc<A>,
    handle: CallbackHandle,
}

impl<A> Drop for Installed<A> {
    fn drop(&mut self) {
        self.handle.remove_authorizer();
    }
}

/// Installs the authorizer of a connection.
///
/// # Errors
/// SQLite's error, for lack of memory.
pub fn install<A: Authorizer>(connection: &Connection, authorizer: Arc<A>) -> rusqlite::Result<()> {
    let state = Installed { authorizer, handle: CallbackHandle::of(connection) };
    // SAFETY: the name is none of rusqlite's. The connection owns the state from now on, at the returned
    // address. It drops the state when it is closed, or when this function is called again.
    let state = unsafe { connection.set_clientdata(c"latchdb_authorizer", Some(state))? };
    // SAFETY: the connection is open, and only this thread uses it. `authorize` gets the state's address.
    // The state removes the authorizer when it is dropped, so SQLite never passes the address of a state
    // that is gone.
    let code = unsafe {
        ffi::sqlite3_set_authorizer(connection.handle(), Some(authorize::<A>), state.cast())
    };
    match code {
        ffi::SQLITE_OK => Ok(()),
        code => Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)),
    }
}

/// The authorizer callback. A panic does not unwind into SQLite: it is recorded, and denies the action.
///
/// # Safety
/// `state` is the address of an [`Installed`] of this type. Each name is null, or ends with NUL and lives until this
/// returns.
unsafe extern "C" fn authorize<A: Authorizer>(
    state: *mut c_void,
    action: c_int,
    first: *const c_char,
    second: *const c_char,
    database: *const c_char,
    accessor: *const c_char,
) -> c_int {
    let answer = panics::catch(|| {
        reach(Point::Authorizer);
        // SAFETY: the caller passes the address of an `Installed<A>`, which nothing changes.
        let state = unsafe { &*state.cast::<Installed<A>>() };
        // SAFETY: the caller passes names that are null, or end with NUL and live during this call. The
        // question does not outlive it: `Authorizer::authorize` takes it for any lifetime.
        let question = unsafe {
            Question {
                action,
                first: name(first),
                second: name(second),
                database: name(database),
                accessor: name(accessor),
            }
        };
        state.authorizer.authorize(&question)
    });
    answer.unwrap_or(Answer::Deny).code()
}

/// # Safety
/// `name` is null, or ends with NUL and lives for `'a`.
unsafe fn name<'a>(name: *const c_char) -> Option<&'a CStr> {
    // SAFETY: the caller's promise.
    (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::classify::Recorder;

    fn connection() -> (Connection, Arc<Recorder>) {
        let connection = Connection::open_in_memory().unwrap();
        let recorder = Arc::<Recorder>::default();
        install(&connection, Arc::clone(&recorder)).unwrap();
        (connection, recorder)
    }

    #[test]
    fn the_state_lives_as_long_as_the_connection() {
        let (connection, recorder) = connection();
        assert_eq!(Arc::strong_count(&recorder), 2);
        connection.execute_batch("create table t (a); insert into t values (1)").unwrap();
        assert!(recorder.touches_a_table());
        drop(connection);
        assert_eq!(Arc::strong_count(&recorder), 1);
    }

    #[test]
    fn another_installation_takes_the_place_of_the_first() {
        let (connection, first) = connection();
        let second = Arc::<Recorder>::default();
        install(&connection, Arc::clone(&second)).unwrap();
        assert_eq!(Arc::strong_count(&first), 1);
        connection.execute_batch("create table t (a); insert into t values (1)").unwrap();
        assert!(!first.touches_a_table());
        assert!(second.touches_a_table());
    }

    #[test]
    fn names_that_are_not_utf_8_are_recorded_as_bytes() {
        let (connection, recorder) = connection();
        connection
            .execute_batch(
                "create table t (a); pragma writable_schema = on;
                 update sqlite_schema set name = cast(x'ff' as text), tbl_name = cast(x'ff' as text),
                     sql = cast('create table \"' || x'ff' || '\" (a)' as text);
                 pragma writable_schema = reset;
                 create view v as select 1",
            )
            .unwrap();
        recorder.tables().begin();
        let sql = c"select a from \"\xff\"";
        let mut statement = std::ptr::null_mut();
        // SAFETY: the connection is open, and the text ends with NUL.
        let code = unsafe {
            let handle = connection.handle();
            let tail = std::ptr::null_mut();
            ffi::sqlite3_prepare_v2(handle, sql.as_ptr(), -1, &raw mut statement, tail)
        };
        assert_eq!(code, ffi::SQLITE_OK);
        // SAFETY: the statement is not used any more.
        unsafe { ffi::sqlite3_finalize(statement) };
        assert_eq!(recorder.tables().end().0, [(Some(c"main".into()), c"\xff".into())]);
    }
}
