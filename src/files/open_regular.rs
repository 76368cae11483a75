//! Opening a file whose name another user could have given to a different file. The file is checked
//! before the open, so that only regular files are touched. It is opened with O_NONBLOCK, so that
//! the open never blocks (see [`leases`](super::leases)). It is checked again afterwards, by its
//! descriptor.

use std::cell::RefCell;
use std::ffi::{CStr, OsStr, c_int, c_uint};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, OFlags, Stat, fcntl_getfl, fcntl_setfl, fstat, lstat};
use rustix::io::Errno;

use super::foreign_sqlite::PLAIN_HANDLE_FLAG;
use super::leases::LeaseWait;
use super::names::check_name;
use super::plain_file::PlainFile;
use super::refusal::Refusal;
use super::registry::registry;
use super::{sidecars, trust};

/// How often an open is retried while the file keeps appearing and disappearing.
const MOST_MISSED: u32 = 100;

thread_local! {
    /// The refusal of the last open by SQLite on this thread, by us or by the system.
    static LAST: RefCell<Option<(PathBuf, Refusal)>> = const { RefCell::new(None) };
}

/// Takes the refusal of the last open by SQLite on this thread, if it was refused by us or by the
/// system. SQLite itself reports only SQLITE_CANTOPEN.
pub fn take_refusal() -> Option<(PathBuf, Refusal)> {
    replace_refusal(None)
}

/// Returns the previous refusal. A thread that is ending has no thread-local storage any more, and
/// returns none.
fn replace_refusal(refusal: Option<(PathBuf, Refusal)>) -> Option<(PathBuf, Refusal)> {
    LAST.try_with(|last| last.replace(refusal)).ok().flatten()
}

/// `open(2)` for SQLite: returns the file, and its state if that was looked at; or none, with `errno`. A
/// refusal sets EISDIR, because after any other error SQLite tries again read-only (os_unix.c, unixOpen).
/// It would then treat a database that was leased a moment ago as read-only.
pub fn open_for_sqlite(path: &CStr, flags: c_int, mode: c_uint) -> Option<(OwnedFd, Option<Stat>)> {
    let earlier = replace_refusal(None);
    let opened = if is_sqlites_file(flags) {
        open_checked(path, flags, mode)
    } else {
        Ok(open(path, flags, mode).map(unseen))
    };
    match opened {
        Ok(Ok(file)) => return Some(file),
        Ok(Err(error)) => {
            if is_sqlites_file(flags) {
                replace_refusal(Some(failure(path_of(path), error, earlier)));
            }
            set_errno(error);
        }
        Err(refusal) => {
            replace_refusal(Some((path_of(path).to_owned(), refusal)));
            // A directory cannot be opened for writing: this call sets EISDIR.
            raw_open(c"/", libc::O_WRONLY | libc::O_CLOEXEC, 0);
        }
    }
    None
}

fn unseen(file: OwnedFd) -> (OwnedFd, Option<Stat>) {
    (file, None)
}

/// The failure that explains SQLite's error. Where SQLite may not write a file it tries to read it, and
/// the second failure hides the first one, which is the cause.
fn failure(path: &Path, error: Errno, earlier: Option<(PathBuf, Refusal)>) -> (PathBuf, Refusal) {
    match earlier {
        Some((same, first)) if same == path && error == Errno::NOENT => (same, first),
        _ => (path.to_owned(), Refusal::System(error.raw_os_error())),
    }
}

/// Whether SQLite opens a database or a sidecar: it passes O_NOFOLLOW for those. Otherwise it opens
/// a directory to sync it, or a device.
fn is_sqlites_file(flags: c_int) -> bool {
    flags & libc::O_NOFOLLOW != 0
}

/// The database to which the file belongs as a sidecar. A file with a sidecar's name is one only if
/// the database exists, or is open in this process although its name was removed. Otherwise it is a
/// database with an unusual name, for example `travel-journal`.
fn database_of_sidecar(path: &Path) -> Option<PathBuf> {
    sidecars::database_of(path).filter(|database| {
        // Any error but ENOENT leaves open whether the database exists. The stricter checks apply
        // then.
        registry().has_path(database) || !matches!(lstat(database), Err(Errno::NOENT))
    })
}

