//! Which SQLite library in this process has a file open as a database.

use std::io::Read;
use std::path::Path;

use super::file_id::FileId;
#[cfg(unix)]
use super::foreign_sqlite;
use super::plain_file::{Link, PlainFile};
use super::registry::registry;
use super::{magic, sidecars};

/// The SQLite library that has a file open as a database, or has the database open to which the
/// file belongs as a sidecar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenBy {
    /// Our SQLite.
    Us,
    /// Another SQLite library in this process.
    ForeignSqlite,
}

/// Which SQLite library in this process has the file at this path open as a database. A file that
/// is missing or inaccessible counts as not open: the caller's own open reports the error.
pub fn open_by(path: &Path) -> Option<OpenBy> {
    // Checked first, even if our SQLite has the file open too: each library's close drops the locks
    // of both.
    if is_open_elsewhere(path) {
        return Some(OpenBy::ForeignSqlite);
    }
    is_open_by_us(path).then_some(OpenBy::Us)
}

/// Whether another SQLite library in this process has the file open, or the database to which it
/// belongs as a sidecar.
#[cfg(unix)]
pub fn is_open_elsewhere(path: &Path) -> bool {
    foreign_sqlite::has(path)
        || sidecars::database_beside(path).is_some_and(|database| foreign_sqlite::has(&database))
}

/// Always false: on Windows a lock belongs to its handle, so that closing another handle keeps it.
#[cfg(not(unix))]
pub fn is_open_elsewhere(_path: &Path) -> bool {
    false
}

/// Whether our SQLite has the file open, or the database to which it belongs as a sidecar.
pub fn is_open_by_us(path: &Path) -> bool {
    // An empty registry answers the question without a system call.
    if registry().is_empty() {
        return false;
    }
    FileId::of(path).is_ok_and(|id| openings(&id) > 0)
        || sidecars::database_beside(path).is_some_and(|database| is_open_database(&database))
        || is_linked_sidecar(path)
}

/// Whether our SQLite has any file open. Makes no system call.
pub fn has_open() -> bool {
    !registry().is_empty()
}

/// Whether our SQLite has the file at this path open as a database, not as a sidecar.
pub fn is_open_database(path: &Path) -> bool {
    let Ok(id) = FileId::of(path) else { return false };
    let (paths, is_connected) = registry().paths(&id);
    let is_sidecar = |path: &Path| {
        let database = sidecars::database_beside(path).and_then(|path| FileId::of(&path).ok());
        database.is_some_and(|id| openings(&id) > 0)
    };
    is_connected || paths.iter().any(|path| !is_sidecar(path))
}

/// Whether the path is another hard link to a sidecar of a database that our SQLite has open.
#[cfg(unix)]
fn is_linked_sidecar(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let Ok(metadata) = std::fs::metadata(path) else { return false };
    if metadata.nlink() < 2 {
        return false;
    }
    let id = FileId((metadata.dev(), metadata.ino()));
    let paths = registry().all_paths();
    sidecars::are_of(&paths, &id)
}

/// Always false: on Windows closing a handle drops only its own locks, and the system refuses to
/// rename or remove a file that SQLite has open.
#[cfg(not(unix))]
fn is_linked_sidecar(_path: &Path) -> bool {
    false
}

/// How many of our own connections have the file open as their main database.
pub fn connections(id: &FileId) -> usize {
    registry().connections(id)
}

/// How many times our SQLite has the file open, by those connections and attached to others.
pub fn openings(id: &FileId) -> usize {
    registry().openings(id)
}

/// Whether a sidecar that is not open in this process holds transactions. A file without SQLite's
/// magic holds none. A file that is not regular holds none either, because SQLite follows no
/// symbolic link to a sidecar (except on Windows). A file that cannot be read is assumed to hold
/// some.
pub fn holds_transactions(sidecar: &Path) -> bool {
    let is_file = || {
        let found = if cfg!(unix) { sidecar.symlink_metadata() } else { sidecar.metadata() };
        found.is_ok_and(|found| found.is_file())
    };
    if sidecars::is_shared_memory(sidecar) || !is_file() {
        return false;
    }
    let mut beginning = Vec::new();
    let mut options = std::fs::OpenOptions::new();
    options.read(true);
    let read = PlainFile::open(options, Link::Refuse, sidecar)
        .and_then(|file| (&*file).take(8).read_to_end(&mut beginning));
    match read {
        Ok(_) => [magic::WAL[0], magic::WAL[1], magic::JOURNAL]
            .iter()
            .any(|one| beginning.starts_with(one)),
        // The file may have been removed or replaced since the first check.
        Err(_) => is_file(),
    }
}
