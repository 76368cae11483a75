//! The write lock: our connection on the old database, with an open `BEGIN IMMEDIATE`. Other
//! connections cannot commit meanwhile, but may read.

use std::path::Path;

use super::maintenance::MaintenanceConnection;
use super::recovery_record;
use super::request::Limits;
use crate::failpoints::{Safeguard, is_removed};
use crate::swap::steps::error::database::DatabaseProblem;
use crate::swap::steps::error::{Result, Step};

/// A connection that keeps other connections from committing.
#[derive(Debug)]
pub struct WriteLock {
    connection: MaintenanceConnection,
    data_version: i64,
    /// The identities of `-wal` and `-shm`, if the database is in WAL mode.
    wal: [Option<String>; 2],
    /// The settings and counters of the old database.
    pub facts: Facts,
}

/// The settings that a new database takes over from the old one, and two counters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Whether the journal mode is WAL.
    pub is_wal: bool,
    /// The page size in bytes.
    pub page_size: i64,
    /// The value of `PRAGMA encoding`.
    pub encoding: String,
    /// The value of `PRAGMA auto_vacuum`.
    pub auto_vacuum: i64,
    /// The application's version number.
    pub user_version: i64,
    /// SQLite's counter of changes to the schema.
    pub schema_version: i64,
}

impl Facts {
    /// Reads them from an open database.
    pub fn of(connection: &MaintenanceConnection) -> Result<Self> {
        Ok(Self {
            is_wal: connection.pragma::<String>("journal_mode")? == "wal",
            page_size: connection.pragma("page_size")?,
            encoding: connection.pragma("encoding")?,
            auto_vacuum: connection.pragma("auto_vacuum")?,
            user_version: connection.pragma("user_version")?,
            schema_version: connection.pragma("schema_version")?,
        })
    }
}

impl WriteLock {
    /// Waits until no other connection writes, and takes the lock.
    pub fn take(path: &Path, limits: &Limits) -> Result<Self> {
        let connection = MaintenanceConnection::open(path, Step::Guard, limits)?;
        connection.run("BEGIN IMMEDIATE")?;
        let facts = Facts::of(&connection)?;
        let wal = if facts.is_wal { wal_of(path) } else { [None, None] };
        Ok(Self { data_version: connection.pragma("data_version")?, wal, facts, connection })
    }

    /// Fails if another connection has committed in spite of the lock. When another SQLite library
    /// in this process closes the database, our lock is dropped. That library may also consider
    /// itself the last connection and remove the `-wal`. Later commits of other processes then go
    /// to a new `-wal`, which our connection does not read.
    pub fn check_kept(&mut self, step: Step) -> Result<()> {
        self.check_files()?;
        self.unlock(step)?;
        self.lock_again()
    }

    fn check_files(&self) -> Result<()> {
        if !self.facts.is_wal || wal_of(self.connection.path()) == self.wal {
            return Ok(());
        }
        Err(self.connection.problem(DatabaseProblem::ForeignSqlite))
    }

    /// Releases the lock.
    pub fn unlock(&mut self, step: Step) -> Result<()> {
        self.connection.begin(step);
        self.connection.run("ROLLBACK")
    }

    /// Takes the lock again. Fails if another connection has committed meanwhile.
    pub fn lock_again(&mut self) -> Result<()> {
        self.connection.run("BEGIN IMMEDIATE")?;
        self.check_unchanged()
    }

    /// Fails if another connection has committed since the lock was taken.
    pub fn check_unchanged(&self) -> Result<()> {
        if self.connection.pragma::<i64>("data_version")? == self.data_version {
            return Ok(());
        }
        Err(self.connection.problem(DatabaseProblem::Changed))
    }

    /// Releases the lock, and makes the database a single file outside of WAL mode. Returns false
    /// if other connections prevent that. The database is unchanged then, except that its `-wal`
    /// may be checkpointed.
    pub fn checkpoint_and_leave_wal(&mut self) -> Result<bool> {
        self.check_files()?;
        self.unlock(Step::Checkpoint)?;
        if self.facts.is_wal {
            return Ok(self.connection.checkpoint()? && self.leave_wal()?);
        }
        // A connection with journal_mode PERSIST or TRUNCATE has left a journal without a
        // transaction.
        self.connection.remove_cold_journal()?;
        Ok(true)
    }

