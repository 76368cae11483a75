//! macOS. Its `fsync` writes to the drive, but does not flush the drive's cache.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;

use rustix::fs::{fcntl_fullfsync, fsync};
use rustix::io::Errno;

use super::Disk;

/// Uses `F_FULLFSYNC`, or `F_BARRIERFSYNC`, or `fsync`, whichever the file system supports
/// (`fcntl(2)`, `fsync(2)`). Only Apple's file systems support the first two for certain.
pub struct MacOs;

impl Disk for MacOs {
    const NEEDS_WRITABLE: bool = false;

    fn sync_file(file: &File) -> io::Result<()> {
        match fcntl_fullfsync(file) {
            Err(Errno::NOTSUP | Errno::INVAL | Errno::NOTTY) => Self::order_file(file),
            synced => Ok(synced?),
        }
    }

    fn order_file(file: &File) -> io::Result<()> {
        match barrier(file) {
            Err(Errno::NOTSUP | Errno::INVAL | Errno::NOTTY) => Ok(fsync(file)?),
            synced => Ok(synced?),
        }
    }

    fn sync_directory(path: &Path) -> io::Result<()> {
        let directory = super::open_directory(path)?;
        match Self::sync_file(&directory) {
            // This file system cannot sync directories.
            Err(error) if is_unsupported(&error) => Ok(()),
            synced => synced,
        }
    }
}

fn is_unsupported(error: &io::Error) -> bool {
    [Errno::INVAL, Errno::NOTSUP].map(Errno::raw_os_error).map(Some).contains(&error.raw_os_error())
}

fn barrier(file: &File) -> Result<(), Errno> {
    // SAFETY: F_BARRIERFSYNC takes no argument, and the descriptor is open while `file` is
    // borrowed.
    let answer = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_BARRIERFSYNC) };
    if answer == -1 {
        return Err(Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO));
    }
    Ok(())
}
