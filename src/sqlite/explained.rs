//! The causes of errors for which SQLite's text names none.

use std::io;
use std::path::Path;

use super::codes::SQLITE_READONLY_DBMOVED;
use super::open::Access;
use crate::files::system_error::{advice, describe};

/// Why a database cannot be written. None if its file can be written: then a PRAGMA, or another database,
/// is the cause.
pub fn readonly(code: i32, path: &Path, access: Access) -> Option<String> {
    if code == SQLITE_READONLY_DBMOVED {
        return Some(format!(
            "{} was replaced, moved or removed since this connection was opened; call reconnect()",
            path.display()
        ));
    }
    if matches!(access, Access::Read | Access::Immutable) {
        return Some("this connection was opened for reading only".to_owned());
    }
    let directory = path.parent().unwrap_or(path);
    let refused = |path: &Path| writable(path).err().map(|error| (path.to_owned(), error));
    let (path, error) = refused(path).or_else(|| refused(directory))?;
    Some(format!("{}: {error}{}", path.display(), advice(&error)))
}

/// The system's error behind a failed file call of SQLite's.
pub fn system_error(number: i32) -> Option<String> {
    (number != 0).then(|| describe(number))
}

/// Asks whether this process may write a file. Opening it instead would drop SQLite's locks.
#[cfg(unix)]
fn writable(path: &Path) -> io::Result<()> {
    use rustix::fs::{Access, AtFlags, CWD, accessat};
    accessat(CWD, path, Access::WRITE_OK, AtFlags::EACCESS).map_err(io::Error::from)
}

#[cfg(not(unix))]
fn writable(path: &Path) -> io::Result<()> {
    let found = std::fs::metadata(path)?;
    // The attribute of a directory means something else.
    if found.is_file() && found.permissions().readonly() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    Ok(())
}
