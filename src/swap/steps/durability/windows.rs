//! Windows.

use std::fs::File;
use std::io;
use std::path::Path;

use super::Disk;

/// Syncs with `FlushFileBuffers`, which fails with ACCESS_DENIED for a handle that is not writable
/// (<https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-flushfilebuffers>).
pub struct Windows;

impl Disk for Windows {
    const NEEDS_WRITABLE: bool = true;

    fn sync_file(file: &File) -> io::Result<()> {
        file.sync_all()
    }

    fn order_file(file: &File) -> io::Result<()> {
        file.sync_all()
    }

    /// Does nothing: Windows has no such call, and NTFS journals its names.
    fn sync_directory(_path: &Path) -> io::Result<()> {
        Ok(())
    }
}
