//! Linux, and every Unix whose `fsync` reaches the disk.

use std::fs::File;
use std::io;
use std::path::Path;

use super::Disk;

/// `fsync(2)`.
pub struct Unix;

impl Disk for Unix {
    const NEEDS_WRITABLE: bool = false;

    fn sync_file(file: &File) -> io::Result<()> {
        file.sync_all()
    }

    /// There is no barrier for those who write files: all that orders two writes is to wait for the
    /// first.
    fn order_file(file: &File) -> io::Result<()> {
        file.sync_all()
    }

    fn sync_directory(path: &Path) -> io::Result<()> {
        super::open_directory(path)?.sync_all()
    }
}
