//! Resolving the path of a database.

use std::io::Read;
use std::path::Path;

use crate::files::{self, Link, PlainFile};
use crate::swap::steps::error::database::DatabaseProblem;
use crate::swap::steps::error::{Result, Step, SwapError};
use crate::swap::steps::target::Target;

/// Resolves the path of a database. Fails for a sidecar of another database: closing a handle on a
/// sidecar would drop that database's locks, and a sidecar alone is not a database.
pub fn resolve(given: &Path) -> Result<Target> {
    let target = Target::resolve(given).map_err(|error| explain_long_name(error, given))?;
    if target.found.is_none() {
        // Before a lock file is made.
        files::check_name(&target.path)
            .map_err(|problem| SwapError::new(problem.into(), Step::Resolve, &target.path))?;
    }
    let failure =
        |problem: DatabaseProblem| Err(SwapError::new(problem.into(), Step::Resolve, given));
    let is_open_itself = || files::is_open_database(&target.path);
    if let Some(database) = files::sidecars::database_beside(&target.path)
        && database.is_file()
        && !is_open_itself()
        && (files::open_by(&target.path).is_some() || !is_database(&target.path))
    {
        return failure(DatabaseProblem::Sidecar(database));
    }
    if files::is_open_by_us(&target.path) && !is_open_itself() {
        // Another name of an open database's sidecar.
        return failure(DatabaseProblem::NotADatabase);
    }
    Ok(target)
}

/// Says how long the name of a database can be, where the system's error says that it is too long.
fn explain_long_name(error: SwapError, given: &Path) -> SwapError {
    match files::check_name(given) {
        Err(problem) if error.code() == "NAME_TOO_LONG" => {
            SwapError { problem: problem.into(), ..error }
        }
        _ => error,
    }
}

/// Whether the file begins with the magic of a database. No SQLite library in this process has it
/// open.
fn is_database(path: &Path) -> bool {
    let mut options = std::fs::OpenOptions::new();
    options.read(true);
    let mut beginning = [0; 16];
    PlainFile::open(options, Link::Refuse, path)
        .and_then(|file| (&*file).read_exact(&mut beginning))
        .is_ok_and(|()| beginning == *files::magic::DATABASE)
}
