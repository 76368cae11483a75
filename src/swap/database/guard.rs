//! Our last connection on the old database: from its `BEGIN IMMEDIATE` on nobody else commits, and
//! everybody reads on.

use std::path::{Path, PathBuf};

use super::own::Own;
use super::request::Patience;
use crate::open_files;
use crate::swap::error::database::DatabaseProblem;
use crate::swap::error::{Result, Step};

/// See the module's own text.
#[derive(Debug)]
pub struct Guard {
    own: Own,
    data_version: i64,
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
    pub fn of(own: &Own) -> Result<Self> {
        Ok(Self {
            is_wal: own.pragma::<String>("journal_mode")? == "wal",
            page_size: own.pragma("page_size")?,
            encoding: own.pragma("encoding")?,
            auto_vacuum: own.pragma("auto_vacuum")?,
            user_version: own.pragma("user_version")?,
            schema_version: own.pragma("schema_version")?,
        })
    }
}

impl Guard {
    /// Waits for those who write, and keeps them out from then on.
    pub fn take(path: &Path, patience: &Patience) -> Result<Self> {
        let own = Own::open(path, Step::Guard, patience)?;
        own.run("BEGIN IMMEDIATE")?;
        let facts = Facts::of(&own)?;
        Ok(Self { data_version: own.pragma("data_version")?, facts, own })
    }

    /// Lets the others in again.
    pub fn unlock(&mut self, step: Step) -> Result<()> {
        self.own.begin(step);
        self.own.run("ROLLBACK")
    }

    /// Keeps them out again: an error where one of them has committed meanwhile.
    pub fn lock_again(&mut self) -> Result<()> {
        self.own.run("BEGIN IMMEDIATE")?;
        self.check_unchanged()
    }

    /// An error where somebody else has committed since it was taken.
    pub fn check_unchanged(&self) -> Result<()> {
        if self.own.pragma::<i64>("data_version")? == self.data_version {
            return Ok(());
        }
        Err(self.own.problem(DatabaseProblem::Changed))
    }

    /// Lets the others in, and makes the database one file, whose journal mode is not WAL. False
    /// where others are in the way: then it is as it was, but for what is in the `-wal`.
    pub fn fold(&mut self) -> Result<bool> {
        self.unlock(Step::Checkpoint)?;
        if self.facts.is_wal {
            return Ok(self.own.checkpoint()? && self.own.journal_mode("delete")? == "delete");
        }
        // Whoever used journal_mode PERSIST or TRUNCATE left an empty journal: SQLite removes it when
        // that mode is left.
        if sidecars(self.own.path()).next().is_some() {
            self.own.journal_mode("persist")?;
            self.own.journal_mode("delete")?;
        }
        Ok(true)
    }

    /// Its connection.
    pub fn own(&mut self) -> &mut Own {
        &mut self.own
    }

    /// Closes it.
    pub fn close(self) -> Result<()> {
        self.own.close()
    }
}

/// What is beside a database now: `-wal`, `-shm`, `-journal`.
pub fn sidecars(database: &Path) -> impl Iterator<Item = PathBuf> {
    open_files::sidecars::of(database).filter(|sidecar| sidecar.symlink_metadata().is_ok())
}
