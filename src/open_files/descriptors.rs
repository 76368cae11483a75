//! Which of the process's descriptors our SQLite has opened: by their numbers, for nothing else tells
//! them from those of another SQLite.
//!
//! SQLite opens and closes files by functions that can be put in the place of the system's
//! (<https://sqlite.org/c3ref/vfs.html>, `xSetSystemCall`): ours keep the numbers. Each copy of SQLite in
//! a process has its own table of them.

use std::collections::HashSet;
use std::ffi::{CStr, c_char, c_int, c_uint};
use std::os::fd::RawFd;
use std::sync::{LazyLock, Mutex, MutexGuard, Once, PoisonError};

use rusqlite::ffi;

use super::regular::open_for_sqlite;

static OURS: LazyLock<Mutex<HashSet<RawFd>>> = LazyLock::new(Mutex::default);

/// Has SQLite tell of the files that it opens from now on. To be called before the first one.
pub fn watch() {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| {
        type Open = unsafe extern "C" fn(*const c_char, c_int, c_int) -> c_int;
        type Close = unsafe extern "C" fn(c_int) -> c_int;
        // SAFETY: SQLite keeps a function as a pointer to one without arguments, and calls it as what
        // its name says: `open` with a path, flags and a mode, `close` with a descriptor, which is what
        // these two take.
        let [open, close] = unsafe {
            [
                std::mem::transmute::<Open, unsafe extern "C" fn()>(open),
                std::mem::transmute::<Close, unsafe extern "C" fn()>(close),
            ]
        };
        replace(c"open", open);
        replace(c"close", close);
    });
}

fn replace(name: &CStr, function: unsafe extern "C" fn()) {
    // SAFETY: no arguments but a name that may be null. SQLite initialises itself first, as with every
    // first call.
    let vfs = unsafe { ffi::sqlite3_vfs_find(std::ptr::null()) };
    // SAFETY: a VFS that is registered stays for good, and is not written to here.
    let Some(set) = (unsafe { vfs.as_ref() }).and_then(|vfs| vfs.xSetSystemCall) else { return };
    // SAFETY: the VFS is the one that the function belongs to; the name lives as long as the call, and
    // the function as long as the library.
    unsafe { set(vfs, name.as_ptr(), Some(function)) };
}

/// Whether our SQLite has opened it. One that it opens this very moment is not known yet.
pub fn is_ours(descriptor: RawFd) -> bool {
    ours().contains(&descriptor)
}

/// `open(2)`, for SQLite.
///
/// # Safety
/// `path` is a text that ends with NUL.
unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: c_int) -> c_int {
    // SAFETY: as the caller says.
    let path = unsafe { CStr::from_ptr(path) };
    let descriptor = open_for_sqlite(path, flags, mode.cast_unsigned() as c_uint);
    if descriptor >= 0 {
        ours().insert(descriptor);
    }
    descriptor
}

/// `close(2)`, for SQLite.
///
/// # Safety
/// The descriptor is SQLite's.
unsafe extern "C" fn close(descriptor: c_int) -> c_int {
    // Before it is closed: the next moment its number may be anybody's.
    ours().remove(&descriptor);
    // SAFETY: as the caller says.
    unsafe { libc::close(descriptor) }
}

fn ours() -> MutexGuard<'static, HashSet<RawFd>> {
    OURS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As if another SQLite had opened what this one has open of a directory.
#[cfg(all(test, target_os = "linux"))]
pub fn disown(directory: &std::path::Path) {
    let mut ours = ours();
    ours.retain(|descriptor| {
        let link = format!("/proc/self/fd/{descriptor}");
        !std::fs::read_link(link).is_ok_and(|opened| opened.starts_with(directory))
    });
}
