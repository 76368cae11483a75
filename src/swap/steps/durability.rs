//! Syncing files and directories to the disk, on each system.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::failpoints::{Safeguard, is_removed};

#[cfg(target_vendor = "apple")]
mod macos;
#[cfg(all(unix, not(target_vendor = "apple")))]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(target_vendor = "apple")]
use macos::MacOs as System;
#[cfg(all(unix, not(target_vendor = "apple")))]
use unix::Unix as System;
#[cfg(windows)]
use windows::Windows as System;

/// What a swap guarantees after a power cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The new file is there.
    #[default]
    Full,
    /// The old or the new file is there, complete.
    Barrier,
    /// Nothing is guaranteed.
    None,
}

/// The sync calls of one system.
pub trait Disk {
    /// Waits until the file's content is on the disk. The file is open for writing if
    /// [`Disk::NEEDS_WRITABLE`].
    fn sync_file(file: &File) -> io::Result<()>;
    /// Ensures that the file's content reaches the disk before any later write. Waits only if the
    /// system has no other way to order writes.
    fn order_file(file: &File) -> io::Result<()>;
    /// Waits until the names in a directory are on the disk.
    fn sync_directory(path: &Path) -> io::Result<()>;
    /// Whether a file must be open for writing to be synced.
    const NEEDS_WRITABLE: bool;
}

/// Syncs the new file before the rename.
pub fn sync_file(file: &File, durability: Durability) -> io::Result<()> {
    if is_removed(Safeguard::FileSync) {
        return Ok(());
    }
    match durability {
        Durability::Full => System::sync_file(file),
        Durability::Barrier => System::order_file(file),
        Durability::None => Ok(()),
    }
}

/// Syncs the directory after the rename.
pub fn sync_directory(path: &Path, durability: Durability) -> io::Result<()> {
    if is_removed(Safeguard::DirectorySync) || durability != Durability::Full {
        return Ok(());
    }
    System::sync_directory(path)
}

/// Opens a directory. If a FIFO has taken its place, fails instead of blocking.
#[cfg(unix)]
fn open_directory(path: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags, open};
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(open(path, flags, Mode::empty())?.into())
}

/// Whether a file must be open for writing to be synced.
pub const NEEDS_WRITABLE: bool = System::NEEDS_WRITABLE;
