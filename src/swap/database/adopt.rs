//! Takes over the vector indexes that libSQL has made in a database, behind a backup.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::maintenance::MaintenanceConnection;
use super::request::{Backup, DatabaseSwap, DatabaseSwapCaller, InUse, Limits};
use super::target::resolve;
use super::{backup, protocol};
use crate::sqlite::IndexName;
use crate::swap::steps::durability::Durability;
use crate::swap::steps::error::{Result, Step};
use crate::swap::steps::target::Target;

/// What was done.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The real path.
    target: PathBuf,
    /// The copy of the database as it was. None if there was nothing to do.
    backup: Option<PathBuf>,
    /// The indexes that were taken over.
    adopted: Vec<IndexName>,
}

/// Copies the database beside it, and then takes its vector indexes over in one transaction.
///
/// # Errors
/// The copy cannot be made, or SQLite's error; the database is then as it was.
pub fn adopt(given: &Path, limits: &Limits, caller: &mut dyn DatabaseSwapCaller) -> Result<Report> {
    let target = resolve(given)?;
    let connection = MaintenanceConnection::open(&target.path, Step::Resolve, limits)?;
    let has_any = connection.has_vector_indexes_of_libsql()?;
    connection.close()?;
    if !has_any {
        return Ok(Report { target: target.path, backup: None, adopted: Vec::new() });
    }
    let backup = back_up(&target, limits, caller)?;
    let connection = MaintenanceConnection::open(&target.path, Step::Transfer, limits)?;
    let adopted = connection.adopt_vector_indexes()?;
    connection.close()?;
    Ok(Report { target: target.path, backup: Some(backup), adopted })
}

fn back_up(
    target: &Target,
    limits: &Limits,
    caller: &mut dyn DatabaseSwapCaller,
) -> Result<PathBuf> {
    let path = target.directory.join(backup::dated(target, "before-adopt"));
    let copy = DatabaseSwap {
        target: path.clone(),
        source: Some(target.path.clone()),
        build: false,
        verify: false,
        // The check would find the indexes empty.
        check: false,
        constraints: false,
        backup: Backup::None,
        in_use: InUse::Refuse,
        overwrite: false,
        durability: Durability::Full,
        timeout: limits.timeout,
    };
    protocol::swap_database(&copy, caller)?;
    Ok(path)
}
