//! How long the name of a database can be: SQLite appends the suffixes of its sidecars to it.

use std::ffi::OsStr;
use std::path::Path;

/// The longest of the suffixes that SQLite appends.
const LONGEST_SUFFIX: &str = "-journal";

/// The limit of common file systems, and of those that tell none.
const COMMON_LIMIT: usize = 255;

/// The unit of a name's length: bytes, or units of UTF-16.
const UNIT: &str =
    if cfg!(any(windows, target_vendor = "apple")) { "units of UTF-16" } else { "bytes" };

/// The name is so long that SQLite could not make the rollback journal beside the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "its name is too long for a database: with the \"-journal\" that SQLite appends, a name can have {longest} {UNIT} here; use a shorter name"
)]
pub struct NameTooLong {
    /// The length of the longest name of a database, in the system's unit.
    longest: usize,
}

/// Checks the name of a new database.
pub fn check_name(database: &Path) -> Result<(), NameTooLong> {
    let name = database.file_name().unwrap_or_default();
    // The system is asked about long names only.
    let length = length(name);
    if length + LONGEST_SUFFIX.len() <= SHORTEST_LIMIT {
        return Ok(());
    }
    let longest = limit(database.parent().unwrap_or(database)).saturating_sub(LONGEST_SUFFIX.len());
    if length <= longest { Ok(()) } else { Err(NameTooLong { longest }) }
}

/// The lowest limit of a file system in use (eCryptfs has 143).
const SHORTEST_LIMIT: usize = 100;

#[cfg(any(windows, target_vendor = "apple"))]
fn length(name: &OsStr) -> usize {
    name.to_string_lossy().encode_utf16().count()
}

#[cfg(not(any(windows, target_vendor = "apple")))]
fn length(name: &OsStr) -> usize {
    name.len()
}

/// The longest name of a file in this directory (`statvfs(3)`, `f_namemax`: NAME_MAX).
#[cfg(unix)]
fn limit(directory: &Path) -> usize {
    let found = rustix::fs::statvfs(directory).map(|found| found.f_namemax);
    found
        .ok()
        .and_then(|limit| usize::try_from(limit).ok())
        .filter(|&limit| limit > 0)
        .unwrap_or(COMMON_LIMIT)
}

#[cfg(not(unix))]
fn limit(_directory: &Path) -> usize {
    COMMON_LIMIT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_longest_name_leaves_room_for_the_journal() {
        let folder = tempfile::tempdir().unwrap();
        let check = |length| check_name(&folder.path().join("n".repeat(length)));
        assert_eq!(check(247), Ok(()));
        assert_eq!(check(248), Err(NameTooLong { longest: 247 }));
        assert!(check(300).unwrap_err().to_string().contains("247 bytes"));
        // In bytes, not in characters.
        check_name(&folder.path().join("ü".repeat(124))).unwrap_err();
    }
}
