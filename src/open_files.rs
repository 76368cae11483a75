//! Which files our SQLite has open in this process, by device and inode.
//!
//! POSIX drops all of a process's locks on a file when any of its descriptors is closed
//! (<https://sqlite.org/howtocorrupt.html>, section 2.2): whoever wants to open a database file by
//! plain file calls asks here first. The same goes for the [`sidecars`] of a database: the locks of
//! WAL mode are on the `-shm`, and acknowledged rows in the `-wal`.
//!
//! SQLite opens and closes files by functions of ours (`descriptors`), which keep the [`registry`]: a
//! file is known however SQLite came to open it, from before it can have a lock until its descriptor is
//! closed. What others in this process have open, `elsewhere` looks for.
//!
//! SQLite calls those functions while it holds mutexes of its own, and they take the registry's lock:
//! so nothing calls SQLite while it holds that lock.

pub mod beginnings;
#[cfg(unix)]
mod descriptors;
#[cfg(unix)]
mod elsewhere;
#[cfg(windows)]
mod handles;
#[cfg(unix)]
mod leases;
mod refusal;
mod registry;
#[cfg(unix)]
mod regular;
pub mod sidecars;
#[cfg(unix)]
pub mod trust;

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

#[cfg(unix)]
pub use leases::{do_not_wait, wait_while};
pub use refusal::Refusal;
#[cfg(unix)]
pub use regular::take_refusal;

use registry::Registry;

/// Elsewhere SQLite opens files by itself.
#[cfg(not(unix))]
pub fn take_refusal() -> Option<(PathBuf, Refusal)> {
    None
}

/// There are no leases elsewhere, and nothing changes.
#[cfg(not(unix))]
#[must_use]
pub struct Changed;

/// See [`Changed`].
#[cfg(not(unix))]
pub fn wait_while(_goes_on: impl Fn() -> bool + 'static) -> Changed {
    Changed
}

/// See [`Changed`].
#[cfg(not(unix))]
pub fn do_not_wait() -> Changed {
    Changed
}

/// To be called before SQLite opens a file: what it has open is ours from then on.
pub fn before_open() {
    #[cfg(unix)]
    {
        descriptors::watch();
        // One that nobody asked about has nothing to do with what is opened now.
        take_refusal();
    }
    #[cfg(windows)]
    handles::watch();
}

/// As if another SQLite had opened what ours has open of a directory.
#[cfg(all(test, target_os = "linux"))]
pub use descriptors::disown;

/// What tells one file from another, whatever its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FileId(Identity);

#[cfg(unix)]
type Identity = (u64, u64);
#[cfg(not(unix))]
type Identity = std::path::PathBuf;

static OPEN: LazyLock<Mutex<Registry>> = LazyLock::new(Mutex::default);

/// The entry of a connection that we open ourselves. It is removed by dropping it.
#[derive(Debug)]
pub struct OpenFile {
    id: FileId,
    path: PathBuf,
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

/// A file that is opened by plain file calls. Where our SQLite has come to open the same file meanwhile,
/// the handle is closed only after the last of SQLite's.
#[derive(Debug)]
pub struct PlainFile {
    file: Option<File>,
    #[cfg(unix)]
    named_like_sidecar: bool,
}

/// What becomes of a path that ends in a symbolic link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// It is followed.
    Follow,
    /// It is an error. Not on Windows.
    Refuse,
}

impl PlainFile {
    /// Opens a regular file, without waiting for the other end where it is a pipe by now: then it is an
    /// error. For how long it waits for a lease, the thread says ([`wait_while`]). Whether the file is a
    /// database that is open in this process is for the caller to ask first.
    pub fn open(mut options: OpenOptions, link: Link, path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: Some(open_marked(&mut options, link, path)?),
            #[cfg(unix)]
            named_like_sidecar: sidecars::database_beside(path).is_some(),
        })
    }

    /// Opens a database's file for a look at it, or takes up a handle that waits for the end of SQLite's
    /// last one: else each look would add one.
    pub fn open_again(options: OpenOptions, link: Link, path: &Path) -> io::Result<Self> {
        #[cfg(unix)]
        {
            let id = FileId::of(path)?;
            // Those of its sidecars wait there, too.
            let is_it = |file: &File| {
                use std::os::unix::fs::MetadataExt;
                file.metadata().is_ok_and(|found| FileId((found.dev(), found.ino())) == id)
            };
            let parked = registry().unpark(&id, is_it);
            if let Some(file) = parked {
                let named_like_sidecar = sidecars::database_beside(path).is_some();
                return Ok(Self { file: Some(file), named_like_sidecar });
            }
        }
        Self::open(options, link, path)
    }
}

#[cfg(unix)]
fn open_marked(options: &mut OpenOptions, link: Link, path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;

    use rustix::fs::{OFlags, fstat};
    let flags = match link {
        Link::Follow => OFlags::empty(),
        Link::Refuse => OFlags::NOFOLLOW,
    };
    options.custom_flags((flags | elsewhere::MARK).bits().cast_signed());
    let mut wait = leases::Wait::new(sidecars::database_of(path).is_some());
    let file = loop {
        match options.open(path) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if !wait.pause() {
                    return Err(Refusal::Leased.into());
                }
            }
            opened => break opened?,
        }
    };
    trust::check_regular(&fstat(&file)?)?;
    Ok(file)
}

