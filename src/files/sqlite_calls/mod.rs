//! The functions by which our SQLite opens and closes files. They update the registry.
//!
//! SQLite allows its system calls to be replaced (<https://sqlite.org/c3ref/vfs.html>,
//! `xSetSystemCall`). All of SQLite's VFSs for one system share the same calls. Each copy of SQLite
//! in a process has its own.

use std::ffi::CStr;
#[cfg(not(unix))]
use std::path::PathBuf;
use std::sync::Once;

use rusqlite::ffi;

use super::last_opened;
#[cfg(not(unix))]
use super::refusal::Refusal;

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use unix as system;
#[cfg(windows)]
use windows as system;

#[cfg(unix)]
pub use super::open_regular::take_refusal;
#[cfg(all(test, target_os = "linux"))]
pub use unix::disown;

/// Always none: here no file is refused.
#[cfg(not(unix))]
pub fn take_refusal() -> Option<(PathBuf, Refusal)> {
    None
}

/// Replaces the system calls. It must be called before SQLite opens a file, so that every open file
/// is registered.
pub fn before_open() {
    static REPLACED: Once = Once::new();
    REPLACED.call_once(|| {
        for (name, function) in system::calls() {
            replace(name, function);
        }
    });
    // What was not taken belongs to an earlier open.
    take_refusal();
    last_opened::take();
}

/// A function as SQLite stores it. SQLite casts it to the type of the system function it replaces.
type SystemCall = unsafe extern "C" fn();

fn replace(name: &CStr, function: SystemCall) {
    // SAFETY: the only argument is a name, which may be null. The call initialises SQLite if
    // needed.
    let vfs = unsafe { ffi::sqlite3_vfs_find(std::ptr::null()) };
    // SAFETY: a registered VFS is never freed, and this code does not write to it.
    let Some(set) = (unsafe { vfs.as_ref() }).and_then(|vfs| vfs.xSetSystemCall) else { return };
    // SAFETY: `set` is a method of this VFS. The name outlives the call, and the function is part
    // of this library, as SQLite is.
    unsafe { set(vfs, name.as_ptr(), Some(function)) };
}
