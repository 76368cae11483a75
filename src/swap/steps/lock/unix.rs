//! Locks of Unix: `flock(2)`.

use std::fs::{File, TryLockError};

use rustix::fs::{Mode, OFlags, fchmod, fstat, lstat, open};
use rustix::io::Errno;

use std::io;
use std::path::{Path, PathBuf};

use crate::files::{PlainFile, trust};

/// A file with a `flock(2)` lock. The lock belongs to the open file description, and ends with
/// it.
#[derive(Debug)]
pub struct LockFile {
    path: PathBuf,
    file: File,
    /// Whether the file is kept when the lock is released.
    pub keep: bool,
}

impl LockFile {
    /// Returns none if another process holds the lock. `target` is the path of the swap's
    /// target.
    pub fn try_lock(path: &Path, target: &Path) -> io::Result<Option<Self>> {
        let Some(opened) = open_lock_file(path, target)? else { return Ok(None) };
        let locked = opened.file.try_lock();
        Self::new(path, opened, locked)
    }

    fn new(
        path: &Path,
        Opened { file, is_new }: Opened,
        locked: Result<(), TryLockError>,
    ) -> io::Result<Option<Self>> {
        match locked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => {
                // The file system has no locks. Remove the file if we created it. An existing
                // file is kept: another process may have locked it before the locks ran out
                // (ENOLCK).
                if is_new {
                    let _ = std::fs::remove_file(path);
                }
                return Err(error);
            }
        }
        // The previous owner may have removed the file between our open and our lock. The next
        // swap would then create and lock another file, and our lock would exclude nothing.
        let (ours, named) = (fstat(&file)?, lstat(path));
        let is_named =
            named.is_ok_and(|named| (named.st_dev, named.st_ino) == (ours.st_dev, ours.st_ino));
        // Override the umask: a user who cannot open the file cannot wait for its lock.
        if is_new && Mode::from_raw_mode(ours.st_mode) & FOR_ALL != FOR_ALL {
            fchmod(&file, FOR_ALL)?;
        }
        Ok(is_named.then(|| Self { path: path.to_owned(), file, keep: false }))
    }

    pub fn handle(&self) -> &File {
        &self.file
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        if !self.keep {
            // Remove the file before the lock is released. If that fails, the next swap locks
            // and removes it.
            let _ = std::fs::remove_file(&self.path);
        }
        // Closing the descriptor is not enough: a child process that is just starting has a
        // copy.
        let _ = self.file.unlock();
    }
}

struct Opened {
    file: File,
    /// Whether this open created the file.
    is_new: bool,
}

/// The owner may write, and every user may read. Reading permission is enough for a lock.
const FOR_ALL: Mode = Mode::RUSR.union(Mode::WUSR).union(Mode::RGRP).union(Mode::ROTH);

/// Opens the file for writing if permitted, because NFS locks only such files. Opens another
/// user's file for reading. Returns none if the file was just removed, or if a process holds a
/// lease on it, which counts as a lock.
fn open_lock_file(path: &Path, target: &Path) -> io::Result<Option<Opened>> {
    // The open must not block: the file may be a FIFO, or may be replaced by one before the
    // open.
    let flags = OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let new = flags | OFlags::RDWR | OFlags::CREATE | OFlags::EXCL;
    match open(path, new, FOR_ALL) {
        Err(Errno::EXIST) => {}
        Err(refused) => return Err(refused.into()),
        Ok(file) => return Ok(Some(Opened { file: file.into(), is_new: true })),
    }
    match lstat(path) {
        Ok(found) => trust::check_lock_file(&found, target)?,
        Err(Errno::NOENT) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    let opened = match open(path, flags | OFlags::RDWR, Mode::empty()) {
        Err(Errno::ACCESS) => match open(path, flags | OFlags::RDONLY, Mode::empty()) {
            Err(Errno::NOENT) => Err(Errno::NOENT),
            to_read => to_read.map_err(|_| Errno::ACCESS),
        },
        opened => opened,
    };
    let file = match opened {
        Err(Errno::NOENT | Errno::AGAIN) => return Ok(None),
        opened => opened?,
    };
    let file = File::from(file);
    let checked = fstat(&file).map_err(io::Error::from).and_then(|found| {
        trust::check_lock_file(&found, target)?;
        Ok(())
    });
    if let Err(error) = checked {
        // The file may have been replaced by a link to a database that is open in this process.
        drop(PlainFile::from(file));
        return Err(error);
    }
    Ok(Some(Opened { file, is_new: false }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_lock_file_is_removed_on_a_file_system_without_locks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let fail = |opened| {
            let error = TryLockError::Error(Errno::NOLCK.into());
            LockFile::new(&path, opened, Err(error)).unwrap_err()
        };
        let first = open_lock_file(&path, &path).unwrap().unwrap();
        let second = open_lock_file(&path, &path).unwrap().unwrap();
        assert!(first.is_new && !second.is_new);
        fail(second);
        assert!(path.exists(), "another process has created it");
        fail(first);
        assert!(!path.exists());
    }

    #[test]
    fn the_lock_is_released_in_spite_of_a_copied_descriptor() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let mut lock = LockFile::try_lock(&path, &path).unwrap().unwrap();
        // The copy stands for that of a child process that is just starting.
        let copy = lock.file.try_clone().unwrap();
        lock.keep = true;
        assert!(LockFile::try_lock(&path, &path).unwrap().is_none());
        drop(lock);
        assert!(LockFile::try_lock(&path, &path).unwrap().is_some());
        drop(copy);
    }

    #[test]
    fn other_users_can_wait_for_the_lock() {
        use rustix::fs::chmod;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let mode = || Mode::from_raw_mode(lstat(&path).unwrap().st_mode) & FOR_ALL;
        let opened = open_lock_file(&path, &path).unwrap().unwrap();
        // The mode that a umask of 077 gives. Setting the umask would affect all test threads.
        chmod(&path, Mode::RUSR | Mode::WUSR).unwrap();
        let locked = opened.file.try_lock();
        let lock = LockFile::new(&path, opened, locked).unwrap();
        assert_eq!(mode(), FOR_ALL);
        drop(lock);
    }
}
