//! `CreateFileW` and `CloseHandle` for SQLite.
//!
//! A `-wal`, `-shm` or `-journal` is not registered: the name of its database identifies it.

use std::ffi::{CStr, OsString, c_void};
use std::os::windows::ffi::OsStringExt;
use std::path::PathBuf;

use windows_sys::Win32::Foundation::{HANDLE, INVALID_HANDLE_VALUE};
use windows_sys::Win32::Storage::FileSystem::FILE_FLAG_DELETE_ON_CLOSE;

use super::SystemCall;
use crate::files::file_id::FileId;
use crate::files::registry::registry;
use crate::files::sidecars;
use crate::jobs::panics;

// <fileapi.h>, <handleapi.h>
#[link(name = "kernel32")]
unsafe extern "system" {
    fn CreateFileW(
        name: *const u16,
        access: u32,
        sharing: u32,
        security: *const c_void,
        creation: u32,
        flags: u32,
        template: HANDLE,
    ) -> HANDLE;
    fn CloseHandle(handle: HANDLE) -> i32;
}

type Open =
    unsafe extern "system" fn(*const u16, u32, u32, *const c_void, u32, u32, HANDLE) -> HANDLE;
type Close = unsafe extern "system" fn(HANDLE) -> i32;

/// The system calls that we replace, with our functions.
pub fn calls() -> [(&'static CStr, SystemCall); 2] {
    // SAFETY: SQLite stores a function as a pointer to one without arguments, and calls it as the
    // system function of that name. Our two functions have the arguments of those.
    unsafe {
        [
            (c"CreateFileW", std::mem::transmute::<Open, SystemCall>(open)),
            (c"CloseHandle", std::mem::transmute::<Close, SystemCall>(close)),
        ]
    }
}

/// `CreateFileW`, for SQLite.
///
/// # Safety
/// The same as for that function: `name` points to a string that ends with NUL.
unsafe extern "system" fn open(
    name: *const u16,
    access: u32,
    sharing: u32,
    security: *const c_void,
    creation: u32,
    flags: u32,
    template: HANDLE,
) -> HANDLE {
    // SAFETY: the caller passes valid arguments of this very function.
    let handle = unsafe { CreateFileW(name, access, sharing, security, creation, flags, template) };
    if handle != INVALID_HANDLE_VALUE && flags & FILE_FLAG_DELETE_ON_CLOSE == 0 {
        // A panic must not unwind into C. The file is then open, and not registered.
        let _ = panics::catch(|| {
            // SAFETY: the caller passes a string that ends with NUL.
            let path = unsafe { path_of(name) };
            if !sidecars::is_named_like_one(&path)
                && let Ok(id) = FileId::of(&path)
            {
                let path = dunce::canonicalize(&path).unwrap_or(path);
                registry().opened(handle.addr(), id, path);
            }
        });
    }
    handle
}

/// # Safety
/// `name` points to a string that ends with NUL.
unsafe fn path_of(name: *const u16) -> PathBuf {
    // SAFETY: the reads end at the NUL, with which the caller's string ends.
    let length = (0..).take_while(|&at| unsafe { *name.add(at) } != 0).count();
    // SAFETY: the string has the length that was just counted.
    PathBuf::from(OsString::from_wide(unsafe { std::slice::from_raw_parts(name, length) }))
}

/// `CloseHandle`, for SQLite.
///
/// # Safety
/// The handle is SQLite's.
unsafe extern "system" fn close(handle: HANDLE) -> i32 {
    // The registry stays locked across the close. A file that SQLite opens meanwhile may get the
    // same number, and is registered only after this entry is removed.
    let close = || {
        let mut registry = registry();
        // SAFETY: the caller passes a handle that belongs to it.
        let closed = unsafe { CloseHandle(handle) };
        registry.closed(handle.addr());
        closed
    };
    // A panic must not unwind into C: it becomes a failure.
    panics::catch(close).unwrap_or(0)
}
