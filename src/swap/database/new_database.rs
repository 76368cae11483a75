//! The new database while it is built, in a staging file.

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

/// The largest number of findings of a check in an error.
const MOST_FINDINGS: usize = 10;

/// A staging file that SQLite writes. Dropping it removes the file and its sidecars.
#[derive(Debug)]
pub struct NewDatabase {
    // The sidecars are removed first: without the staging file, a later sweep may not recognise
    // them.
    sidecars: Sidecars,
    staging: StagingFile,
    limits: Limits,
    /// Its settings, once the database is complete.
    pub facts: Option<Facts>,
}

/// The sidecars of the staging file at this path. Dropping it removes them.
#[derive(Debug)]
struct Sidecars(PathBuf);

impl Drop for Sidecars {
    fn drop(&mut self) {
        for sidecar in sidecars::existing(&self.0) {
            // If the removal fails, the next swap of the target tries again.
            let _ = staging::remove(&sidecar);
        }
    }
}

impl NewDatabase {
    /// Creates an empty database, which only its owner may read.
    pub fn create(target: &Target, limits: &Limits) -> Result<Self> {
        let (staging, file) = StagingFile::create(target, target.found.is_none())?;
        // Close the handle before SQLite opens the file: a later close would drop SQLite's locks.
        drop(file);
        let sidecars = Sidecars(staging.path().to_owned());
        Ok(Self { sidecars, staging, limits: limits.clone(), facts: None })
    }

    /// The path of the staging file.
    pub fn path(&self) -> &Path {
        self.staging.path()
    }

    /// The permissions that the system gives to a new file in this directory, if they were
    /// determined.
    pub fn default_mode(&self) -> Option<u32> {
        self.staging.default_mode()
    }

    /// Gives the new database the settings of the old one.
    pub fn begin_like(&self, old: &Facts) -> Result<()> {
        let connection = self.open(Step::Stage)?;
        connection.set("page_size", old.page_size)?;
        connection.set("encoding", &old.encoding)?;
        connection.set("auto_vacuum", old.auto_vacuum)?;
        set_journal_mode(&connection, old.is_wal)?;
        // An empty transaction would write the first page, but not the encoding: SQLite writes that
        // with the first entry of the schema.
        connection.run("BEGIN IMMEDIATE; CREATE VIEW v AS SELECT 1; DROP VIEW v; COMMIT")?;
        connection.close()
    }

    /// Copies a consistent snapshot of a database into the new one.
    pub fn fill(
        &self,
        source: &Path,
        old: Option<&Facts>,
        caller: &mut dyn DatabaseSwapCaller,
    ) -> Result<()> {
        let source = MaintenanceConnection::open_source(source, Step::Write, &self.limits)?;
        let mut connection = self.open(Step::Write)?;
        Copy::begin(&source, &mut connection, caller)?.finish(caller, || Ok(()))?;
        source.close()?;
        if let Some(old) = old {
            set_journal_mode(&connection, old.is_wal)?;
        }
        connection.close()
    }

    /// Runs SQLite's checks for damage and, if `constraints`, for violated constraints. Fails if a
    /// client of this process still has the new database open. The error of a copy names the source,
    /// where the damage is.
    pub fn check(&mut self, constraints: bool, source: Option<&Path>) -> Result<()> {
        self.check_content(constraints).map_err(|error| match (error.problem, source) {
            (Problem::Database(DatabaseProblem::IntegrityCheck(found)), Some(source)) => {
                let problem = DatabaseProblem::SourceIntegrity(found).into();
                SwapError::new(problem, error.step, source).in_source(source)
            }
            (Problem::Database(problem @ DatabaseProblem::Corrupt(_)), Some(source)) => {
                SwapError::new(problem.into(), error.step, source).in_source(source)
            }
            (problem, _) => SwapError { problem, ..error },
        })
    }

    fn check_content(&self, constraints: bool) -> Result<()> {
        let connection = self.open(Step::Check)?;
        connection.set("ignore_check_constraints", !constraints)?;
        connection.refuse_indexes_of_libsql()?;
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

    /// Makes the database a single file that no connection has open.
    pub fn settle(&mut self, step: Step) -> Result<(PlainFile, Metadata)> {
        let connection = self.open(step)?;
        // Write at least one page: copying a database without pages into another one has no effect.
        connection.run("BEGIN IMMEDIATE; COMMIT")?;
        connection.checkpoint()?;
        self.facts = Some(Facts::of(&connection)?);
        connection.remove_cold_journal()?;
        connection.close()?;
        if let Some(sidecar) = sidecars::existing(self.path()).next() {
            return Err(self.error(step, DatabaseProblem::StagingSidecar(sidecar).into()));
        }
        self.staging.reopen()
    }

    /// Keeps the file, which has the target's name now.
    pub fn committed(self) {
        let Self { staging, sidecars, .. } = self;
        staging.committed();
        drop(sidecars);
    }

    fn open(&self, step: Step) -> Result<MaintenanceConnection> {
        let path = self.path();
        if files::open_by(path).is_some() {
            return Err(self.error(step, DatabaseProblem::StagingOpen.into()));
        }
        match std::fs::symlink_metadata(path) {
            Ok(found) if found.is_file() => MaintenanceConnection::open(path, step, &self.limits),
            Ok(found) => {
                let kind = files::kind_name(&found);
                Err(self.error(step, Problem::NotAFile("STAGING_NOT_A_FILE", kind)))
            }
            Err(_) => Err(self.error(step, Problem::Missing("STAGING_MISSING"))),
        }
    }

    fn error(&self, step: Step, problem: Problem) -> SwapError {
        SwapError::new(problem, step, self.path())
    }
}

/// Selects a line for each row that refers to a missing row.
pub const FOREIGN_KEYS: &str = "SELECT format('row %s of %s refers to a missing row of %s', \
     coalesce(rowid, '?'), \"table\", parent) FROM pragma_foreign_key_check";

/// Sets the journal mode that is stored in the file: WAL or not.
fn set_journal_mode(connection: &MaintenanceConnection, is_wal: bool) -> Result<()> {
    connection.journal_mode(if is_wal { "wal" } else { "delete" }).map(drop)
}