#[cfg(not(unix))]
fn open_marked(options: &mut OpenOptions, _link: Link, path: &Path) -> io::Result<File> {
    options.open(path)
}

impl From<File> for PlainFile {
    /// Of a file that was made just now, and has a name of ours.
    fn from(file: File) -> Self {
        Self {
            file: Some(file),
            #[cfg(unix)]
            named_like_sidecar: false,
        }
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
        let open = registry();
        if open.is_empty() {
            // Under the lock, as below.
            drop(file);
            return;
        }
        drop(open);
        let Ok(metadata) = file.metadata() else { return };
        let id = FileId((metadata.dev(), metadata.ino()));
        let may_be_sidecar = self.named_like_sidecar || metadata.nlink() > 1;
        let belongs = |database: &PathBuf| {
            may_be_sidecar && sidecars::are_of(std::slice::from_ref(database), &id)
        };
        // Closed under the lock: SQLite has no locks yet on what it opens now, for it goes on only when
        // that is entered.
        let mut registry = registry();
        drop(registry.park(&id, file, belongs));
    }
}

/// By what a file is open as a database, or the database whose sidecar it is or would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenBy {
    /// Our SQLite.
    Us,
    /// Another SQLite in this process.
    SomebodyElse,
}

/// By what in this process the file at this path is open as a database. One that is not there, or not
/// to be seen, is open by nobody: whoever opens it next says so.
pub fn open_by(path: &Path) -> Option<OpenBy> {
    // Whether we have it open or not: the locks of both go when either closes it.
    if is_open_elsewhere(path) {
        return Some(OpenBy::SomebodyElse);
    }
    is_open_by_us(path).then_some(OpenBy::Us)
}

/// Whether another SQLite in this process has it open, or the database whose sidecar it is or would be.
#[cfg(unix)]
pub fn is_open_elsewhere(path: &Path) -> bool {
    elsewhere::has(path)
        || sidecars::database_beside(path).is_some_and(|database| elsewhere::has(&database))
}

/// Windows locks by handle: what another one does there is in nobody's way.
#[cfg(not(unix))]
pub fn is_open_elsewhere(_path: &Path) -> bool {
    false
}

/// Whether our SQLite has it open. See [`open_by`].
pub fn is_open_by_us(path: &Path) -> bool {
    // Where there is none at all, the path need not be looked at.
    if registry().is_empty() {
        return false;
    }
    FileId::of(path).is_ok_and(|id| openings(&id) > 0)
        || sidecars::database_beside(path).is_some_and(|database| is_open_database(&database))
        || is_linked_sidecar(path)
}

/// Whether our SQLite has the file at this path open as a database, and not as another one's sidecar.
pub fn is_open_database(path: &Path) -> bool {
    let Ok(id) = FileId::of(path) else { return false };
    let (paths, is_connected) = registry().paths(&id);
    let is_sidecar = |path: &Path| {
        let database = sidecars::database_beside(path).and_then(|path| FileId::of(&path).ok());
        database.is_some_and(|id| openings(&id) > 0)
    };
    is_connected || paths.iter().any(|path| !is_sidecar(path))
}

/// Whether it is another link to a sidecar of a database that is open here.
#[cfg(unix)]
fn is_linked_sidecar(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let Ok(metadata) = std::fs::metadata(path) else { return false };
    if metadata.nlink() < 2 {
        return false;
    }
    let id = FileId((metadata.dev(), metadata.ino()));
    let paths = registry().all_paths();
    sidecars::are_of(&paths, &id)
}

/// Windows has no locks that another handle's end would drop, and refuses to rename or remove what
/// SQLite has open.
#[cfg(not(unix))]
fn is_linked_sidecar(_path: &Path) -> bool {
    false
}

/// How many connections that we opened ourselves have the file open as their database.
pub fn connections(id: &FileId) -> usize {
    registry().connections(id)
}

/// How often our SQLite has the file open: by those connections, and attached to others.
pub fn openings(id: &FileId) -> usize {
    registry().openings(id)
}

