//! A connection, with the statements that stay prepared on it. A statement is found by the number of its
//! text, so that the text itself is neither compared nor hashed.

use std::cell::{Cell, RefCell};
use std::ops::Deref;

use rusqlite::{Connection, PrepFlags, Statement};
use rustc_hash::FxHashMap;
use self_cell::self_cell;

use super::rows::RunOptions;
use super::statement_info::StatementInfo;

/// The most statements that stay prepared. Beyond it, a quarter is finalized: those that were not used for the
/// longest time.
const MOST: usize = 256;

self_cell!(
    struct Prepared {
        owner: Connection,
        #[not_covariant]
        dependent: Statements,
    }
);

#[derive(Default)]
struct Statements<'c> {
    kept: RefCell<FxHashMap<u32, Kept<'c>>>,
    /// The open cursors, by their numbers.
    cursors: RefCell<FxHashMap<u32, OpenCursor<'c>>>,
    uses: Cell<u64>,
}

struct Kept<'c> {
    statement: Statement<'c>,
    last_use: u64,
}

/// A statement in the middle of its rows.
pub struct OpenCursor<'c> {
    /// The statement.
    pub statement: Statement<'c>,
    /// What is known of it.
    pub info: Box<StatementInfo>,
    /// How it runs.
    pub options: RunOptions,
    /// Whether it was opened in a transaction, with which it ends.
    pub is_of_transaction: bool,
}

/// A connection and its kept statements.
pub struct KeptStatements(Prepared);

// SAFETY: a connection of rusqlite may move to another thread, and with it what SQLite has prepared on it.
// Statements of rusqlite may not, because each borrows a connection that could be used by two threads then.
// Here the connection moves with all of its statements, and is not `Sync`. No list, which is an `Rc`, is bound to
// one of them meanwhile: `with_slot` clears the bindings.
unsafe impl Send for KeptStatements {}

/// The place of one statement, while it is used. What is in it afterwards stays prepared.
pub struct Slot<'c> {
    /// The connection.
    pub connection: &'c Connection,
    /// The statement. None if it is not prepared.
    pub statement: Option<Statement<'c>>,
}

impl KeptStatements {
    /// A connection without statements.
    pub fn new(connection: Connection) -> Self {
        Self(Prepared::new(connection, |_| Statements::default()))
    }

    /// Uses the statement with this number. If `run` panics, the statement is finalized.
    pub fn with_slot<T>(&self, id: u32, run: impl for<'c> FnOnce(&mut Slot<'c>) -> T) -> T {
        self.0.with_dependent(|connection, statements| {
            let kept = statements.kept.borrow_mut().remove(&id);
            let mut slot = Slot { connection, statement: kept.map(|kept| kept.statement) };
            let result = run(&mut slot);
            if let Some(mut statement) = slot.statement {
                statement.clear_bindings();
                statements.keep(id, statement);
            }
            result
        })
    }

    /// Uses the cursor with this number. What is there afterwards stays open.
    pub fn with_cursor<T>(
        &self,
        number: u32,
        run: impl for<'c> FnOnce(&'c Connection, &mut Option<OpenCursor<'c>>) -> T,
    ) -> T {
        self.0.with_dependent(|connection, statements| {
            let mut cursor = statements.cursors.borrow_mut().remove(&number);
            let result = run(connection, &mut cursor);
            if let Some(cursor) = cursor {
                statements.cursors.borrow_mut().insert(number, cursor);
            }
            result
        })
    }

    /// Closes the cursors that were opened in a transaction, which has ended, or all cursors. Returns the numbers of
    /// their columns.
    pub fn close_cursors(&self, all: bool) -> Vec<u32> {
        self.0.with_dependent(|_, statements| {
            let is_closed = |_: &u32, cursor: &mut OpenCursor<'_>| all || cursor.is_of_transaction;
            let mut cursors = statements.cursors.borrow_mut();
            cursors.extract_if(is_closed).filter_map(|(_, closed)| closed.info.shape).collect()
        })
    }

    /// Whether a cursor is open.
    pub fn has_cursors(&self) -> bool {
        self.0.with_dependent(|_, statements| !statements.cursors.borrow().is_empty())
    }

    /// Finalizes all statements, and returns the connection.
    pub fn into_connection(self) -> Connection {
        self.0.into_owner()
    }
}

impl Deref for KeptStatements {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.0.borrow_owner()
    }
}

impl<'c> Slot<'c> {
    /// Prepares the statement, which has this text, for many uses.
    ///
    /// # Errors
    /// SQLite's error.
    pub fn prepare(&self, sql: &str) -> rusqlite::Result<Statement<'c>> {
        self.connection.prepare_with_flags(sql, PrepFlags::SQLITE_PREPARE_PERSISTENT)
    }
}

impl<'c> Statements<'c> {
    fn keep(&self, id: u32, statement: Statement<'c>) {
        let last_use = self.uses.get();
        self.uses.set(last_use + 1);
        let mut kept = self.kept.borrow_mut();
        kept.insert(id, Kept { statement, last_use });
        if kept.len() > MOST {
            let mut uses: Vec<u64> = kept.values().map(|kept| kept.last_use).collect();
            let (_, limit, _) = uses.select_nth_unstable(MOST / 4);
            kept.retain(|_, kept| kept.last_use > *limit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(statements: &KeptStatements, id: u32) -> bool {
        statements.with_slot(id, |slot| {
            let was_prepared = slot.statement.is_some();
            let mut statement = match slot.statement.take() {
                Some(statement) => statement,
                None => slot.prepare("select ?1").unwrap(),
            };
            let found: u32 = statement.query_row([id], |row| row.get(0)).unwrap();
            assert_eq!(found, id);
            slot.statement = Some(statement);
            was_prepared
        })
    }

    #[test]
    fn a_statement_stays_prepared_until_many_others_were_used() {
        let statements = KeptStatements::new(Connection::open_in_memory().unwrap());
        assert!(!run(&statements, 1));
        assert!(run(&statements, 1));
        for id in 2..=257 {
            assert!(!run(&statements, id));
            assert!(run(&statements, 1), "it is used again and again");
        }
        assert!(!run(&statements, 2), "it was not used for the longest time");
        assert!(run(&statements, 257));
    }

    #[test]
    fn an_emptied_slot_is_prepared_again_and_the_connection_can_be_closed() {
        let statements = KeptStatements::new(Connection::open_in_memory().unwrap());
        run(&statements, 1);
        statements.with_slot(1, |slot| slot.statement = None);
        assert!(!run(&statements, 1));
        statements.into_connection().close().unwrap();
    }

    #[test]
    fn arguments_are_not_kept() {
        let statements = KeptStatements::new(Connection::open_in_memory().unwrap());
        run(&statements, 7);
        let again = statements.with_slot(7, |slot| {
            let statement = slot.statement.as_mut().unwrap();
            let mut rows = statement.raw_query();
            rows.next().unwrap().unwrap().get::<_, Option<u32>>(0).unwrap()
        });
        assert_eq!(again, None);
    }
}
