//! By what in this process a file is open as a database.

use std::io::Read;
use std::path::Path;

use super::file_id::FileId;
#[cfg(unix)]
use super::foreign_sqlite;
use super::plain_file::{Link, PlainFile};
use super::registry::registry;
use super::{magic, sidecars};

/// By what a file is open as a database, or the database whose sidecar it is or would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenBy {
    /// Our SQLite.
    Us,
    /// Another SQLite in this process.
    SomebodyElse,
}

/// By what in this process the file at this path is open as a database. One that is not there, or not
/// to be seen, is open by nobody: whoever opens it next says so.
pub fn open_by(path: &Path) -> Option<OpenBy> {
    // Whether we have it open or not: the locks of both go when either closes it.
    if is_open_elsewhere(path) {
        return Some(OpenBy::SomebodyElse);
    }
    is_open_by_us(path).then_some(OpenBy::Us)
}

/// Whether another SQLite in this process has it open, or the database whose sidecar it is or would be.
#[cfg(unix)]
pub fn is_open_elsewhere(path: &Path) -> bool {
    foreign_sqlite::has(path)
        || sidecars::database_beside(path).is_some_and(|database| foreign_sqlite::has(&database))
}

/// Windows locks by handle: what another one does there is in nobody's way.
#[cfg(not(unix))]
pub fn is_open_elsewhere(_path: &Path) -> bool {
    false
}

/// Whether our SQLite has it open. See [`open_by`].
pub fn is_open_by_us(path: &Path) -> bool {
    // Where there is none at all, the path need not be looked at.
    if registry().is_empty() {
        return false;
    }
    FileId::of(path).is_ok_and(|id| openings(&id) > 0)
        || sidecars::database_beside(path).is_some_and(|database| is_open_database(&database))
        || is_linked_sidecar(path)
}

/// Whether our SQLite has the file at this path open as a database, and not as another one's sidecar.
pub fn is_open_database(path: &Path) -> bool {
    let Ok(id) = FileId::of(path) else { return false };
    let (paths, is_connected) = registry().paths(&id);
    let is_sidecar = |path: &Path| {
        let database = sidecars::database_beside(path).and_then(|path| FileId::of(&path).ok());
        database.is_some_and(|id| openings(&id) > 0)
    };
    is_connected || paths.iter().any(|path| !is_sidecar(path))
}

/// Whether it is another link to a sidecar of a database that is open here.
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

/// Windows has no locks that another handle's end would drop, and refuses to rename or remove what
/// SQLite has open.
#[cfg(not(unix))]
fn is_linked_sidecar(_path: &Path) -> bool {
    false
}

/// How many connections that we opened ourselves have the file open as their database.
pub fn connections(id: &FileId) -> usize {
    registry().connections(id)
}

/// How often our SQLite has the file open: by those connections, and attached to others.
pub fn openings(id: &FileId) -> usize {
    registry().openings(id)
}

/// Whether there are transactions in a sidecar that nobody of this process has open: one that does not
/// begin as SQLite's do holds none, nor does what is no regular file, for SQLite follows no link here
/// (but on Windows). One that cannot be read may hold some.
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
        // It may be gone, or something else, by now.
        Err(_) => is_file(),
    }
}