fn registry() -> MutexGuard<'static, Registry> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    fn open_to_read(path: &Path) -> PlainFile {
        let mut options = OpenOptions::new();
        options.read(true);
        PlainFile::open(options, Link::Follow, path).unwrap()
    }

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
        let (shm, link) = (folder.path().join("a.db-shm"), folder.path().join("link"));
        std::fs::write(&path, "").unwrap();
        std::fs::write(&shm, "").unwrap();
        std::fs::hard_link(&shm, &link).unwrap();
        let handles = || {
            std::fs::read_dir("/proc/self/fd")
                .unwrap()
                .filter(|entry| {
                    let link = entry.as_ref().unwrap().path();
                    std::fs::read_link(link).is_ok_and(|opened| opened.starts_with(&folder))
                })
                .count()
        };
        for path_of_plain in [&path, &shm, &link] {
            let open = || open_to_read(path_of_plain);
            drop(open());
            assert_eq!(handles(), 0, "nobody has it open: closed at once");
            let plain = open();
            let connection = OpenFile::enter(&path).unwrap();
            drop(plain);
            assert_eq!(handles(), 1);
            drop(connection);
            assert_eq!(handles(), 0);
        }
    }

    #[test]
    fn the_sidecars_of_an_open_database_are_as_open_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["a.db", "a.db-shm", "b.db", "b.db-wal"] {
            std::fs::write(path(name), "").unwrap();
        }
        std::fs::hard_link(path("a.db-shm"), path("link")).unwrap();
        let entry = OpenFile::enter(&path("a.db")).unwrap();
        // Also those that are not there: SQLite would take them for its own.
        for name in ["a.db", "a.db-wal", "a.db-shm", "a.db-journal"] {
            assert_eq!(open_by(&path(name)), Some(OpenBy::Us), "{name}");
        }
        assert_eq!(open_by(&path("link")), cfg!(unix).then_some(OpenBy::Us));
        for name in ["b.db", "b.db-wal", "a.db-backup", "-wal", "none"] {
            assert_eq!(open_by(&path(name)), None, "{name}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("a.db-shm", path("symlink")).unwrap();
            assert_eq!(open_by(&path("symlink")), Some(OpenBy::Us));
        }
        drop(entry);
        assert_eq!(open_by(&path("a.db-shm")), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_database_that_another_sqlite_has_open_is_seen_and_an_ordinary_file_is_not() {
        use std::io::Write;
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        // A connection that nobody knows of stands for another SQLite.
        let open = |name: &str, statements: &str| {
            let connection = rusqlite::Connection::open(path(name)).unwrap();
            connection.execute_batch(statements).unwrap();
            disown(folder.path());
            connection
        };
        let wal = open("wal.db", "pragma journal_mode = wal; create table t (a)");
        let idle = open("idle.db", "create table t (a)");
        let empty = open("empty.db", "");
        std::fs::hard_link(path("wal.db-shm"), path("link")).unwrap();
        for name in ["wal.db", "wal.db-wal", "wal.db-shm", "link", "idle.db", "empty.db"] {
            assert_eq!(open_by(&path(name)), Some(OpenBy::SomebodyElse), "{name}");
        }
        assert_eq!(
            open_by(&path("idle.db-journal")),
            Some(OpenBy::SomebodyElse),
            "would be its own"
        );
        drop((wal, idle, empty));
        let mut plain = File::create(path("plain")).unwrap();
        plain.write_all(&[7; 512]).unwrap();
        // Ours on a database that nobody has open; other people's on what is no database.
        let ours = open_to_read(&path("idle.db"));
        assert_eq!(open_by(&path("idle.db")), None);
        assert_eq!(open_by(&path("plain")), None);
        let reader = File::open(path("idle.db")).unwrap();
        assert_eq!(open_by(&path("idle.db")), Some(OpenBy::SomebodyElse), "it may be anybody's");
        drop((ours, plain, reader));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn another_sqlite_is_seen_beside_ours_and_ours_is_never_taken_for_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        before_open();
        let open = || {
            let connection = rusqlite::Connection::open(&path).unwrap();
            connection
                .execute_batch("pragma journal_mode = wal; select * from sqlite_schema")
                .unwrap();
            (connection, OpenFile::enter(&path).unwrap())
        };
        drop(open());
        let other = open();
        disown(folder.path());
        let ours = open();
        assert_eq!(open_by(&path), Some(OpenBy::SomebodyElse));
        // SQLite keeps a closed connection's descriptor while another one has locks.
        drop(other);
        drop(ours);
        let (first, second) = (open(), open());
        drop(first);
        assert_eq!(open_by(&path), Some(OpenBy::Us));
        drop(second);
        assert_eq!(open_by(&path), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_lock_tells_of_a_database_that_is_not_to_be_recognised() {
        use rustix::fs::{FlockOperation, fcntl_lock};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("encrypted");
        std::fs::write(&path, [7; 512]).unwrap();
        let file = File::options().read(true).write(true).open(&path).unwrap();
        assert_eq!(open_by(&path), None);
        fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive).unwrap();
        assert_eq!(open_by(&path), Some(OpenBy::SomebodyElse));
        fcntl_lock(&file, FlockOperation::Unlock).unwrap();
        assert_eq!(open_by(&path), None);
    }

    #[test]
    #[cfg(unix)]
    fn a_handle_that_waits_is_taken_up_by_the_next_look() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        std::fs::write(&path, "").unwrap();
        let connection = OpenFile::enter(&path).unwrap();
        for _ in 0..10 {
            let mut options = OpenOptions::new();
            options.read(true);
            drop(PlainFile::open_again(options, Link::Refuse, &path).unwrap());
        }
        let parked = || registry().unpark(connection.id(), |_| true);
        assert!(parked().is_some());
        assert!(parked().is_none());
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
