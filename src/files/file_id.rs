//! The identity of a file, independent of its name.

use std::io;
use std::path::Path;

/// Identifies a file by device and inode; on Windows by its canonical path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FileId(pub(super) Identity);

#[cfg(unix)]
type Identity = (u64, u64);
#[cfg(not(unix))]
type Identity = std::path::PathBuf;

impl FileId {
    /// The identity of the file at this path. Does not open it.
    #[cfg(unix)]
    pub fn of(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt;
        let metadata = std::fs::metadata(path)?;
        Ok(Self((metadata.dev(), metadata.ino())))
    }

    /// The identity of the file at this path. On Windows the canonical path identifies a file,
    /// because a file that is open cannot be renamed there.
    #[cfg(not(unix))]
    pub fn of(path: &Path) -> io::Result<Self> {
        Ok(Self(path.canonicalize()?))
    }
}
