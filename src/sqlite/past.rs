//! What a connection tells of its past statements: `last_insert_rowid()` and `total_changes()`. Statements that were
//! undone and run again leave no trace in it.

use rusqlite::ffi;

use super::{Connection, Error};

/// What a connection tells of its past statements.
#[derive(Clone, Copy, Debug)]
pub struct Past {
    last_insert_rowid: i64,
    total_changes: i64,
}

impl Connection {
    /// What the connection tells of its past statements.
    pub fn past(&self) -> Past {
        Past {
            last_insert_rowid: self.raw.last_insert_rowid(),
            total_changes: self.all_changes() - self.uncounted.get(),
        }
    }

    /// Lets the connection tell again what it has told then: the statements since were undone.
    pub fn restore(&self, past: Past) {
        let uncounted = self.all_changes() - past.total_changes;
        self.uncounted.set(uncounted);
        self.restore_rowid(past.last_insert_rowid);
    }

    /// Runs SAVEPOINT, RELEASE or ROLLBACK TO of our own, which leaves `last_insert_rowid()` as it was: with a
    /// savepoint, FTS3 and FTS4 write what they have kept back, by an INSERT (fts3.c, `fts3SavepointMethod`).
    ///
    /// # Errors
    /// SQLite's error.
    pub(super) fn run_savepoint(&self, sql: &str) -> Result<(), Error> {
        let rowid = self.raw.last_insert_rowid();
        let result = self.run_own(sql);
        self.restore_rowid(rowid);
        result
    }

    fn restore_rowid(&self, rowid: i64) {
        if self.raw.last_insert_rowid() != rowid {
            // SAFETY: the connection is open, and only this thread uses it.
            unsafe { ffi::sqlite3_set_last_insert_rowid(self.raw.handle(), rowid) };
        }
    }

    fn all_changes(&self) -> i64 {
        i64::try_from(self.raw.total_changes()).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn savepoints_of_our_own_keep_the_last_rowid() {
        let connection = Connection::in_memory();
        connection
            .run_all(
                "CREATE TABLE t (a); CREATE VIRTUAL TABLE f USING fts4 (a);
                BEGIN; INSERT INTO f VALUES ('a'); INSERT INTO t (rowid) VALUES (7)",
            )
            .unwrap();
        connection.run_savepoint("SAVEPOINT s").unwrap();
        assert_eq!(connection.raw.last_insert_rowid(), 7);
        connection.run_savepoint("RELEASE s").unwrap();
        assert_eq!(connection.raw.last_insert_rowid(), 7);
    }

    #[test]
    fn what_was_undone_is_not_told() {
        let connection = Connection::in_memory();
        let told = || connection.query::<i64>("SELECT total_changes()", 1).unwrap();
        connection.run_all("CREATE TABLE t (a); INSERT INTO t VALUES (1)").unwrap();
        let (before, past) = (told(), connection.past());
        for _ in 0..2 {
            connection.run_all("BEGIN; INSERT INTO t VALUES (2), (3); ROLLBACK").unwrap();
            connection.restore(past);
            assert_eq!(told(), before);
            assert_eq!(connection.raw.last_insert_rowid(), 1);
        }
        connection.run_all("INSERT INTO t VALUES (2)").unwrap();
        assert_eq!(told(), [before[0] + 1]);
    }
}
