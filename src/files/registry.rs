//! The registry itself: what is entered for each file. It makes no system call but the closing of what
//! is parked.
//!
//! Our SQLite tells of each file that it opens and closes (`sqlite_calls`), however it comes to
//! open it: as a client's database, by ATTACH or VACUUM INTO, for a swap, as a `-wal`, `-shm` or
//! `-journal`. The connections that we open ourselves are entered besides, by [`OpenFile`]: they
//! are those that nobody needs to be told to DETACH.

use std::collections::HashMap;
#[cfg(unix)]
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use super::file_id::FileId;
use crate::sync::{Mutex, MutexGuard, lock};

/// A file that SQLite has open, by the system's number.
#[cfg(unix)]
pub type Handle = std::os::fd::RawFd;
#[cfg(not(unix))]
pub type Handle = usize;

/// See the module's documentation.
#[derive(Debug, Default)]
pub struct Registry {
    files: HashMap<FileId, Entry>,
    /// The file of each of SQLite's handles.
    handles: HashMap<Handle, FileId>,
}

/// What is known of a file that is open.
#[derive(Debug, Default)]
struct Entry {
    /// The real path of each connection of ours: its sidecars are named after it.
    connections: Vec<PathBuf>,
    /// SQLite's handles, each with the path by which SQLite opened the file.
    handles: Vec<(Handle, PathBuf)>,
    /// Plain handles on the same file or its sidecars, whose closing would drop SQLite's locks: they
    /// wait for its last handle's end. Only POSIX has such locks.
    #[cfg(unix)]
    parked: Vec<File>,
}

impl Entry {
    fn is_over(&self) -> bool {
        self.connections.is_empty() && self.handles.is_empty()
    }

    fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.connections.iter().chain(self.handles.iter().map(|(_, path)| path))
    }
}

impl Registry {
    /// Whether nothing is open.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// SQLite has opened a file.
    pub fn opened(&mut self, handle: Handle, id: FileId, path: PathBuf) {
        // A number that was given anew says that its last file is closed.
        self.closed(handle);
        self.files.entry(id.clone()).or_default().handles.push((handle, path));
        self.handles.insert(handle, id);
    }

    /// SQLite has closed it. What is parked there is closed with the last of its handles.
    pub fn closed(&mut self, handle: Handle) {
        let Some(id) = self.handles.remove(&handle) else { return };
        self.leave(&id, |entry| entry.handles.retain(|(open, _)| *open != handle));
    }

    /// A connection of ours has the file open as its database.
    pub fn connected(&mut self, id: FileId, path: PathBuf) {
        self.files.entry(id).or_default().connections.push(path);
    }

    /// It has it no more.
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
        if entry.is_over() {
            self.files.remove(id);
        }
    }

    /// How many connections of ours have the file open as their database.
    pub fn connections(&self, id: &FileId) -> usize {
        self.files.get(id).map_or(0, |entry| entry.connections.len())
    }

    /// How often SQLite has the file open. One that a connection has closed is among them while SQLite
    /// keeps its descriptor, for the locks of another connection.
    pub fn openings(&self, id: &FileId) -> usize {
        self.files.get(id).map_or(0, |entry| entry.handles.len().max(entry.connections.len()))
    }

    /// By which paths SQLite has the file open, and whether one of them is that of a connection of ours.
    pub fn paths(&self, id: &FileId) -> (Vec<PathBuf>, bool) {
        match self.files.get(id) {
            Some(entry) => (entry.paths().cloned().collect(), !entry.connections.is_empty()),
            None => (Vec::new(), false),
        }
    }

    /// Whether a handle is SQLite's.
    #[cfg(unix)]
    pub fn is_sqlites(&self, handle: Handle) -> bool {
        self.handles.contains_key(&handle)
    }

    /// Every path by which SQLite has a file open.
    #[cfg(unix)]
    pub fn all_paths(&self) -> Vec<PathBuf> {
        self.files.values().flat_map(Entry::paths).cloned().collect()
    }

    /// Keeps a plain handle until SQLite has closed the file, or the database of which it is a sidecar
    /// as `belongs` says. Gives it back where there is none.
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

    /// Takes a parked handle back that `is_it`.
    #[cfg(unix)]
    pub fn unpark(&mut self, id: &FileId, is_it: impl Fn(&File) -> bool) -> Option<File> {
        let entry = self.files.get_mut(id)?;
        let at = entry.parked.iter().position(is_it)?;
        Some(entry.parked.swap_remove(at))
    }

    /// Forgets those of SQLite's handles of which `is_forgotten`, as if they were another SQLite's.
    #[cfg(all(test, target_os = "linux"))]
    pub fn forget(&mut self, is_forgotten: impl Fn(Handle) -> bool) {
        let handles: Vec<_> = self.handles.keys().copied().collect();
        for handle in handles.into_iter().filter(|handle| is_forgotten(*handle)) {
            self.closed(handle);
        }
    }
}

static REGISTRY: LazyLock<Mutex<Registry>> = LazyLock::new(Mutex::default);

/// The registry of this process. SQLite calls the functions that keep it while it holds mutexes of its
/// own: so nothing calls SQLite while it holds this lock.
pub fn registry() -> MutexGuard<'static, Registry> {
    lock(&REGISTRY)
}

/// The entry of a connection that we open ourselves. It is removed by dropping it.
#[derive(Debug)]
pub struct OpenFile {
    id: FileId,
    path: PathBuf,
}

impl OpenFile {
    /// Enters a file that a connection has just opened.
    pub fn enter(path: &Path) -> io::Result<Self> {
        let id = FileId::of(path)?;
        let path = dunce::canonicalize(path)?;
        registry().connected(id.clone(), path.clone());
        Ok(Self { id, path })
    }

    /// Which file it is.
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
    fn a_number_that_is_given_anew_is_that_of_the_new_file() {
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
    fn a_parked_handle_goes_with_the_file_or_with_its_database() {
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
        assert!(registry.unpark(&sidecar, |_| true).is_some(), "its own handle is nearer");
    }
}
