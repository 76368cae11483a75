//! The registry of the files that our SQLite has open. Its only system call is the close of parked
//! handles.
//!
//! Our SQLite reports every file that it opens and closes (`sqlite_calls`): a client's database, a
//! database that is attached or written by VACUUM INTO, a swap's, and every `-wal`, `-shm` and
//! `-journal`. The connections that we open ourselves are also entered as such, by [`OpenFile`].
//! The difference tells an error text whether to advise DETACH.

use std::collections::HashMap;
#[cfg(unix)]
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use super::file_id::FileId;
use super::last_opened;
use crate::sync::{Mutex, MutexGuard, lock};

/// The system's number of a file that SQLite has open.
#[cfg(unix)]
pub type Handle = std::os::fd::RawFd;
#[cfg(not(unix))]
pub type Handle = usize;

/// The open files, and the handles by which SQLite has them open.
#[derive(Debug, Default)]
pub struct Registry {
    files: HashMap<FileId, Entry>,
    /// The file behind each of SQLite's handles.
    handles: HashMap<Handle, FileId>,
}

/// One open file.
#[derive(Debug, Default)]
struct Entry {
    /// The canonical path of each of our connections. SQLite derives the sidecars' names from it.
    connections: Vec<PathBuf>,
    /// SQLite's handles, each with the path by which SQLite opened the file.
    handles: Vec<(Handle, PathBuf)>,
    /// Plain handles on the same file or its sidecars. Closing one would drop SQLite's locks, so
    /// they are kept until SQLite closes its last handle. Only POSIX has such locks.
    #[cfg(unix)]
    parked: Vec<File>,
}

impl Entry {
    fn is_closed(&self) -> bool {
        self.connections.is_empty() && self.handles.is_empty()
    }

    fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.connections.iter().chain(self.handles.iter().map(|(_, path)| path))
    }
}

impl Registry {
    /// Whether no file is open.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// SQLite has opened a file.
    pub fn opened(&mut self, handle: Handle, id: FileId, path: PathBuf) {
        // The system reuses a number only after its previous file was closed.
        self.closed(handle);
        self.files.entry(id.clone()).or_default().handles.push((handle, path));
        self.handles.insert(handle, id);
    }

    /// SQLite has closed a handle. Parked handles are closed with the last one.
    pub fn closed(&mut self, handle: Handle) {
        let Some(id) = self.handles.remove(&handle) else { return };
        self.leave(&id, |entry| entry.handles.retain(|(open, _)| *open != handle));
    }

    /// A connection of ours has the file open as its database.
    pub fn connected(&mut self, id: FileId, path: PathBuf) {
        self.files.entry(id).or_default().connections.push(path);
    }

    /// A connection of ours has closed the file.
    pub fn disconnected(&mut self, id: &FileId, path: &PathBuf) {
        self.leave(id, |entry| {
            if let Some(index) = entry.connections.iter().position(|open| open == path) {
                entry.connections.swap_remove(index);
            }
        });
    }

    fn leave(&mut self, id: &FileId, leave: impl FnOnce(&mut Entry)) {
        let Some(entry) = self.files.get_mut(id) else { return };
        leave(entry);
        if entry.is_closed() {
            self.files.remove(id);
        }
    }

    /// How many connections of ours have the file open as their database.
    pub fn connections(&self, id: &FileId) -> usize {
        self.files.get(id).map_or(0, |entry| entry.connections.len())
    }

    /// How many handles SQLite has on the file. After a connection closes, SQLite keeps its
    /// descriptor as long as another connection has locks on the file; such a descriptor counts.
    pub fn openings(&self, id: &FileId) -> usize {
        self.files.get(id).map_or(0, |entry| entry.handles.len().max(entry.connections.len()))
    }

    /// The paths by which SQLite has the file open, and whether a connection of ours is among them.
    pub fn paths(&self, id: &FileId) -> (Vec<PathBuf>, bool) {
        match self.files.get(id) {
            Some(entry) => (entry.paths().cloned().collect(), !entry.connections.is_empty()),
            None => (Vec::new(), false),
        }
    }

    /// Whether a handle belongs to our SQLite.
    #[cfg(unix)]
    pub fn is_sqlites(&self, handle: Handle) -> bool {
        self.handles.contains_key(&handle)
    }

    /// Every path by which SQLite has a file open.
    #[cfg(unix)]
    pub fn all_paths(&self) -> Vec<PathBuf> {
        self.files.values().flat_map(Entry::paths).cloned().collect()
    }

    /// Whether SQLite has a file open by this path.
    #[cfg(unix)]
    pub fn has_path(&self, path: &Path) -> bool {
        self.files.values().flat_map(Entry::paths).any(|open| open == path)
    }

    /// Keeps a plain handle until SQLite has closed its last handle on the file, or on the database
    /// for which `belongs` is true. Returns the handle if SQLite has neither open.
    #[cfg(unix)]
    pub fn park(
        &mut self,
        id: &FileId,
        file: File,
        belongs: impl Fn(&PathBuf) -> bool,
    ) -> Option<File> {
        let entry = if self.files.contains_key(id) {
            self.files.get_mut(id)
        } else {
            self.files.values_mut().find(|entry| entry.paths().any(&belongs))
        };
        match entry {
            Some(entry) => entry.parked.push(file),
            None => return Some(file),
        }
        None
    }

