//! Which database files this process has open, by device and inode.
//!
//! POSIX drops all of a process's locks on a file when any of its descriptors is closed
//! (<https://sqlite.org/howtocorrupt.html>, section 2.2): whoever wants to open a database file by
//! plain file calls asks here first.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Deref;
use std::path::Path;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

/// What tells one file from another, whatever its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FileId(Identity);

#[cfg(unix)]
type Identity = (u64, u64);
#[cfg(not(unix))]
type Identity = std::path::PathBuf;

static OPEN: LazyLock<Mutex<HashMap<FileId, Entry>>> = LazyLock::new(Mutex::default);

#[derive(Default)]
struct Entry {
    connections: usize,
    /// Plain handles on the same file, whose closing would drop the locks: they wait for the last
    /// connection's end. Only POSIX has such locks.
    #[cfg(unix)]
    parked: Vec<File>,
}

/// One connection's entry. It is removed by dropping it.
#[derive(Debug)]
pub struct OpenFile {
    id: FileId,
}

impl FileId {
    /// The identity of the file at this path. Does not open it.
    #[cfg(unix)]
    pub fn of(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt;
        let metadata = std::fs::metadata(path)?;
        Ok(Self((metadata.dev(), metadata.ino())))
    }

    /// The identity of the file at this path. On Windows the canonical path stands for it: a file
    /// that is open there cannot be renamed away.
    #[cfg(not(unix))]
    pub fn of(path: &Path) -> io::Result<Self> {
        Ok(Self(path.canonicalize()?))
    }
}

impl OpenFile {
    /// Enters a file that a connection has just opened.
    pub fn enter(path: &Path) -> io::Result<Self> {
        let id = FileId::of(path)?;
        table().entry(id.clone()).or_default().connections += 1;
        Ok(Self { id })
    }

    /// Which file it is.
    pub fn id(&self) -> &FileId {
        &self.id
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        let mut table = table();
        if let Some(entry) = table.get_mut(&self.id) {
            entry.connections -= 1;
            if entry.connections == 0 {
                table.remove(&self.id);
            }
        }
    }
}

/// A file that is opened by plain file calls. Where a connection of this process has come to the same
/// file meanwhile, the handle is closed only after the last of them.
#[derive(Debug)]
pub struct PlainFile {
    file: Option<File>,
    _look: Option<Look>,
}

/// That a plain handle on a database's file is ours.
#[derive(Debug)]
struct Look(FileId);

static LOOKS: LazyLock<Mutex<Vec<FileId>>> = LazyLock::new(Mutex::default);

impl Look {
    fn enter(id: FileId) -> Self {
        looks().push(id.clone());
        Self(id)
    }
}

impl Drop for Look {
    fn drop(&mut self) {
        let mut looks = looks();
        if let Some(at) = looks.iter().position(|id| *id == self.0) {
            looks.swap_remove(at);
        }
    }
}

/// How many looks at a file are going on: plain handles of [`PlainFile::open_again`].
pub fn looks_at(path: &Path) -> usize {
    let Ok(id) = FileId::of(path) else { return 0 };
    looks().iter().filter(|one| **one == id).count()
}

fn looks() -> MutexGuard<'static, Vec<FileId>> {
    LOOKS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl PlainFile {
    /// Opens a file. Whether it is a database that is open here is for the caller to ask first.
    pub fn open(options: &OpenOptions, path: &Path) -> io::Result<Self> {
        options.open(path).map(Self::from)
    }

    /// Opens a database's file for a look at it, or takes up a handle that waits for the last
    /// connection's end: else each look would add one.
    pub fn open_again(options: &OpenOptions, path: &Path) -> io::Result<Self> {
        let id = FileId::of(path)?;
        #[cfg(unix)]
        let parked = table().get_mut(&id).and_then(|entry| entry.parked.pop());
        #[cfg(not(unix))]
        let parked = None;
        // Entered first: whoever counts the descriptors meanwhile does not take it for a stranger's.
        let look = Look::enter(id);
        let file = match parked {
            Some(file) => file,
            None => options.open(path)?,
        };
        Ok(Self { file: Some(file), _look: Some(look) })
    }
}

