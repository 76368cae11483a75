//! How our SQLite opens and closes files: by functions of ours, which keep the registry.
//!
//! SQLite lets its system calls be replaced (<https://sqlite.org/c3ref/vfs.html>, `xSetSystemCall`).
//! All of SQLite's VFSs for one system use the same ones, and each copy of SQLite in a process has its
//! own.

use std::ffi::CStr;
#[cfg(not(unix))]
use std::path::PathBuf;
use std::sync::Once;

use rusqlite::ffi;

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

/// Elsewhere SQLite opens files by itself.
#[cfg(not(unix))]
pub fn take_refusal() -> Option<(PathBuf, Refusal)> {
    None
}

/// To be called before SQLite opens a file: what it has open is known from then on.
pub fn before_open() {
    static REPLACED: Once = Once::new();
    REPLACED.call_once(|| {
        for (name, function) in system::calls() {
            replace(name, function);
        }
    });
    // A refusal that nobody asked about has nothing to do with what is opened now.
    take_refusal();
}

/// A function as SQLite keeps it: it is called as the system's function of its name.
type SystemCall = unsafe extern "C" fn();

fn replace(name: &CStr, function: SystemCall) {
    // SAFETY: no arguments but a name that may be null. SQLite initialises itself first, as with every
    // first call.
    let vfs = unsafe { ffi::sqlite3_vfs_find(std::ptr::null()) };
    // SAFETY: a VFS that is registered stays for good, and is not written to here.
    let Some(set) = (unsafe { vfs.as_ref() }).and_then(|vfs| vfs.xSetSystemCall) else { return };
    // SAFETY: the VFS is the one that the function belongs to; the name lives as long as the call, and
    // the function as long as the library.
    unsafe { set(vfs, name.as_ptr(), Some(function)) };
}