/// A directory passes the checks: opening one does not block, and SQLite reports its own error when
/// it cannot use it.
fn is_directory(found: &Stat) -> bool {
    FileType::from_raw_mode(found.st_mode) == FileType::Directory
}

type Opened = Result<Result<(OwnedFd, Option<Stat>), Errno>, Refusal>;

fn open_checked(path: &CStr, flags: c_int, mode: c_uint) -> Opened {
    let name = path_of(path);
    let database = database_of_sidecar(name);
    let check = |found: &Stat| match &database {
        _ if is_directory(found) => Ok(()),
        Some(database) => trust::check_sidecar(found, database),
        None => trust::check_regular(found),
    };
    let creates = flags & libc::O_CREAT != 0;
    if creates && flags & libc::O_EXCL != 0 {
        return Ok(create(path, flags, mode).map(unseen));
    }
    // Most sidecars are not there yet.
    if creates
        && database.is_some()
        && let Ok(file) = create(path, flags, mode)
    {
        return Ok(Ok(unseen(file)));
    }
    let mut wait = LeaseWait::new(database.is_some());
    let mut times_missed = 0;
    loop {
        match lstat(path) {
            Ok(found) => check(&found)?,
            Err(Errno::NOENT) if creates => {
                refuse_long_name(name)?;
                match create(path, flags, mode) {
                    Err(Errno::EXIST) if times_missed < MOST_MISSED => {
                        times_missed += 1;
                        continue;
                    }
                    made => return Ok(made.map(unseen)),
                }
            }
            Err(Errno::NAMETOOLONG) if creates => refuse_long_name(name)?,
            // The open below fails with the same error.
            Err(_) => {}
        }
        match open(path, flags & !libc::O_CREAT, mode) {
            Err(Errno::AGAIN) if wait.pause() => {}
            Err(Errno::AGAIN) => return Err(Refusal::Leased),
            Err(Errno::NOENT) if creates && times_missed < MOST_MISSED => times_missed += 1,
            Err(error) => return Ok(Err(error)),
            Ok(file) => {
                let found = match fstat(&file) {
                    Ok(found) => found,
                    Err(error) => {
                        close(file);
                        return Ok(Err(error));
                    }
                };
                let mut checked = check(&found);
                if checked.is_ok() && database.is_some() && !is_directory(&found) {
                    checked = trust::check_content(file.as_fd(), &found, name);
                }
                return match checked {
                    Ok(()) => Ok(Ok((file, Some(found)))),
                    Err(refusal) => {
                        close(file);
                        Err(refusal)
                    }
                };
            }
        }
    }
}

/// Refuses to make a database whose rollback journal could not be made. A sidecar's own name is longer.
fn refuse_long_name(path: &Path) -> Result<(), Refusal> {
    if sidecars::is_named_like_one(path) { Ok(()) } else { Ok(check_name(path)?) }
}

/// Opens without blocking. Reads and writes of the returned descriptor block, as SQLite expects.
fn open(path: &CStr, flags: c_int, mode: c_uint) -> Result<OwnedFd, Errno> {
    let descriptor = raw_open(path, flags | libc::O_NONBLOCK, mode);
    if descriptor < 0 {
        return Err(last_error());
    }
    // SAFETY: the descriptor was opened just now, and no other code knows its number.
    let file = unsafe { OwnedFd::from_raw_fd(descriptor) };
    // Of the flags with which SQLite opens files, O_NONBLOCK is the only one that this call changes.
    match fcntl_setfl(&file, OFlags::empty()) {
        Ok(()) => Ok(file),
        Err(error) => {
            close(file);
            Err(error)
        }
    }
}

