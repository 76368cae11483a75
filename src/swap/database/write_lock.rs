//! Our last connection on the old database: from its `BEGIN IMMEDIATE` on nobody else commits, and
//! everybody reads on.

use std::path::{Path, PathBuf};

use super::maintenance::MaintenanceConnection;
use super::recovery_record;
use super::request::Limits;
use crate::failpoints::{Safeguard, is_removed};
use crate::files;
use crate::swap::error::database::DatabaseProblem;
use crate::swap::error::{Result, Step};

/// See the module's own text.
#[derive(Debug)]
pub struct WriteLock {
    connection: MaintenanceConnection,
    data_version: i64,
    /// Which files are its `-wal` and `-shm`, where it is in WAL mode.
    wal: [Option<String>; 2],
    /// What the old database is like.
    pub facts: Facts,
}

/// What a new database takes over from the old one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Whether its journal mode is WAL.
    pub is_wal: bool,
    /// In bytes.
    pub page_size: i64,
    /// As `PRAGMA encoding` has it.
    pub encoding: String,
    /// As `PRAGMA auto_vacuum` has it.
    pub auto_vacuum: i64,
    /// The application's own number.
    pub user_version: i64,
    /// SQLite's counter of changes to the schema.
    pub schema_version: i64,
}

impl Facts {
    /// Those of an open database.
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
    /// Waits for those who write, and keeps them out from then on.
    pub fn take(path: &Path, limits: &Limits) -> Result<Self> {
        let connection = MaintenanceConnection::open(path, Step::Guard, limits)?;
        connection.run("BEGIN IMMEDIATE")?;
        let facts = Facts::of(&connection)?;
        let wal = if facts.is_wal { wal_of(path) } else { [None, None] };
        Ok(Self { data_version: connection.pragma("data_version")?, wal, facts, connection })
    }

    /// An error where somebody has committed since it was taken, although it keeps them out. Another
    /// SQLite library of this process drops its locks when it closes the database, takes itself for the
    /// last one there, and removes the `-wal`: then what others commit goes where we do not look.
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

    /// Lets the others in again.
    pub fn unlock(&mut self, step: Step) -> Result<()> {
        self.connection.begin(step);
        self.connection.run("ROLLBACK")
    }

    /// Keeps them out again: an error where one of them has committed meanwhile.
    pub fn lock_again(&mut self) -> Result<()> {
        self.connection.run("BEGIN IMMEDIATE")?;
        self.check_unchanged()
    }

    /// An error where somebody else has committed since it was taken.
    pub fn check_unchanged(&self) -> Result<()> {
        if self.connection.pragma::<i64>("data_version")? == self.data_version {
            return Ok(());
        }
        Err(self.connection.problem(DatabaseProblem::Changed))
    }

    /// Lets the others in, and makes the database one file, whose journal mode is not WAL. False
    /// where others are in the way: then it is as it was, but for what is in the `-wal`.
    pub fn checkpoint_and_leave_wal(&mut self) -> Result<bool> {
        self.check_files()?;
        self.unlock(Step::Checkpoint)?;
        if self.facts.is_wal {
            return Ok(self.connection.checkpoint()? && self.leave_wal()?);
        }
        // Whoever used journal_mode PERSIST or TRUNCATE left an empty journal.
        self.connection.remove_cold_journal()?;
        Ok(true)
    }

    /// Leaves WAL mode, unless somebody else has the database open. Neither the change counter nor
    /// `data_version` tells of a commit that is in the `-wal` when that is left: so nobody may commit
    /// between the look at the version and the end of the mode. In this locking mode a transaction
    /// takes SQLite's exclusive lock, and its end does not let it go; leaving the mode does.
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

    /// Its connection.
    pub fn connection(&mut self) -> &mut MaintenanceConnection {
        &mut self.connection
    }

    /// Closes it.
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

/// What SQLite would read into a database. It takes an empty `-wal` or `-journal` for none, and
/// writes a `-shm` that nobody has open anew.
pub fn sidecars_with_data(database: &Path) -> impl Iterator<Item = std::path::PathBuf> {
    sidecars(database).filter(|sidecar| {
        !files::sidecars::is_shared_memory(sidecar)
            && std::fs::symlink_metadata(sidecar).is_ok_and(|found| found.len() > 0)
    })
}

/// What is beside a database now: `-wal`, `-shm`, `-journal`.
pub fn sidecars(database: &Path) -> impl Iterator<Item = PathBuf> {
    files::sidecars::of(database).filter(|sidecar| sidecar.symlink_metadata().is_ok())
}

#[cfg(test)]
mod tests {
    use super::super::process::Process;
    use super::*;
    use std::sync::Arc;
    use std::time::Duration;

    /// One that changes no more than a row: the first page, with the change counter, stays as it is.
    #[test]
    fn a_commit_while_wal_mode_is_left_is_seen() {
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
    fn nobody_gets_in_while_wal_mode_is_left_and_everybody_afterwards() {
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
        assert!(!write_lock.checkpoint_and_leave_wal().unwrap(), "somebody else has it open");
        write_lock.lock_again().unwrap();
        other.close();
        assert!(write_lock.checkpoint_and_leave_wal().unwrap());
        assert_eq!(sidecars(&path).count(), 0);
        other.open(&path);
        other.run("INSERT INTO t VALUES (1)");
        other.end();
        write_lock.close().unwrap();
    }
}
