//! `open(2)` and `close(2)` for SQLite.

use std::ffi::{CStr, OsStr, c_char, c_int, c_uint};
use std::os::fd::IntoRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use rustix::fs::{FileType, Stat, fstat};
use rustix::io::Errno;

use super::SystemCall;
use crate::failpoints::{Point, reach};
use crate::files::file_id::FileId;
use crate::files::last_opened;
use crate::files::open_regular::{open_for_sqlite, set_errno};
use crate::files::registry::registry;
use crate::jobs::panics;

type Open = unsafe extern "C" fn(*const c_char, c_int, c_int) -> c_int;
type Close = unsafe extern "C" fn(c_int) -> c_int;

/// The system calls that we replace, with our functions.
pub fn calls() -> [(&'static CStr, SystemCall); 2] {
    // SAFETY: SQLite stores a function as a pointer to one without arguments, and calls it as the
    // system function of that name: `open` with a path, flags and a mode, `close` with a
    // descriptor. These are the arguments of our two functions.
    unsafe {
        [
            (c"open", std::mem::transmute::<Open, SystemCall>(open)),
            (c"close", std::mem::transmute::<Close, SystemCall>(close)),
        ]
    }
}

/// `open(2)`, for SQLite. A panic must not unwind into C: it becomes EIO.
///
/// # Safety
/// `path` points to a string that ends with NUL.
unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: c_int) -> c_int {
    // SAFETY: the caller passes a string that ends with NUL.
    let path = unsafe { CStr::from_ptr(path) };
    panics::catch(|| open_and_register(path, flags, mode)).unwrap_or_else(|_| {
        set_errno(Errno::IO);
        -1
    })
}

fn open_and_register(path: &CStr, flags: c_int, mode: c_int) -> c_int {
    reach(Point::Open);
    let opened = open_for_sqlite(path, flags, mode.cast_unsigned() as c_uint);
    let Some((file, found)) = opened else { return -1 };
    let id = found.or_else(|| fstat(&file).ok()).as_ref().and_then(identify);
    let descriptor = file.into_raw_fd();
    if let Some(id) = id {
        let path = PathBuf::from(OsStr::from_bytes(path.to_bytes()));
        last_opened::note(&id, &path);
        // The file is registered before SQLite can lock it, because it gets the descriptor only
        // now.
        registry().opened(descriptor, id, path);
    }
    descriptor
}

/// The identity of the file. None for a directory, which has no locks, and for a temporary file,
/// which has no name.
fn identify(found: &Stat) -> Option<FileId> {
    let has_name = found.st_nlink > 0;
    let is_file = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
    #[allow(clippy::cast_sign_loss, clippy::unnecessary_cast, reason = "as std's Metadata has it")]
    let id = FileId((found.st_dev as u64, found.st_ino as u64));
    (is_file && has_name).then_some(id)
}

/// `close(2)`, for SQLite. A panic must not unwind into C: it becomes an error, which SQLite only logs.
///
/// # Safety
/// The descriptor is SQLite's.
unsafe extern "C" fn close(descriptor: c_int) -> c_int {
    // The registry stays locked across the close. A file that SQLite opens meanwhile may get the
    // same number, and is registered only after this entry is removed. Parked handles are closed
    // here too: SQLite has no locks left when it closes its last descriptor, and cannot get new
    // ones before the registry is unlocked.
    let close = || {
        let mut registry = registry();
        // SAFETY: the caller passes a descriptor that belongs to it.
        let closed = unsafe { libc::close(descriptor) };
        registry.closed(descriptor);
        closed
    };
    panics::catch(close).unwrap_or(-1)
}

/// Makes the open files of a directory look as if another SQLite library had opened them.
#[cfg(all(test, target_os = "linux"))]
pub fn disown(directory: &std::path::Path) {
    registry().forget(|descriptor| {
        let link = format!("/proc/self/fd/{descriptor}");
        std::fs::read_link(link).is_ok_and(|opened| opened.starts_with(directory))
    });
}
