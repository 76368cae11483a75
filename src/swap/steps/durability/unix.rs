//! Linux, and other Unix systems whose `fsync` writes to the disk.

use std::fs::File;
use std::io;
use std::path::Path;

use super::Disk;

/// Syncs with `fsync(2)`.
pub struct Unix;

impl Disk for Unix {
    const NEEDS_WRITABLE: bool = false;

    fn sync_file(file: &File) -> io::Result<()> {
        file.sync_all()
    }

    /// Waits for the content to be on the disk, because these systems have no write barrier for
    /// files.
    fn order_file(file: &File) -> io::Result<()> {
        file.sync_all()
    }

    fn sync_directory(path: &Path) -> io::Result<()> {
        super::open_directory(path)?.sync_all()
    }
}
