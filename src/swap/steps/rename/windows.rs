//! Renaming on Windows, where an open handle on a file can prevent the rename.

use std::fs::{File, OpenOptions};
use std::io;
use std::mem::offset_of;
use std::os::windows::ffi::OsStrExt;
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::AsRawHandle;
use std::path::Path;
use std::time::{Duration, Instant};

use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_CALL_NOT_IMPLEMENTED, ERROR_INVALID_FUNCTION,
    ERROR_INVALID_PARAMETER, ERROR_LOCK_VIOLATION, ERROR_NOT_SUPPORTED, ERROR_SHARING_VIOLATION,
    ERROR_USER_MAPPED_FILE, GENERIC_WRITE,
};
use windows_sys::Win32::Storage::FileSystem::{
    DELETE, FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_REPARSE_POINT, FILE_RENAME_INFO,
    FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE, FileRenameInfoEx,
    MOVEFILE_REPLACE_EXISTING, MOVEFILE_WRITE_THROUGH, MoveFileExW, SYNCHRONIZE,
    SetFileInformationByHandle,
};

use super::{At, Result, Retry, Step};
use crate::jobs::backoff::Backoff;
use crate::swap::steps::error::{Problem, SwapError};
use crate::swap::steps::staging;
use crate::swap::steps::target::Target;

/// Flags of FILE_RENAME_INFORMATION
/// (<https://learn.microsoft.com/windows-hardware/drivers/ddi/ntifs/ns-ntifs-_file_rename_information>).
const REPLACE_IF_EXISTS: u32 = 0x1;
const POSIX_SEMANTICS: u32 = 0x2;
const IGNORE_READONLY_ATTRIBUTE: u32 = 0x40;

/// The first and the longest pause between two attempts.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// Renames a file, and replaces an existing one. A file that is loaded as a program or library
/// cannot be replaced: the error comes at once, without retries.
pub fn replace(from: &Path, to: &Path, retry: &Retry<'_>) -> Result<()> {
    try_again(Step::Rename, to, retry, is_image, || rename_over(from, to))
}

/// Replaces a file that is loaded as a program or library: renames it, which Windows allows, and
/// then renames the new file to its name. Between the two renames the target does not exist.
pub fn move_aside(from: &Path, target: &Target, retry: &Retry<'_>) -> Result<()> {
    let aside = staging::aside(target);
    let renamed = || rename_over(&target.path, &aside);
    try_again(Step::Rename, &target.path, retry, |_| false, renamed)?;
    let replaced = replace(from, &target.path, retry);
    if replaced.is_err() {
        // Undo the first rename. If that fails too, the first error is the more useful one.
        let _ = rename_over(&aside, &target.path);
    } else {
        // A running program cannot be removed. The next swap of the target tries again.
        let _ = std::fs::remove_file(&aside);
    }
    replaced
}

/// Removes a file. Returns false if it did not exist.
pub fn remove(path: &Path, retry: &Retry<'_>) -> Result<bool> {
    try_again(Step::Remove, path, retry, is_image, || match std::fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    })
}