/// Closes a file that SQLite does not get. Another name of the file may be a database that is open
/// in this process: then the registry keeps the handle, because closing it would drop SQLite's
/// locks. The flag keeps `foreign_sqlite` from taking the handle for another SQLite's.
fn close(file: OwnedFd) {
    if let Ok(flags) = fcntl_getfl(&file) {
        let _ = fcntl_setfl(&file, flags | PLAIN_HANDLE_FLAG);
    }
    drop(PlainFile::from(File::from(file)));
}

/// Sets `errno` for SQLite. Closing a file after the failed call may have changed it.
pub fn set_errno(error: Errno) {
    #[cfg(target_os = "linux")]
    // SAFETY: the pointer to this thread's `errno` is valid for as long as the thread runs.
    unsafe {
        *libc::__errno_location() = error.raw_os_error();
    }
    #[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
    // SAFETY: the pointer to this thread's `errno` is valid for as long as the thread runs.
    unsafe {
        *libc::__error() = error.raw_os_error();
    }
    // Other systems keep the value that the last call has left.
    let _ = error;
}

/// Makes a file that is not there yet, which does not block: nothing else has it open.
fn create(path: &CStr, flags: c_int, mode: c_uint) -> Result<OwnedFd, Errno> {
    let descriptor = raw_open(path, flags | libc::O_EXCL, mode);
    if descriptor < 0 {
        return Err(last_error());
    }
    // SAFETY: the descriptor was opened just now, and no other code knows its number.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

fn raw_open(path: &CStr, flags: c_int, mode: c_uint) -> c_int {
    // SAFETY: the path ends with NUL and outlives the call. The mode is passed for O_CREAT.
    unsafe { libc::open(path.as_ptr(), flags, mode) }
}

fn last_error() -> Errno {
    Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)
}

