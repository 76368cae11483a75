//! Renaming on Windows, where whoever has a file open may be in the way.

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

/// How soon it is tried again, first and at last.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// Renames a file, over another one if there is one. A file that is loaded as a program or library
/// can never be replaced: that is said at once.
pub fn replace(from: &Path, to: &Path, retry: &Retry<'_>) -> Result<()> {
    try_again(Step::Rename, to, retry, is_image, || rename_over(from, to))
}

/// Replaces a file that is loaded as a program or library, which Windows lets be renamed: between
/// the two renames there is no file of the target's name.
pub fn move_aside(from: &Path, target: &Target, retry: &Retry<'_>) -> Result<()> {
    let aside = staging::aside(target);
    let renamed = || rename_over(&target.path, &aside);
    try_again(Step::Rename, &target.path, retry, |_| false, renamed)?;
    let replaced = replace(from, &target.path, retry);
    if replaced.is_err() {
        // Back to where it was. Where that fails too, the error that came first says more.
        let _ = rename_over(&aside, &target.path);
    } else {
        // Only what has ended can be removed: else the next swap of the target does it.
        let _ = std::fs::remove_file(&aside);
    }
    replaced
}

/// Removes a file. False where there was none.
pub fn remove(path: &Path, retry: &Retry<'_>) -> Result<bool> {
    try_again(Step::Remove, path, retry, is_image, || match std::fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    })
}

/// Tries again while another program is in the way, unless that `is_hopeless`.
fn try_again<T>(
    step: Step,
    path: &Path,
    retry: &Retry<'_>,
    is_hopeless: fn(&Path) -> bool,
    mut action: impl FnMut() -> io::Result<T>,
) -> Result<T> {
    let wrong = |problem| Err(SwapError::new(problem, step, path));
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
            return wrong(Problem::InUseAsImage(error));
        }
        let waited = began.elapsed();
        if waited >= retry.limit {
            // A file that nobody has open was refused for another reason.
            return if code(&error) == ERROR_ACCESS_DENIED && !is_open_elsewhere(path) {
                Err(error).at(step, path)
            } else {
                wrong(Problem::InUse { waited_ms: waited.as_millis(), cause: error })
            };
        }
        if let Err(reason) = retry.cancel.sleep(backoff.pause().min(retry.limit - waited)) {
            return wrong(Problem::Cancelled(reason));
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

/// Whether a file is loaded as a program or library: nobody's handle keeps us from deleting it, and
/// still it cannot be opened for writing.
fn is_image(path: &Path) -> bool {
    let writing = open_as(path, GENERIC_WRITE);
    let is_refused = writing.is_err_and(|error| {
        matches!(code(&error), ERROR_SHARING_VIOLATION | ERROR_USER_MAPPED_FILE)
    });
    is_refused && open_as(path, DELETE).is_ok()
}

/// Whether anybody has the file open: without POSIX semantics one who shares everything is in the way,
/// too, and the answer is the same as for missing rights.
fn is_open_elsewhere(path: &Path) -> bool {
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

/// With POSIX semantics: those who have the old file open (and share deletion) keep it. Where the
/// system or the file system has no such thing, as well as it can.
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
    // The structure ends with the name, and a NUL behind it.
    let size = offset_of!(FILE_RENAME_INFO, FileName) + name_bytes + size_of::<u16>();
    let size = size.max(size_of::<FILE_RENAME_INFO>());
    let mut buffer = vec![0u64; size.div_ceil(size_of::<u64>())];
    let info = buffer.as_mut_ptr().cast::<FILE_RENAME_INFO>();
    let too_long = |_| io::Error::from(io::ErrorKind::InvalidFilename);
    let (name_length, size) =
        (u32::try_from(name_bytes).map_err(too_long)?, u32::try_from(size).map_err(too_long)?);
    // SAFETY: the buffer is zeroed, as long as the structure with the whole name, and aligned for it
    // (to 8 bytes). The handle is open as long as `file`, and the call reads `size` bytes of the buffer.
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
    // SAFETY: both are texts that end with NUL and live as long as the call.
    let moved = unsafe {
        MoveFileExW(from.as_ptr(), to.as_ptr(), MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH)
    };
    succeeded(moved)
}

fn succeeded(answer: i32) -> io::Result<()> {
    if answer == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