    /// Takes back a parked handle for which `is_it` is true.
    #[cfg(unix)]
    pub fn unpark(&mut self, id: &FileId, is_it: impl Fn(&File) -> bool) -> Option<File> {
        let entry = self.files.get_mut(id)?;
        let at = entry.parked.iter().position(is_it)?;
        Some(entry.parked.swap_remove(at))
    }

    /// Removes the handles for which `is_forgotten` is true, as if another SQLite had opened them.
    #[cfg(all(test, target_os = "linux"))]
    pub fn forget(&mut self, is_forgotten: impl Fn(Handle) -> bool) {
        let handles: Vec<_> = self.handles.keys().copied().collect();
        for handle in handles.into_iter().filter(|handle| is_forgotten(*handle)) {
            self.closed(handle);
        }
    }
}

static REGISTRY: LazyLock<Mutex<Registry>> = LazyLock::new(Mutex::default);

/// Locks the registry of this process. SQLite calls the functions that update it while it holds its
/// own mutexes. A thread that holds this lock must therefore not call SQLite.
pub fn registry() -> MutexGuard<'static, Registry> {
    lock(&REGISTRY)
}

/// The registry's entry of a connection that we opened ourselves. Dropping it removes the entry.
#[derive(Debug)]
pub struct OpenFile {
    id: FileId,
    path: PathBuf,
}

impl OpenFile {
    /// Registers the file that a connection has just opened on this thread, by this path.
    ///
    /// SQLite's open has identified the file by its descriptor, and knows its real path. SQLite opens none if
    /// it still has a descriptor of the file, from a connection that was closed. Then the path tells.
    pub fn enter_opened(path: &Path) -> io::Result<Self> {
        match last_opened::take() {
            Some((id, real)) => Ok(Self::connected(id, real)),
            None => Self::enter(path),
        }
    }

    /// Registers the file at this path as one that a connection has opened.
    pub fn enter(path: &Path) -> io::Result<Self> {
        Ok(Self::connected(FileId::of(path)?, dunce::canonicalize(path)?))
    }

    fn connected(id: FileId, path: PathBuf) -> Self {
        registry().connected(id.clone(), path.clone());
        Self { id, path }
    }

    /// The identity of the file.
    pub fn id(&self) -> &FileId {
        &self.id
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        registry().disconnected(&self.id, &self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids() -> (tempfile::TempDir, [FileId; 2]) {
        let folder = tempfile::tempdir().unwrap();
        let id = |name: &str| {
            std::fs::write(folder.path().join(name), "").unwrap();
            FileId::of(&folder.path().join(name)).unwrap()
        };
        let ids = [id("a.db"), id("b.db")];
        (folder, ids)
    }

    #[test]
    fn a_file_is_open_until_its_last_handle_and_connection_are_gone() {
        let (_folder, [id, other]) = ids();
        let mut registry = Registry::default();
        let path = PathBuf::from("/a.db");
        registry.opened(3, id.clone(), path.clone());
        registry.opened(4, id.clone(), path.clone());
        registry.connected(id.clone(), path.clone());
        assert_eq!((registry.connections(&id), registry.openings(&id)), (1, 2));
        assert_eq!(registry.openings(&other), 0);
        assert_eq!(registry.paths(&id), (vec![path.clone(); 3], true));
        registry.closed(3);
        registry.closed(3);
        registry.disconnected(&id, &path);
        assert_eq!((registry.connections(&id), registry.openings(&id)), (0, 1));
        registry.closed(4);
        assert!(registry.is_empty());
    }

    #[test]
    fn a_reused_number_belongs_to_the_new_file() {
        let (_folder, [old, new]) = ids();
        let mut registry = Registry::default();
        registry.opened(3, old.clone(), PathBuf::from("/a.db"));
        registry.opened(3, new.clone(), PathBuf::from("/b.db"));
        assert_eq!((registry.openings(&old), registry.openings(&new)), (0, 1));
        registry.closed(3);
        assert!(registry.is_empty());
    }

    #[test]
    #[cfg(unix)]
    fn a_parked_handle_is_closed_with_the_file_or_its_database() {
        let (folder, [database, sidecar]) = ids();
        let mut registry = Registry::default();
        let open = || File::open(folder.path().join("b.db")).unwrap();
        let belongs = |path: &PathBuf| path == Path::new("/a.db");
        assert!(registry.park(&sidecar, open(), belongs).is_some(), "nothing is open");
        registry.opened(3, database.clone(), PathBuf::from("/a.db"));
        assert!(registry.park(&sidecar, open(), belongs).is_none());
        assert!(registry.park(&sidecar, open(), |_| false).is_some());
        assert!(registry.unpark(&sidecar, |_| true).is_none());
        assert!(registry.unpark(&database, |_| true).is_some());
        registry.opened(4, sidecar.clone(), PathBuf::from("/a.db-shm"));
        assert!(registry.park(&sidecar, open(), belongs).is_none());
        assert!(registry.unpark(&sidecar, |_| true).is_some(), "the file's own entry comes first");
    }
}
