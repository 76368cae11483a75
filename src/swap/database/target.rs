//! The file of a database that is to be replaced.

use std::io::Read;
use std::path::Path;

use crate::files::{self, Link, PlainFile};
use crate::swap::steps::error::database::DatabaseProblem;
use crate::swap::steps::error::{Result, Step, SwapError};
use crate::swap::steps::target::Target;

/// The file of a database, which is not one that SQLite keeps beside another: to open and close that
/// would drop the other's locks, and its content means nothing by itself.
pub fn resolve(given: &Path) -> Result<Target> {
    let target = Target::resolve(given)?;
    let wrong =
        |problem: DatabaseProblem| Err(SwapError::new(problem.into(), Step::Resolve, given));
    let is_open_itself = || files::is_open_database(&target.path);
    if let Some(database) = files::sidecars::database_beside(&target.path)
        && database.is_file()
        && !is_open_itself()
        && (files::open_by(&target.path).is_some() || !is_database(&target.path))
    {
        return wrong(DatabaseProblem::Sidecar(database));
    }
    if files::is_open_by_us(&target.path) && !is_open_itself() {
        // By another name.
        return wrong(DatabaseProblem::NotADatabase);
    }
    Ok(target)
}

/// Whether a file that no SQLite of this process has open is one by its beginning.
fn is_database(path: &Path) -> bool {
    let mut options = std::fs::OpenOptions::new();
    options.read(true);
    let mut beginning = [0; 16];
    PlainFile::open(options, Link::Refuse, path)
        .and_then(|file| (&*file).read_exact(&mut beginning))
        .is_ok_and(|()| beginning == *files::magic::DATABASE)
}