impl From<File> for PlainFile {
    fn from(file: File) -> Self {
        Self { file: Some(file), _look: None }
    }
}

impl Deref for PlainFile {
    type Target = File;

    fn deref(&self) -> &File {
        match &self.file {
            Some(file) => file,
            None => unreachable!("it is taken out only when it is dropped"),
        }
    }
}

#[cfg(unix)]
impl Drop for PlainFile {
    fn drop(&mut self) {
        use std::os::unix::fs::MetadataExt;
        let Some(file) = self.file.take() else { return };
        let open = table();
        if open.is_empty() {
            // Under the lock, as below.
            drop(file);
            return;
        }
        drop(open);
        let Ok(metadata) = file.metadata() else { return };
        let id = FileId((metadata.dev(), metadata.ino()));
        // Closed under the lock: a connection that comes now has no locks yet when it is entered.
        let mut table = table();
        if let Some(entry) = table.get_mut(&id) {
            entry.parked.push(file);
        } else {
            drop(file);
        }
    }
}

/// Whether a connection of this process has the file at this path open. One that is not there, or
/// not to be seen, has none: whoever opens it next says so.
pub fn has(path: &Path) -> bool {
    // Where there is none at all, the path need not be looked at.
    !table().is_empty() && FileId::of(path).is_ok_and(|id| connections(&id) > 0)
}

/// How many connections of this process have the file open.
pub fn connections(id: &FileId) -> usize {
    table().get(id).map_or(0, |entry| entry.connections)
}

fn table() -> MutexGuard<'static, HashMap<FileId, Entry>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_counted_by_file_and_go_with_their_connections() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other_name) = (folder.path().join("a.db"), folder.path().join("b.db"));
        std::fs::write(&path, "").unwrap();
        std::fs::hard_link(&path, &other_name).unwrap();
        let first = OpenFile::enter(&path).unwrap();
        let id = first.id().clone();
        assert_eq!(connections(&id), 1);
        #[cfg(unix)]
        {
            let second = OpenFile::enter(&other_name).unwrap();
            assert_eq!(connections(&id), 2, "another name of the same file");
            drop(second);
        }
        drop(first);
        assert_eq!(connections(&id), 0);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_plain_handle_is_closed_only_after_the_last_connection() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        std::fs::write(&path, "").unwrap();
        let handles = || {
            std::fs::read_dir("/proc/self/fd")
                .unwrap()
                .filter(|entry| {
                    let link = entry.as_ref().unwrap().path();
                    std::fs::read_link(link).is_ok_and(|opened| opened == path)
                })
                .count()
        };
        let open = || PlainFile::open(OpenOptions::new().read(true), &path).unwrap();
        drop(open());
        assert_eq!(handles(), 0, "nobody has it open: closed at once");
        let plain = open();
        let connection = OpenFile::enter(&path).unwrap();
        drop(plain);
        assert_eq!(handles(), 1);
        drop(connection);
        assert_eq!(handles(), 0);
    }

    #[test]
    #[cfg(unix)]
    fn a_handle_that_waits_is_taken_up_by_the_next_look() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        std::fs::write(&path, "").unwrap();
        let connection = OpenFile::enter(&path).unwrap();
        let mut options = OpenOptions::new();
        for _ in 0..10 {
            drop(PlainFile::open_again(options.read(true), &path).unwrap());
        }
        assert_eq!(table()[connection.id()].parked.len(), 1);
    }

    #[test]
    fn a_new_file_at_the_same_path_is_another_file() {
        let folder = tempfile::tempdir().unwrap();
        let (path, new) = (folder.path().join("a.db"), folder.path().join("new.db"));
        std::fs::write(&path, "").unwrap();
        let entry = OpenFile::enter(&path).unwrap();
        std::fs::write(&new, "").unwrap();
        std::fs::rename(&new, &path).unwrap();
        #[cfg(unix)]
        assert_ne!(entry.id(), &FileId::of(&path).unwrap());
        drop(entry);
    }
}
