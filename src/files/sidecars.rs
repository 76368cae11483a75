//! The files that SQLite keeps beside a database (<https://sqlite.org/tempfiles.html>).

use std::path::{Path, PathBuf};

#[cfg(unix)]
use super::file_id::FileId;
#[cfg(unix)]
use super::magic;

/// What their names have after the database's.
const SUFFIXES: [&str; 3] = ["-wal", "-shm", "-journal"];

/// The database whose sidecar a file is or would be, by the name that the path leads to.
pub fn database_beside(path: &Path) -> Option<PathBuf> {
    // Of most files the path has that itself, which is seen with one look.
    let real = std::fs::read_link(path).is_ok().then(|| dunce::canonicalize(path).ok()).flatten();
    database_of(real.as_deref().unwrap_or(path))
}

/// The same by the path's own name, without a look at it.
pub fn database_of(sidecar: &Path) -> Option<PathBuf> {
    let name = sidecar.file_name()?.to_str()?;
    let database = SUFFIXES.iter().find_map(|suffix| name.strip_suffix(suffix))?;
    (!database.is_empty()).then(|| sidecar.with_file_name(database))
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

/// Where the `-wal` of a database is, if it is there.
pub fn wal(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// Whether a sidecar holds nothing of its own: it is made anew from the `-wal`.
pub fn is_shared_memory(sidecar: &Path) -> bool {
    sidecar.as_os_str().as_encoded_bytes().ends_with(b"-shm")
}

/// Whether a sidecar is that of a transaction in another mode than WAL.
pub fn is_journal(sidecar: &Path) -> bool {
    sidecar.as_os_str().as_encoded_bytes().ends_with(b"-journal")
}

/// Whether the first 8 bytes of a file, or all that it has, are those of a sidecar of its name. An empty one
/// and, but for a `-wal`, zeros are what SQLite has emptied.
#[cfg(unix)]
pub fn begins_like_one(sidecar: &Path, beginning: &[u8]) -> bool {
    let known: &[&[u8]] = if is_shared_memory(sidecar) {
        &[&magic::SHARED_MEMORY, &[0; 8]]
    } else if is_journal(sidecar) {
        &[magic::JOURNAL, &[0; 8]]
    } else {
        &magic::WAL
    };
    beginning.is_empty() || known.iter().any(|one| beginning.starts_with(one))
}

/// Whether a file is a sidecar of one of these databases.
#[cfg(unix)]
pub fn are_of(databases: &[PathBuf], id: &FileId) -> bool {
    let is_it = |sidecar: PathBuf| FileId::of(&sidecar).is_ok_and(|found| found == *id);
    databases.iter().flat_map(|database| of(database)).any(is_it)
}