    /// Leaves WAL mode, unless another connection has the database open. Neither the change counter
    /// nor `data_version` reveals a commit that is in the `-wal` when the mode ends. So no
    /// connection may commit between the check of the version and the end of the mode. In exclusive
    /// locking mode, a transaction takes SQLite's exclusive lock and keeps it after its end.
    /// Leaving WAL mode in normal locking mode releases it.
    fn leave_wal(&mut self) -> Result<bool> {
        self.connection.set("locking_mode", "exclusive")?;
        let is_alone = self.connection.run_without_waiting("BEGIN IMMEDIATE")?;
        if is_alone {
            if !is_removed(Safeguard::ChangeCheck) {
                self.check_unchanged()?;
            }
            self.connection.run("ROLLBACK")?;
        }
        self.connection.set("locking_mode", "normal")?;
        Ok(is_alone && self.connection.journal_mode("delete")? == "delete")
    }

    /// The connection that holds the lock.
    pub fn connection(&mut self) -> &mut MaintenanceConnection {
        &mut self.connection
    }

    /// Closes the connection, which releases the lock.
    pub fn close(self) -> Result<()> {
        self.connection.close()
    }
}

fn wal_of(database: &Path) -> [Option<String>; 2] {
    ["-wal", "-shm"].map(|suffix| {
        let mut name = database.as_os_str().to_owned();
        name.push(suffix);
        recovery_record::identity(Path::new(&name))
    })
}

#[cfg(test)]
mod tests {
    use super::super::process::Process;
    use super::super::sidecars;
    use super::*;
    use std::sync::Arc;
    use std::time::Duration;

    /// The commit changes only a row, so that the first page with the change counter stays the
    /// same.
    #[test]
    fn a_commit_before_wal_mode_is_left_is_detected() {
        for before_checkpoint in [true, false] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a.db");
            let setup = rusqlite::Connection::open(&path).unwrap();
            setup.pragma_update(None, "journal_mode", "wal").unwrap();
            setup.execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (1)").unwrap();
            setup.close().unwrap();
            let limits = Limits { timeout: Duration::ZERO, cancel: Arc::default() };
            let mut write_lock = WriteLock::take(&path, &limits).unwrap();
            write_lock.unlock(Step::Checkpoint).unwrap();
            if !before_checkpoint {
                assert!(write_lock.connection.checkpoint().unwrap());
            }
            let mut other = Process::start();
            other.open(&path);
            other.run("INSERT INTO t VALUES (2)");
            other.end();
            assert!(write_lock.connection.checkpoint().unwrap());
            let error = write_lock.leave_wal().unwrap_err();
            assert_eq!(error.code(), "DATABASE_CHANGED");
            write_lock.close().unwrap();
        }
    }

    #[test]
    fn wal_mode_is_left_only_without_other_connections() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let setup = rusqlite::Connection::open(&path).unwrap();
        setup.pragma_update(None, "journal_mode", "wal").unwrap();
        setup.execute_batch("CREATE TABLE t (x)").unwrap();
        setup.close().unwrap();
        let limits = Limits { timeout: Duration::ZERO, cancel: Arc::default() };
        let mut write_lock = WriteLock::take(&path, &limits).unwrap();
        let mut other = Process::start();
        other.open(&path);
        assert!(!write_lock.checkpoint_and_leave_wal().unwrap(), "another process has it open");
        write_lock.lock_again().unwrap();
        other.close();
        assert!(write_lock.checkpoint_and_leave_wal().unwrap());
        assert_eq!(sidecars::existing(&path).count(), 0);
        other.open(&path);
        other.run("INSERT INTO t VALUES (1)");
        other.end();
        write_lock.close().unwrap();
    }
}
