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

use rustix::fs::{OFlags, Stat, fcntl_getfl, fcntl_setfl, fstat, lstat};
use rustix::io::Errno;

use super::leases::Wait;
use super::{PlainFile, Refusal, sidecars, trust};

/// How often a file that comes and goes is looked for again.
const MOST_MISSED: u32 = 100;

thread_local! {
    /// Why the last file that SQLite asked for on this thread was refused, if it was.
    static LAST: RefCell<Option<(PathBuf, Refusal)>> = const { RefCell::new(None) };
}

/// Which file SQLite was refused on this thread, where that was the last one that it asked for: all that it
/// says itself is SQLITE_CANTOPEN. It is said once.
pub fn take_refusal() -> Option<(PathBuf, Refusal)> {
    LAST.take()
}

/// `open(2)` for SQLite: answers a descriptor, or -1 with `errno`. What is refused has EISDIR, as nothing
/// else keeps SQLite from trying once more, for reading (os_unix.c, unixOpen): it would take a database
/// that was leased a moment ago for one that it may not write to.
pub fn open_for_sqlite(path: &CStr, flags: c_int, mode: c_uint) -> c_int {
    LAST.set(None);
    let opened =
        if is_own(flags) { open_own(path, flags, mode) } else { Ok(open(path, flags, mode)) };
    match opened {
        Ok(Ok(file)) => file.into_raw_fd(),
        // As `open` has left `errno`.
        Ok(Err(_)) => -1,
        Err(refusal) => {
            LAST.set(Some((path_of(path).to_owned(), refusal)));
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

type Opened = Result<Result<OwnedFd, Errno>, Refusal>;

fn open_own(path: &CStr, flags: c_int, mode: c_uint) -> Opened {
    let name = path_of(path);
    let database = sidecars::database_of(name);
    let check = |found: &Stat| match &database {
        Some(database) => trust::check_sidecar(found, database),
        None => trust::check_regular(found),
    };
    let creates = flags & libc::O_CREAT != 0;
    if creates && flags & libc::O_EXCL != 0 {
        return Ok(open(path, flags, mode));
    }
    let mut wait = Wait::new(database.is_some());
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
                if database.is_some() && checked.is_ok() {
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
