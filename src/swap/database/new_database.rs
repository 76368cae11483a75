//! The new database while it is made: a staging file that SQLite writes.

use std::fs::Metadata;
use std::path::{Path, PathBuf};

use super::maintenance::MaintenanceConnection;
use super::pages::Copy;
use super::request::{DatabaseSwapCaller, Limits};
use super::write_lock::{Facts, sidecars};
use crate::files::{self, PlainFile};
use crate::swap::error::database::DatabaseProblem;
use crate::swap::error::{Problem, Result, Step, SwapError};
use crate::swap::staging::{self, StagingFile};
use crate::swap::target::Target;

/// How many findings of a check an error holds.
const MOST_FINDINGS: usize = 10;

/// See the module's own text.
#[derive(Debug)]
pub struct NewDatabase {
    // SQLite's files first: a staging file without them is easier to know.
    sidecars: Sidecars,
    staging: StagingFile,
    limits: Limits,
    /// What it is like, once it is checked.
    pub facts: Option<Facts>,
}

/// What SQLite has beside the staging file. Dropping it removes them.
#[derive(Debug)]
struct Sidecars(PathBuf);

impl Drop for Sidecars {
    fn drop(&mut self) {
        for sidecar in sidecars(&self.0) {
            // What cannot be removed now is removed by the next swap of the target.
            let _ = staging::remove(&sidecar);
        }
    }
}

impl NewDatabase {
    /// Makes an empty one, which only its owner may read.
    pub fn create(target: &Target, limits: &Limits) -> Result<Self> {
        let (staging, file) = StagingFile::create(target, target.found.is_none())?;
        // Before SQLite opens it: its locks would go with this handle.
        drop(file);
        let sidecars = Sidecars(staging.path().to_owned());
        Ok(Self { sidecars, staging, limits: limits.clone(), facts: None })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.staging.path()
    }

    /// The permissions that a new file gets here.
    pub fn default_mode(&self) -> Option<u32> {
        self.staging.default_mode()
    }

    /// Writes a header like the old database's.
    pub fn begin_like(&self, old: &Facts) -> Result<()> {
        let connection = self.open(Step::Stage)?;
        connection.set("page_size", old.page_size)?;
        connection.set("encoding", &old.encoding)?;
        connection.set("auto_vacuum", old.auto_vacuum)?;
        set_journal_mode(&connection, old.is_wal)?;
        // An empty transaction writes the first page of an empty file; but how text is encoded is
        // written with the first entry of the schema.
        connection.run("BEGIN IMMEDIATE; CREATE VIEW v AS SELECT 1; DROP VIEW v; COMMIT")?;
        connection.close()
    }

    /// Copies a database into it, as it is at one instant.
    pub fn fill(
        &self,
        source: &Path,
        old: Option<&Facts>,
        caller: &mut dyn DatabaseSwapCaller,
    ) -> Result<()> {
        let source = MaintenanceConnection::open(source, Step::Write, &self.limits)?;
        let mut connection = self.open(Step::Write)?;
        Copy::begin(&source, &mut connection, caller)?.finish(caller, || Ok(()))?;
        source.close()?;
        if let Some(old) = old {
            set_journal_mode(&connection, old.is_wal)?;
        }
        connection.close()
    }

    /// SQLite's own checks, once nobody of this process has it open: for damage, and where
    /// `constraints`, also for what its own constraints forbid.
    pub fn check(&mut self, constraints: bool) -> Result<()> {
        let connection = self.open(Step::Check)?;
        connection.set("ignore_check_constraints", !constraints)?;
        let integrity = connection.texts("PRAGMA integrity_check", MOST_FINDINGS)?;
        if integrity != ["ok"] {
            return Err(connection.problem(DatabaseProblem::IntegrityCheck(integrity)));
        }
        if constraints {
            let foreign_keys = connection.texts(FOREIGN_KEYS, MOST_FINDINGS)?;
            if !foreign_keys.is_empty() {
                return Err(connection.problem(DatabaseProblem::ForeignKeyCheck(foreign_keys)));
            }
        }
        connection.close()
    }

    /// Makes it one file, which nobody has open.
    pub fn settle(&mut self, step: Step) -> Result<(PlainFile, Metadata)> {
        let connection = self.open(step)?;
        // One without a single page would do nothing where it is copied into another.
        connection.run("BEGIN IMMEDIATE; COMMIT")?;
        connection.checkpoint()?;
        self.facts = Some(Facts::of(&connection)?);
        connection.remove_cold_journal()?;
        connection.close()?;
        if let Some(sidecar) = sidecars(self.path()).next() {
            return Err(self.wrong(step, DatabaseProblem::StagingSidecar(sidecar).into()));
        }
        self.staging.reopen()
    }

    /// It has its own name now.
    pub fn committed(self) {
        let Self { staging, sidecars, .. } = self;
        staging.committed();
        drop(sidecars);
    }

    fn open(&self, step: Step) -> Result<MaintenanceConnection> {
        let path = self.path();
        if files::open_by(path).is_some() {
            return Err(self.wrong(step, DatabaseProblem::StagingOpen.into()));
        }
        match std::fs::symlink_metadata(path) {
            Ok(found) if found.is_file() => MaintenanceConnection::open(path, step, &self.limits),
            Ok(_) => Err(self.wrong(step, Problem::NotAFile("STAGING_NOT_A_FILE"))),
            Err(_) => Err(self.wrong(step, Problem::Missing("STAGING_MISSING"))),
        }
    }

    fn wrong(&self, step: Step, problem: Problem) -> SwapError {
        SwapError::new(problem, step, self.path())
    }
}

/// A line for each row that refers to one that is not there.
pub const FOREIGN_KEYS: &str = "SELECT format('row %s of %s refers to a row of %s that is not there', \
     coalesce(rowid, '?'), \"table\", parent) FROM pragma_foreign_key_check";

/// The file's own: WAL or not.
fn set_journal_mode(connection: &MaintenanceConnection, is_wal: bool) -> Result<()> {
    connection.journal_mode(if is_wal { "wal" } else { "delete" }).map(drop)
}