/// Retries while another program has the file open, unless `is_hopeless`.
fn try_again<T>(
    step: Step,
    path: &Path,
    retry: &Retry<'_>,
    is_hopeless: fn(&Path) -> bool,
    mut action: impl FnMut() -> io::Result<T>,
) -> Result<T> {
    let failure = |problem| Err(SwapError::new(problem, step, path));
    let began = Instant::now();
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    loop {
        let error = match action() {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        if !is_conflict(&error) {
            return Err(error).at(step, path);
        }
        if is_hopeless(path) {
            return failure(Problem::InUseAsImage(error));
        }
        let waited = began.elapsed();
        if waited >= retry.limit {
            // Without an open handle, ACCESS_DENIED has another reason.
            return if code(&error) == ERROR_ACCESS_DENIED && !has_open_handle(path) {
                Err(error).at(step, path)
            } else {
                failure(Problem::InUse { waited_ms: waited.as_millis(), cause: error })
            };
        }
        if let Err(reason) = retry.cancel.sleep(backoff.pause().min(retry.limit - waited)) {
            return failure(Problem::Cancelled(reason));
        }
    }
}

fn code(error: &io::Error) -> u32 {
    error.raw_os_error().unwrap_or(0).cast_unsigned()
}

fn is_conflict(error: &io::Error) -> bool {
    matches!(
        code(error),
        ERROR_ACCESS_DENIED
            | ERROR_SHARING_VIOLATION
            | ERROR_LOCK_VIOLATION
            | ERROR_USER_MAPPED_FILE
    )
}

/// Whether a file is loaded as a program or library. Such a file can be opened for deletion, but
/// not for writing.
fn is_image(path: &Path) -> bool {
    let writing = open_as(path, GENERIC_WRITE);
    let is_refused = writing.is_err_and(|error| {
        matches!(code(&error), ERROR_SHARING_VIOLATION | ERROR_USER_MAPPED_FILE)
    });
    is_refused && open_as(path, DELETE).is_ok()
}

/// Whether any handle on the file is open. Without POSIX semantics even a handle that shares
/// everything prevents the rename, with the same error as missing permissions.
fn has_open_handle(path: &Path) -> bool {
    let alone = OpenOptions::new().access_mode(SYNCHRONIZE | DELETE).share_mode(0).open(path);
    alone.is_err_and(|error| code(&error) == ERROR_SHARING_VIOLATION)
}

fn open_as(path: &Path, access: u32) -> io::Result<File> {
    OpenOptions::new()
        .access_mode(access | SYNCHRONIZE)
        .share_mode(FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)
        .custom_flags(FILE_FLAG_OPEN_REPARSE_POINT | FILE_FLAG_BACKUP_SEMANTICS)
        .open(path)
}

/// Renames with POSIX semantics: handles on the old file that share deletion keep it. Without
/// support for that, falls back to MoveFileEx.
fn rename_over(from: &Path, to: &Path) -> io::Result<()> {
    match rename_with_posix_semantics(from, to) {
        Err(error)
            if matches!(
                code(&error),
                ERROR_INVALID_PARAMETER
                    | ERROR_INVALID_FUNCTION
                    | ERROR_NOT_SUPPORTED
                    | ERROR_CALL_NOT_IMPLEMENTED
            ) =>
        {
            move_file(from, to)
        }
        renamed => renamed,
    }
}

fn rename_with_posix_semantics(from: &Path, to: &Path) -> io::Result<()> {
    let file = open_as(from, DELETE)?;
    let name: Vec<u16> = to.as_os_str().encode_wide().collect();
    let name_bytes = name.len() * size_of::<u16>();
    // The structure ends with the name and a NUL.
    let size = offset_of!(FILE_RENAME_INFO, FileName) + name_bytes + size_of::<u16>();
    let size = size.max(size_of::<FILE_RENAME_INFO>());
    let mut buffer = vec![0u64; size.div_ceil(size_of::<u64>())];
    let info = buffer.as_mut_ptr().cast::<FILE_RENAME_INFO>();
    let too_long = |_| io::Error::from(io::ErrorKind::InvalidFilename);
    let (name_length, size) =
        (u32::try_from(name_bytes).map_err(too_long)?, u32::try_from(size).map_err(too_long)?);
    // SAFETY: the buffer is zeroed, has room for the structure with the whole name, and is aligned
    // to 8 bytes, as the structure needs. The handle is open while `file` lives, and the call reads
    // `size` bytes of the buffer.
    let renamed = unsafe {
        (*info).Anonymous.Flags = REPLACE_IF_EXISTS | POSIX_SEMANTICS | IGNORE_READONLY_ATTRIBUTE;
        (*info).FileNameLength = name_length;
        let target = (&raw mut (*info).FileName).cast::<u16>();
        std::ptr::copy_nonoverlapping(name.as_ptr(), target, name.len());
        SetFileInformationByHandle(file.as_raw_handle(), FileRenameInfoEx, info.cast(), size)
    };
    succeeded(renamed)
}

fn move_file(from: &Path, to: &Path) -> io::Result<()> {
    let wide = |path: &Path| path.as_os_str().encode_wide().chain([0]).collect::<Vec<u16>>();
    let (from, to) = (wide(from), wide(to));
    // SAFETY: both strings end with NUL and outlive the call.
    let moved = unsafe {
        MoveFileExW(from.as_ptr(), to.as_ptr(), MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH)
    };
    succeeded(moved)
}

fn succeeded(result: i32) -> io::Result<()> {
    if result == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
