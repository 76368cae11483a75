//! Having files and directories reach the disk, as each system does it.

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

/// How sure a swap is to outlive a power cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// It does.
    #[default]
    Full,
    /// Afterwards the file is old or new, never torn; it may be the old one.
    Barrier,
    /// Nothing is promised beyond the power's staying on.
    None,
}

/// One system's way.
pub trait Disk {
    /// Has the file's content reach the disk. The file is open for writing where that is needed.
    fn sync_file(file: &File) -> io::Result<()>;
    /// Has it reach the disk before whatever is written later, without waiting longer than that takes.
    fn order_file(file: &File) -> io::Result<()>;
    /// Has the names in a directory reach the disk.
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

/// Opens a directory; of a FIFO that has taken its place it says so, without waiting for the other end.
#[cfg(unix)]
fn open_directory(path: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags, open};
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(open(path, flags, Mode::empty())?.into())
}

/// Whether a file must be open for writing to be synced.
pub const NEEDS_WRITABLE: bool = System::NEEDS_WRITABLE;
