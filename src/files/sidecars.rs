//! The files that SQLite keeps beside a database (<https://sqlite.org/tempfiles.html>).

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

#[cfg(unix)]
use super::file_id::FileId;
#[cfg(unix)]
use super::magic;

/// The suffixes that SQLite appends to the database's name.
const SUFFIXES: [&str; 3] = ["-wal", "-shm", "-journal"];

/// The database to which a file belongs if it is a sidecar. Follows symbolic links, and judges by
/// the resulting name.
pub fn database_beside(path: &Path) -> Option<PathBuf> {
    // Most paths are not symbolic links. One readlink(2) saves them the canonicalization.
    let real = std::fs::read_link(path).is_ok().then(|| dunce::canonicalize(path).ok()).flatten();
    database_of(real.as_deref().unwrap_or(path))
}

/// The same by the last component of the path. Makes no system call.
pub fn database_of(sidecar: &Path) -> Option<PathBuf> {
    let name = sidecar.file_name()?.as_encoded_bytes();
    let database = SUFFIXES.iter().find_map(|suffix| name.strip_suffix(suffix.as_bytes()))?;
    // SAFETY: the bytes are those of an OsStr, cut immediately before a non-empty UTF-8 string (the
    // suffix), which is where the function allows a cut.
    let database = unsafe { OsStr::from_encoded_bytes_unchecked(database) };
    (!database.is_empty()).then(|| sidecar.with_file_name(database))
}

/// Whether a file has the name of a sidecar.
pub fn is_named_like_one(path: &Path) -> bool {
    let name = path.file_name().map(OsStr::as_encoded_bytes);
    name.is_some_and(|name| SUFFIXES.iter().any(|suffix| name.ends_with(suffix.as_bytes())))
}

/// The paths of a database's sidecars, whether or not the files exist.
pub fn of(database: &Path) -> impl Iterator<Item = PathBuf> {
    SUFFIXES.iter().map(|suffix| with_suffix(database, suffix))
}

/// The path of a database's `-wal`, whether or not the file exists.
pub fn wal(database: &Path) -> PathBuf {
    with_suffix(database, "-wal")
}

/// The path of a database's `-journal`, whether or not the file exists.
pub fn journal(database: &Path) -> PathBuf {
    with_suffix(database, "-journal")
}

fn with_suffix(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Whether a sidecar is a `-shm`. A `-shm` holds no data: SQLite rebuilds it from the `-wal`.
pub fn is_shared_memory(sidecar: &Path) -> bool {
    sidecar.as_os_str().as_encoded_bytes().ends_with(b"-shm")
}

/// Why SQLite needs the file, as a remark behind its path: a `-wal` and a `-shm` are needed for reading, too.
pub fn remark(sidecar: &Path) -> &'static str {
    if is_named_like_one(sidecar) && !is_journal(sidecar) {
        " (which SQLite needs to read a database in WAL mode, too)"
    } else {
        ""
    }
}

/// Whether a sidecar is a rollback journal.
pub fn is_journal(sidecar: &Path) -> bool {
    sidecar.as_os_str().as_encoded_bytes().ends_with(b"-journal")
}

/// Whether a file's first 8 bytes (or all its bytes, if it is shorter) are those of a sidecar with
/// its name. SQLite leaves sidecars empty, and journals and `-shm` files also zeroed.
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

/// Whether the file is a sidecar of one of the databases.
#[cfg(unix)]
pub fn are_of(databases: &[PathBuf], id: &FileId) -> bool {
    let is_it = |sidecar: PathBuf| FileId::of(&sidecar).is_ok_and(|found| found == *id);
    databases.iter().flat_map(|database| of(database)).any(is_it)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sidecar_is_recognised_by_its_suffix() {
        let database = |name: &str| database_of(Path::new(name));
        assert_eq!(database("d/a.db-wal").as_deref(), Some(Path::new("d/a.db")));
        assert_eq!(database("d/a.db-journal").as_deref(), Some(Path::new("d/a.db")));
        assert_eq!(database("d/a-wal-shm").as_deref(), Some(Path::new("d/a-wal")));
        for name in ["d/a.db", "d/-wal", "d/a.db-wal-1", "/"] {
            assert_eq!(database(name), None, "{name}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_sidecar_whose_name_is_not_utf_8_is_recognised_too() {
        use std::os::unix::ffi::OsStrExt;
        let path = Path::new(OsStr::from_bytes(b"d/\xff.db-journal"));
        assert!(is_named_like_one(path));
        assert_eq!(database_of(path).unwrap().as_os_str().as_bytes(), b"d/\xff.db");
    }
}
