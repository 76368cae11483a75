//! `CreateFileW` and `CloseHandle` for SQLite.
//!
//! Of a `-wal`, `-shm` or `-journal` nothing is kept: with its database it is known by its name.

use std::ffi::{CStr, OsString, c_void};
use std::os::windows::ffi::OsStringExt;
use std::path::PathBuf;

use windows_sys::Win32::Foundation::{HANDLE, INVALID_HANDLE_VALUE};
use windows_sys::Win32::Storage::FileSystem::FILE_FLAG_DELETE_ON_CLOSE;

use super::SystemCall;
use crate::files::file_id::FileId;
use crate::files::registry::registry;
use crate::files::sidecars;

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

/// The functions that are replaced.
pub fn calls() -> [(&'static CStr, SystemCall); 2] {
    // SAFETY: SQLite keeps a function as a pointer to one without arguments, and calls it as the system's
    // function of that name, whose arguments these two take.
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
/// As that function's: `name` is a text that ends with NUL.
unsafe extern "system" fn open(
    name: *const u16,
    access: u32,
    sharing: u32,
    security: *const c_void,
    creation: u32,
    flags: u32,
    template: HANDLE,
) -> HANDLE {
    // SAFETY: as the caller says.
    let handle = unsafe { CreateFileW(name, access, sharing, security, creation, flags, template) };
    if handle != INVALID_HANDLE_VALUE && flags & FILE_FLAG_DELETE_ON_CLOSE == 0 {
        // SAFETY: as the caller says.
        let path = unsafe { path_of(name) };
        if !sidecars::is_named_like_one(&path)
            && let Ok(id) = FileId::of(&path)
        {
            let path = dunce::canonicalize(&path).unwrap_or(path);
            registry().opened(handle.addr(), id, path);
        }
    }
    handle
}

/// # Safety
/// `name` is a text that ends with NUL.
unsafe fn path_of(name: *const u16) -> PathBuf {
    // SAFETY: up to the NUL, as the caller says.
    let length = (0..).take_while(|&at| unsafe { *name.add(at) } != 0).count();
    // SAFETY: as long as was just counted.
    PathBuf::from(OsString::from_wide(unsafe { std::slice::from_raw_parts(name, length) }))
}

/// `CloseHandle`, for SQLite.
///
/// # Safety
/// The handle is SQLite's.
unsafe extern "system" fn close(handle: HANDLE) -> i32 {
    // Locked meanwhile: what SQLite opens now may get the same number, and is entered afterwards.
    let mut registry = registry();
    // SAFETY: as the caller says.
    let closed = unsafe { CloseHandle(handle) };
    registry.closed(handle.addr());
    closed
}
