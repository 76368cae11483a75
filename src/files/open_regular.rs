//! Opening a file by a name that somebody else could have given to something else: it is looked at
//! before, so that nothing but a regular file is touched, opened so that no opening waits (O_NONBLOCK;
//! see [`leases`](super::leases)), and looked at again.

use std::cell::RefCell;
use std::ffi::{CStr, OsStr, c_int, c_uint};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, OFlags, Stat, fcntl_getfl, fcntl_setfl, fstat, lstat};
use rustix::io::Errno;

use super::leases::LeaseWait;
use super::plain_file::PlainFile;
use super::refusal::Refusal;
use super::{sidecars, trust};

/// How often a file that comes and goes is looked for again.
const MOST_MISSED: u32 = 100;

thread_local! {
    /// Why the last file that SQLite asked for on this thread was refused, if it was.
    static LAST: RefCell<Option<(PathBuf, Refusal)>> = const { RefCell::new(None) };
}

/// Which file SQLite was refused on this thread, where that was the last one that it asked for: all that it
/// says itself is SQLITE_CANTOPEN. It is said once.
pub fn take_refusal() -> Option<(PathBuf, Refusal)> {
    note(None)
}

/// Answers what was noted before. A thread that is ending has no such note any more.
fn note(refusal: Option<(PathBuf, Refusal)>) -> Option<(PathBuf, Refusal)> {
    LAST.try_with(|last| last.replace(refusal)).ok().flatten()
}

/// `open(2)` for SQLite: answers a descriptor, or -1 with `errno`. What is refused has EISDIR, as nothing
/// else keeps SQLite from trying once more, for reading (os_unix.c, unixOpen): it would take a database
/// that was leased a moment ago for one that it may not write to.
pub fn open_for_sqlite(path: &CStr, flags: c_int, mode: c_uint) -> c_int {
    note(None);
    let opened =
        if is_own(flags) { open_own(path, flags, mode) } else { Ok(open(path, flags, mode)) };
    match opened {
        Ok(Ok(file)) => file.into_raw_fd(),
        // As `open` has left `errno`.
        Ok(Err(_)) => -1,
        Err(refusal) => {
            note(Some((path_of(path).to_owned(), refusal)));
            // Nothing is there that may be opened for writing.
            raw_open(c"/", libc::O_WRONLY | libc::O_CLOEXEC, 0)
        }
    }
}

/// Whether it is a file with content of SQLite's: then it follows no link. Else it is a directory that is
/// to be synced, or a device of the system's.
fn is_own(flags: c_int) -> bool {
    flags & libc::O_NOFOLLOW != 0
}

/// To open one waits for nothing, and SQLite has errors of its own for what it then cannot do.
fn is_directory(found: &Stat) -> bool {
    FileType::from_raw_mode(found.st_mode) == FileType::Directory
}

type Opened = Result<Result<OwnedFd, Errno>, Refusal>;

fn open_own(path: &CStr, flags: c_int, mode: c_uint) -> Opened {
    let name = path_of(path);
    let database = sidecars::database_of(name);
    let check = |found: &Stat| match &database {
        _ if is_directory(found) => Ok(()),
        Some(database) => trust::check_sidecar(found, database),
        None => trust::check_regular(found),
    };
    let creates = flags & libc::O_CREAT != 0;
    if creates && flags & libc::O_EXCL != 0 {
        return Ok(open(path, flags, mode));
    }
    let mut wait = LeaseWait::new(database.is_some());
    let mut times_missed = 0;
    loop {
        match lstat(path) {
            Ok(found) => check(&found)?,
            Err(Errno::NOENT) if creates => match open(path, flags | libc::O_EXCL, mode) {
                Err(Errno::EXIST) if times_missed < MOST_MISSED => {
                    times_missed += 1;
                    continue;
                }
                made => return Ok(made),
            },
            // The system says it again.
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
                    Err(error) => return Ok(Err(error)),
                };
                let mut checked = check(&found);
                if checked.is_ok() && database.is_some() && !is_directory(&found) {
                    checked = trust::check_content(file.as_fd(), &found, name);
                }
                return match checked {
                    Ok(()) => Ok(Ok(file)),
                    Err(refusal) => {
                        // By another name it may be a database that is open here.
                        drop(PlainFile::from(File::from(file)));
                        Err(refusal)
                    }
                };
            }
        }
    }
}

/// Opens without waiting. What comes of it waits where it is read and written, as SQLite has it. Leaves
/// `errno` behind it.
fn open(path: &CStr, flags: c_int, mode: c_uint) -> Result<OwnedFd, Errno> {
    let descriptor = raw_open(path, flags | libc::O_NONBLOCK, mode);
    if descriptor < 0 {
        return Err(last_error());
    }
    // SAFETY: it was opened just now, and nobody else has its number.
    let file = unsafe { OwnedFd::from_raw_fd(descriptor) };
    let is_set = set_waiting(file.as_fd());
    is_set.map(|()| file)
}

fn set_waiting(file: BorrowedFd<'_>) -> Result<(), Errno> {
    fcntl_setfl(file, fcntl_getfl(file)? - OFlags::NONBLOCK)
}

fn raw_open(path: &CStr, flags: c_int, mode: c_uint) -> c_int {
    // SAFETY: the text ends with NUL, and lives as long as the call; the mode is there for O_CREAT.
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
        let descriptor = super::open_for_sqlite(&path, flags, 0o644);
        if descriptor < 0 {
            return Err(last_error());
        }
        // SAFETY: it was opened just now, for this test alone.
        Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
    }

    #[test]
    fn what_is_opened_waits_where_it_is_read_and_has_no_mark_of_ours() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db-wal");
        for _ in 0..2 {
            let file = open_for_sqlite(&path, FLAGS).unwrap();
            assert!(!fcntl_getfl(&file).unwrap().contains(OFlags::NONBLOCK));
            assert_eq!(take_refusal(), None);
        }
        let found = lstat(&path).unwrap();
        assert!(Mode::from_raw_mode(found.st_mode).contains(Mode::RUSR | Mode::WUSR));
        // Others are as the system has them: a directory that is to be synced, a device.
        open_for_sqlite(folder.path(), libc::O_RDONLY).unwrap();
        open_for_sqlite(Path::new("/dev/null"), libc::O_RDONLY).unwrap();
        let missing = folder.path().join("missing");
        assert_eq!(
            open_for_sqlite(&missing, libc::O_RDWR | libc::O_NOFOLLOW).err(),
            Some(Errno::NOENT)
        );
        assert_eq!(take_refusal(), None);
    }

    #[test]
    fn what_is_refused_is_said_once_and_left_as_it_is() {
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
        // Its closing would drop them, too.
        let look = std::mem::ManuallyDrop::new(File::open(path("b.db")).unwrap());
        assert!(crate::files::foreign_sqlite::is_locked(look.as_fd()));
        drop((connection, entry));
    }
}
