//! The new database while it is made: a staging file that SQLite writes.

use std::fs::Metadata;
use std::path::{Path, PathBuf};

use super::maintenance::MaintenanceConnection;
use super::pages::Copy;
use super::request::{DatabaseSwapCaller, Limits};
use super::sidecars;
use super::write_lock::Facts;
use crate::files::{self, PlainFile};
use crate::swap::steps::error::database::DatabaseProblem;
use crate::swap::steps::error::{Problem, Result, Step, SwapError};
use crate::swap::steps::staging::{self, StagingFile};
use crate::swap::steps::target::Target;

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
        for sidecar in sidecars::existing(&self.0) {
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
        let own = self.open(Step::Stage)?;
        own.set("page_size", old.page_size)?;
        own.set("encoding", &old.encoding)?;
        own.set("auto_vacuum", old.auto_vacuum)?;
        set_journal_mode(&own, old.is_wal)?;
        // An empty transaction writes the first page of an empty file; but how text is encoded is
        // written with the first entry of the schema.
        own.run("BEGIN IMMEDIATE; CREATE VIEW v AS SELECT 1; DROP VIEW v; COMMIT")?;
        own.close()
    }

    /// Copies a database into it, as it is at one instant.
    pub fn fill(
        &self,
        source: &Path,
        old: Option<&Facts>,
        caller: &mut dyn DatabaseSwapCaller,
    ) -> Result<()> {
        let source = MaintenanceConnection::open(source, Step::Write, &self.limits)?;
        let mut own = self.open(Step::Write)?;
        Copy::begin(&source, &mut own, caller)?.finish(caller, || Ok(()))?;
        source.close()?;
        if let Some(old) = old {
            set_journal_mode(&own, old.is_wal)?;
        }
        own.close()
    }

    /// SQLite's own checks, once nobody of this process has it open: for damage, and where
    /// `constraints`, also for what its own constraints forbid.
    pub fn check(&mut self, constraints: bool) -> Result<()> {
        let own = self.open(Step::Check)?;
        own.set("ignore_check_constraints", !constraints)?;
        let integrity = own.texts("PRAGMA integrity_check", MOST_FINDINGS)?;
        if integrity != ["ok"] {
            return Err(own.problem(DatabaseProblem::IntegrityCheck(integrity)));
        }
        if constraints {
            let foreign_keys = own.texts(FOREIGN_KEYS, MOST_FINDINGS)?;
            if !foreign_keys.is_empty() {
                return Err(own.problem(DatabaseProblem::ForeignKeyCheck(foreign_keys)));
            }
        }
        own.close()
    }

    /// Makes it one file, which nobody has open.
    pub fn settle(&mut self, step: Step) -> Result<(PlainFile, Metadata)> {
        let own = self.open(step)?;
        // One without a single page would do nothing where it is copied into another.
        own.run("BEGIN IMMEDIATE; COMMIT")?;
        own.checkpoint()?;
        self.facts = Some(Facts::of(&own)?);
        own.remove_cold_journal()?;
        own.close()?;
        if let Some(sidecar) = sidecars::existing(self.path()).next() {
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
fn set_journal_mode(own: &MaintenanceConnection, is_wal: bool) -> Result<()> {
    own.journal_mode(if is_wal { "wal" } else { "delete" }).map(drop)
}
