//! Two files change their names in one step.

use std::io;
use std::path::Path;

/// Gives each of two files the other's name. Not every file system can: then nothing is changed.
#[cfg(target_os = "linux")]
pub fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)?)
}

/// It is of use only where a gate tells who waits before either file: Linux.
#[cfg(not(target_os = "linux"))]
pub fn exchange(_one: &Path, _other: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn two_files_change_their_names() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        fs::write(&one, "1").unwrap();
        assert!(exchange(&one, &other).is_err());
        fs::write(&other, "2").unwrap();
        exchange(&one, &other).unwrap();
        assert_eq!(fs::read_to_string(&one).unwrap(), "2");
        assert_eq!(fs::read_to_string(&other).unwrap(), "1");
    }
}