fn path_of(path: &CStr) -> &Path {
    Path::new(OsStr::from_bytes(path.to_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::Mode;
    use std::ffi::CString;
    use std::fs;

    const FLAGS: c_int = libc::O_RDWR | libc::O_CREAT | libc::O_NOFOLLOW | libc::O_CLOEXEC;

    fn open_for_sqlite(path: &Path, flags: c_int) -> Result<OwnedFd, Errno> {
        let path = CString::new(path.as_os_str().as_bytes()).unwrap();
        let opened = super::open_for_sqlite(&path, flags, 0o644);
        opened.map(|(file, _)| file).ok_or_else(last_error)
    }

    #[test]
    fn an_opened_file_blocks_on_reads_and_lacks_the_flag_of_plain_handles() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db-wal");
        for _ in 0..2 {
            let file = open_for_sqlite(&path, FLAGS).unwrap();
            assert!(!fcntl_getfl(&file).unwrap().contains(OFlags::NONBLOCK));
            assert_eq!(take_refusal(), None);
        }
        let found = lstat(&path).unwrap();
        assert!(Mode::from_raw_mode(found.st_mode).contains(Mode::RUSR | Mode::WUSR));
        // A directory that SQLite syncs and a device are opened without checks.
        open_for_sqlite(folder.path(), libc::O_RDONLY).unwrap();
        open_for_sqlite(Path::new("/dev/null"), libc::O_RDONLY).unwrap();
        let missing = folder.path().join("missing");
        assert_eq!(
            open_for_sqlite(&missing, libc::O_RDWR | libc::O_NOFOLLOW).err(),
            Some(Errno::NOENT)
        );
        let number = Errno::NOENT.raw_os_error();
        assert_eq!(take_refusal(), Some((missing, Refusal::System(number))));
    }

    #[test]
    fn a_refusal_is_reported_once_and_the_file_is_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("precious"), "precious").unwrap();
        fs::hard_link(path("precious"), path("a.db-journal")).unwrap();
        rustix::fs::symlink("precious", path("a.db-wal")).unwrap();
        std::process::Command::new("mkfifo").arg(path("a.db-shm")).status().unwrap();
        std::process::Command::new("mkfifo").arg(path("a.db")).status().unwrap();
        for (name, refusal) in [
            ("a.db-journal", Refusal::HardLink(2)),
            ("a.db-wal", Refusal::NotAFile("a symbolic link")),
            ("a.db-shm", Refusal::NotAFile("a FIFO")),
            ("a.db", Refusal::NotAFile("a FIFO")),
        ] {
            for flags in [FLAGS, libc::O_RDONLY | libc::O_NOFOLLOW | libc::O_CLOEXEC] {
                assert_eq!(open_for_sqlite(&path(name), flags).err(), Some(Errno::ISDIR), "{name}");
                assert_eq!(take_refusal(), Some((path(name), refusal.clone())));
                assert_eq!(take_refusal(), None);
            }
        }
        assert_eq!(fs::read_to_string(path("precious")).unwrap(), "precious");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_new_database_leaves_room_for_the_name_of_its_journal() {
        let folder = tempfile::tempdir().unwrap();
        let path = |length: usize| folder.path().join("n".repeat(length));
        open_for_sqlite(&path(247), FLAGS).unwrap();
        // It is there already: it can be read.
        fs::write(path(250), "").unwrap();
        open_for_sqlite(&path(250), FLAGS).unwrap();
        for length in [248, 300] {
            open_for_sqlite(&path(length), FLAGS).unwrap_err();
            let refusal = take_refusal().map(|(_, refusal)| refusal);
            assert!(matches!(refusal, Some(Refusal::NameTooLong(_))), "{refusal:?}");
            assert!(path(length).symlink_metadata().is_err());
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_refused_file_that_is_open_here_keeps_its_locks() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let open = || rusqlite::Connection::open(path("b.db")).unwrap();
        open().execute_batch("create table t (a)").unwrap();
        fs::write(path("a.db"), "").unwrap();
        fs::hard_link(path("b.db"), path("a.db-journal")).unwrap();
        crate::files::before_open();
        let connection = open();
        let entry = crate::files::OpenFile::enter(&path("b.db")).unwrap();
        connection.execute_batch("begin exclusive").unwrap();
        open_for_sqlite(&path("a.db-journal"), FLAGS).unwrap_err();
        assert_eq!(crate::files::open_by(&path("b.db")), Some(crate::files::OpenBy::Us));
        // Closing this handle would drop the locks too.
        let look = std::mem::ManuallyDrop::new(File::open(path("b.db")).unwrap());
        assert!(crate::files::foreign_sqlite::is_locked(look.as_fd()));
        drop((connection, entry));
    }

    #[test]
    fn a_database_with_the_name_of_a_sidecar_is_opened_unless_its_database_exists() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for (name, database) in [("travel-journal", "travel"), ("y-wal", "y")] {
            fs::write(path(name), "SQLite format 3\0").unwrap();
            fs::hard_link(path(name), path("other name")).unwrap();
            open_for_sqlite(&path(name), FLAGS).unwrap();
            assert_eq!(take_refusal(), None);
            fs::write(path(database), "").unwrap();
            open_for_sqlite(&path(name), FLAGS).unwrap_err();
            assert_eq!(take_refusal(), Some((path(name), Refusal::HardLink(2))));
            // A database that is open in this process stays one when its name is removed.
            let entry = crate::files::OpenFile::enter(&path(database)).unwrap();
            let real = fs::canonicalize(path(database)).unwrap();
            let sidecar = fs::canonicalize(path(name)).unwrap();
            fs::remove_file(real).unwrap();
            open_for_sqlite(&sidecar, FLAGS).unwrap_err();
            drop(entry);
            open_for_sqlite(&sidecar, FLAGS).unwrap();
            fs::remove_file(path("other name")).unwrap();
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_sidecar_whose_name_is_not_utf_8_is_checked_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &[u8]| folder.path().join(OsStr::from_bytes(name));
        fs::write(path(b"\xff.db"), "").unwrap();
        fs::write(path(b"precious"), "precious").unwrap();
        fs::hard_link(path(b"precious"), path(b"\xff.db-wal")).unwrap();
        assert_eq!(open_for_sqlite(&path(b"\xff.db-wal"), FLAGS).err(), Some(Errno::ISDIR));
        assert_eq!(take_refusal(), Some((path(b"\xff.db-wal"), Refusal::HardLink(2))));
    }
}
