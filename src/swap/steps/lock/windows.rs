//! Locks of Windows: a handle that shares nothing.

use std::fs::{File, OpenOptions};
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::AsRawHandle;

use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_DELETE_PENDING, ERROR_SHARING_VIOLATION, GENERIC_READ, GENERIC_WRITE,
};
use windows_sys::Win32::Storage::FileSystem::{
    BY_HANDLE_FILE_INFORMATION, DELETE, FILE_DISPOSITION_INFO, FILE_FLAG_OPEN_REPARSE_POINT,
    FileDispositionInfo, GetFileInformationByHandle, SetFileInformationByHandle,
};

use crate::files::Refusal;
use std::io;
use std::path::Path;

/// A file that is opened without sharing.
#[derive(Debug)]
pub struct LockFile {
    file: File,
    /// Whether the file is kept when the lock is released.
    pub keep: bool,
}

impl LockFile {
    /// Returns none if another process holds the lock.
    pub fn try_lock(path: &Path, _target: &Path) -> io::Result<Option<Self>> {
        let mut options = OpenOptions::new();
        options.access_mode(GENERIC_READ | GENERIC_WRITE | DELETE);
        options.create(true).truncate(false).write(true).share_mode(0);
        // Open a symbolic link itself instead of following it.
        options.custom_flags(FILE_FLAG_OPEN_REPARSE_POINT);
        match options.open(path) {
            Ok(file) => {
                check(&file)?;
                Ok(Some(Self { file, keep: false }))
            }
            Err(error) if is_taken(&error, path) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub fn handle(&self) -> &File {
        &self.file
    }
}

impl Drop for LockFile {
    /// Marks the file for deletion with its handle, so that no other process can open it
    /// between the two. A file that is kept, or whose process was killed, is locked and removed
    /// by the next swap.
    fn drop(&mut self) {
        if self.keep {
            return;
        }
        let disposition = FILE_DISPOSITION_INFO { DeleteFile: true };
        let size = size_of::<FILE_DISPOSITION_INFO>() as u32;
        // SAFETY: the handle is open while `self.file` lives. The structure outlives the call,
        // which only reads it, and has the given size.
        let _ = unsafe {
            SetFileInformationByHandle(
                self.file.as_raw_handle(),
                FileDispositionInfo,
                (&raw const disposition).cast(),
                size,
            )
        };
    }
}

/// Checks that the file is a regular file with one name.
fn check(file: &File) -> io::Result<()> {
    if !file.metadata()?.is_file() {
        return Err(Refusal::NotAFile("a link or a device").into());
    }
    let mut info = BY_HANDLE_FILE_INFORMATION::default();
    // SAFETY: the handle is open while `file` is borrowed, and the structure outlives the call.
    if unsafe { GetFileInformationByHandle(file.as_raw_handle(), &raw mut info) } == 0 {
        return Err(io::Error::last_os_error());
    }
    match info.nNumberOfLinks {
        0 | 1 => Ok(()),
        links => Err(Refusal::HardLink(links.into()).into()),
    }
}

/// Whether another process has the file open. A file that is being deleted denies access for a
/// moment. A directory without write permission also denies access, but then the file does not
/// exist.
fn is_taken(error: &io::Error, path: &Path) -> bool {
    let code = error.raw_os_error().unwrap_or(0).cast_unsigned();
    code == ERROR_SHARING_VIOLATION
        || code == ERROR_DELETE_PENDING
        || (code == ERROR_ACCESS_DENIED && path.try_exists().unwrap_or(true))
}
