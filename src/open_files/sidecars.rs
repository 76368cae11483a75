//! The files that SQLite keeps beside a database (<https://sqlite.org/tempfiles.html>).

use std::io::Read;
use std::path::{Path, PathBuf};

#[cfg(unix)]
use super::FileId;
use super::{Link, PlainFile, beginnings};

/// What their names have after the database's.
const SUFFIXES: [&str; 3] = ["-wal", "-shm", "-journal"];

/// The database whose sidecar a file is or would be, by the name that the path leads to.
pub fn database_beside(path: &Path) -> Option<PathBuf> {
    // Of most files the path has that itself, which is seen with one look.
    let real = std::fs::read_link(path).is_ok().then(|| dunce::canonicalize(path).ok()).flatten();
    let real = real.as_deref().unwrap_or(path);
    let name = real.file_name()?.to_str()?;
    let database = SUFFIXES.iter().find_map(|suffix| name.strip_suffix(suffix))?;
    (!database.is_empty()).then(|| real.with_file_name(database))
}

/// Whether a file has the name of a sidecar.
pub fn is_named_like_one(path: &Path) -> bool {
    let name = path.file_name().and_then(std::ffi::OsStr::to_str);
    name.is_some_and(|name| SUFFIXES.iter().any(|suffix| name.ends_with(suffix)))
}

/// Where the sidecars of a database are, if they are there.
pub fn of(database: &Path) -> impl Iterator<Item = PathBuf> {
    SUFFIXES.iter().map(|suffix| {
        let mut sidecar = database.as_os_str().to_owned();
        sidecar.push(suffix);
        PathBuf::from(sidecar)
    })
}

/// Whether a sidecar holds nothing of its own: it is made anew from the `-wal`.
pub fn is_shared_memory(sidecar: &Path) -> bool {
    sidecar.as_os_str().as_encoded_bytes().ends_with(b"-shm")
}

/// Whether a sidecar is that of a transaction in another mode than WAL.
pub fn is_journal(sidecar: &Path) -> bool {
    sidecar.as_os_str().as_encoded_bytes().ends_with(b"-journal")
}

/// Whether there are transactions in a sidecar that nobody of this process has open: one that does not
/// begin as SQLite's do holds none.
pub fn holds_any(sidecar: &Path) -> bool {
    let mut beginning = Vec::new();
    let mut options = std::fs::OpenOptions::new();
    options.read(true);
    let read = || {
        let file = PlainFile::open(options, Link::Follow, sidecar)?;
        (&*file).take(8).read_to_end(&mut beginning)
    };
    !is_shared_memory(sidecar)
        && sidecar.is_file()
        && read().is_ok()
        && [beginnings::WAL[0], beginnings::WAL[1], beginnings::JOURNAL]
            .iter()
            .any(|one| beginning.starts_with(one))
}

/// Whether a file is a sidecar of one of these databases.
#[cfg(unix)]
pub fn are_of(databases: &[PathBuf], id: &FileId) -> bool {
    let is_it = |sidecar: PathBuf| FileId::of(&sidecar).is_ok_and(|found| found == *id);
    databases.iter().flat_map(|database| of(database)).any(is_it)
}
