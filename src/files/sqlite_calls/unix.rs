//! `open(2)` and `close(2)` for SQLite.

use std::ffi::{CStr, OsStr, c_char, c_int, c_uint};
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use rustix::fs::{FileType, fstat};

use super::SystemCall;
use crate::files::file_id::FileId;
use crate::files::open_regular::open_for_sqlite;
use crate::files::registry::registry;

type Open = unsafe extern "C" fn(*const c_char, c_int, c_int) -> c_int;
type Close = unsafe extern "C" fn(c_int) -> c_int;

/// The functions that are replaced.
pub fn calls() -> [(&'static CStr, SystemCall); 2] {
    // SAFETY: SQLite keeps a function as a pointer to one without arguments, and calls it as what its
    // name says: `open` with a path, flags and a mode, `close` with a descriptor, which is what these two
    // take.
    unsafe {
        [
            (c"open", std::mem::transmute::<Open, SystemCall>(open)),
            (c"close", std::mem::transmute::<Close, SystemCall>(close)),
        ]
    }
}

/// `open(2)`, for SQLite.
///
/// # Safety
/// `path` is a text that ends with NUL.
unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: c_int) -> c_int {
    // SAFETY: as the caller says.
    let path = unsafe { CStr::from_ptr(path) };
    let descriptor = open_for_sqlite(path, flags, mode.cast_unsigned() as c_uint);
    // SAFETY: it is open: SQLite, whose it is, does not know of it yet.
    let id = (descriptor >= 0).then(|| identify(unsafe { BorrowedFd::borrow_raw(descriptor) }));
    if let Some(Some(id)) = id {
        // SQLite can lock nothing before this returns.
        registry().opened(descriptor, id, PathBuf::from(OsStr::from_bytes(path.to_bytes())));
    }
    descriptor
}

/// Which file it is. None for what has no locks or no name: a directory, a temporary file.
fn identify(descriptor: BorrowedFd<'_>) -> Option<FileId> {
    let found = fstat(descriptor).ok()?;
    let has_name = found.st_nlink > 0;
    let is_file = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
    #[allow(clippy::cast_sign_loss, clippy::unnecessary_cast, reason = "as std's Metadata has it")]
    let id = FileId((found.st_dev as u64, found.st_ino as u64));
    (is_file && has_name).then_some(id)
}

/// `close(2)`, for SQLite.
///
/// # Safety
/// The descriptor is SQLite's.
unsafe extern "C" fn close(descriptor: c_int) -> c_int {
    // While it is locked nothing is entered: what SQLite opens meanwhile may get the same number, but
    // is entered after this one is gone. And what is parked here is closed before SQLite can have new
    // locks on the same file: of those it has now, none is left when it closes its last descriptor.
    let mut registry = registry();
    // SAFETY: as the caller says.
    let closed = unsafe { libc::close(descriptor) };
    registry.closed(descriptor);
    closed
}

/// As if another SQLite had opened what this one has open of a directory.
#[cfg(all(test, target_os = "linux"))]
pub fn disown(directory: &std::path::Path) {
    registry().forget(|descriptor| {
        let link = format!("/proc/self/fd/{descriptor}");
        std::fs::read_link(link).is_ok_and(|opened| opened.starts_with(directory))
    });
}
