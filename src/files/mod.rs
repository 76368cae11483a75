//! The files that our SQLite has open in this process, by device and inode.
//!
//! POSIX drops all of a process's locks on a file when the process closes any descriptor of that
//! file (<https://sqlite.org/howtocorrupt.html>, section 2.2). Code that opens a database file by
//! plain file calls must therefore first check [`open_by()`], and open the file as a [`PlainFile`].
//! The same applies to the [`sidecars`] of a database: in WAL mode the `-shm` has the locks, and
//! the `-wal` has committed rows.
//!
//! SQLite opens and closes files by our functions (`sqlite_calls`), which update the `registry`. A
//! file is registered however SQLite came to open it, from before SQLite can lock it until its
//! descriptor is closed. `foreign_sqlite` finds files that other SQLite libraries in this process
//! have open.

mod file_id;
#[cfg(unix)]
mod foreign_sqlite;
mod last_opened;
#[cfg(unix)]
mod leases;
pub mod magic;
mod names;
mod open_by;
#[cfg(unix)]
mod open_regular;
mod plain_file;
mod refusal;
mod registry;
pub mod sidecars;
mod sqlite_calls;
pub mod system_error;
#[cfg(unix)]
pub mod trust;

/// What a file is that is not a regular one.
pub fn kind_name(found: &std::fs::Metadata) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        let kind = found.file_type();
        if kind.is_fifo() {
            return "a FIFO";
        }
        if kind.is_socket() {
            return "a socket";
        }
        if kind.is_block_device() || kind.is_char_device() {
            return "a device";
        }
    }
    if found.is_dir() {
        "a directory"
    } else if found.is_symlink() {
        "a symbolic link"
    } else {
        "a special file"
    }
}

pub use file_id::FileId;
#[cfg(unix)]
pub use leases::{do_not_wait, wait_while};
pub use names::{NameTooLong, check_name};
pub use open_by::{
    OpenBy, connections, has_open, holds_transactions, is_open_by_us, is_open_database,
    is_open_elsewhere, open_by, openings,
};
pub use plain_file::{Link, PlainFile};
pub use refusal::Refusal;
pub use registry::OpenFile;
#[cfg(all(test, target_os = "linux"))]
pub use sqlite_calls::disown;
pub use sqlite_calls::{before_open, take_refusal};

/// Restores nothing: this system has no leases to wait for.
#[cfg(not(unix))]
#[must_use]
pub struct PatienceGuard;

/// Does nothing: this system has no leases to wait for.
#[cfg(not(unix))]
pub fn wait_while(_goes_on: impl Fn() -> bool + 'static) -> PatienceGuard {
    PatienceGuard
}

/// Does nothing: this system has no leases to wait for.
#[cfg(not(unix))]
pub fn do_not_wait() -> PatienceGuard {
    PatienceGuard
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{File, OpenOptions};
    use std::path::Path;

    use super::registry::registry;

    #[cfg(target_os = "linux")]
    fn open_to_read(path: &Path) -> PlainFile {
        let mut options = OpenOptions::new();
        options.read(true);
        PlainFile::open(options, Link::Follow, path).unwrap()
    }

    #[test]
    fn entries_are_counted_by_file_and_end_with_their_connections() {
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
            assert_eq!(handles(), 0, "SQLite does not have it open: the handle is closed at once");
            let plain = open();
            let connection = OpenFile::enter(&path).unwrap();
            drop(plain);
            assert_eq!(handles(), 1);
            drop(connection);
            assert_eq!(handles(), 0);
        }
    }

    #[test]
    fn the_sidecars_of_an_open_database_count_as_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["a.db", "a.db-shm", "b.db", "b.db-wal"] {
            std::fs::write(path(name), "").unwrap();
        }
        std::fs::hard_link(path("a.db-shm"), path("link")).unwrap();
        let entry = OpenFile::enter(&path("a.db")).unwrap();
        // Missing sidecars count too: SQLite would use a file that appears by one of these names.
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
        // An unregistered connection stands for another SQLite library.
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
            assert_eq!(open_by(&path(name)), Some(OpenBy::ForeignSqlite), "{name}");
        }
        assert_eq!(
            open_by(&path("idle.db-journal")),
            Some(OpenBy::ForeignSqlite),
            "SQLite would use it"
        );
        drop((wal, idle, empty));
        let mut plain = File::create(path("plain")).unwrap();
        plain.write_all(&[7; 512]).unwrap();
        // A plain handle on a database does not count, nor does any handle on another kind of file.
        let ours = open_to_read(&path("idle.db"));
        assert_eq!(open_by(&path("idle.db")), None);
        assert_eq!(open_by(&path("plain")), None);
        let reader = File::open(path("idle.db")).unwrap();
        assert_eq!(
            open_by(&path("idle.db")),
            Some(OpenBy::ForeignSqlite),
            "it may be another SQLite's"
        );
        drop((ours, plain, reader));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn another_sqlite_is_seen_beside_ours_and_ours_is_not_mistaken_for_one() {
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
        assert_eq!(open_by(&path), Some(OpenBy::ForeignSqlite));
        // SQLite keeps a closed connection's descriptor while another connection has locks.
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
    fn a_lock_reveals_a_database_without_a_known_header() {
        use rustix::fs::{FlockOperation, fcntl_lock};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("encrypted");
        std::fs::write(&path, [7; 512]).unwrap();
        let file = File::options().read(true).write(true).open(&path).unwrap();
        assert_eq!(open_by(&path), None);
        fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive).unwrap();
        assert_eq!(open_by(&path), Some(OpenBy::ForeignSqlite));
        fcntl_lock(&file, FlockOperation::Unlock).unwrap();
        assert_eq!(open_by(&path), None);
    }

    #[test]
    #[cfg(unix)]
    fn a_connection_is_on_the_file_that_sqlite_opened_whatever_its_path_names_now() {
        let folder = tempfile::tempdir().unwrap();
        let (path, new) = (folder.path().join("a.db"), folder.path().join("new.db"));
        std::fs::write(&new, "").unwrap();
        let open = || {
            before_open();
            let connection = rusqlite::Connection::open(&path).unwrap();
            connection.execute_batch("begin; select * from sqlite_schema").unwrap();
            connection
        };
        let connection = open();
        let old = FileId::of(&path).unwrap();
        // SQLite keeps the descriptor of the second connection because the first one has locks, and gives
        // it to the third one.
        drop(open());
        let third = open();
        assert_eq!(OpenFile::enter_opened(&path).unwrap().id(), &old);
        drop((connection, third));
        let connection = open();
        std::fs::rename(&new, &path).unwrap();
        assert_eq!(OpenFile::enter_opened(&path).unwrap().id(), &old);
        assert_ne!(FileId::of(&path).unwrap(), old);
        drop(connection);
    }

    #[test]
    #[cfg(unix)]
    fn a_parked_handle_is_reused_by_open_again() {
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
