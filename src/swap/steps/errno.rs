//! The system's errors: their names in Node, and our codes for them.

use std::io;

/// The `code` of a `SwapError` for a system error.
pub fn code(error: &io::Error) -> &'static str {
    match name(error).as_deref() {
        Some("ENOSPC" | "EDQUOT") => "DISK_FULL",
        Some("EACCES" | "EPERM") => "NO_PERMISSION",
        Some("EROFS") => "READ_ONLY",
        Some("ENAMETOOLONG") => "NAME_TOO_LONG",
        _ => "IO_ERROR",
    }
}

/// The error's name, for example "ENOSPC".
pub fn name(error: &io::Error) -> Option<String> {
    let raw = error.raw_os_error()?;
    let known = NAMES.iter().find(|(number, _)| *number == raw);
    Some(known.map_or_else(|| format!("ERRNO_{raw}"), |(_, name)| (*name).to_owned()))
}

#[cfg(unix)]
use rustix::io::Errno;

/// The errors of file calls (POSIX and Linux).
#[cfg(unix)]
const NAMES: [(i32, &str); 33] = [
    (Errno::PERM.raw_os_error(), "EPERM"),
    (Errno::NOENT.raw_os_error(), "ENOENT"),
    (Errno::INTR.raw_os_error(), "EINTR"),
    (Errno::IO.raw_os_error(), "EIO"),
    (Errno::NXIO.raw_os_error(), "ENXIO"),
    (Errno::BADF.raw_os_error(), "EBADF"),
    (Errno::AGAIN.raw_os_error(), "EAGAIN"),
    (Errno::NOMEM.raw_os_error(), "ENOMEM"),
    (Errno::ACCESS.raw_os_error(), "EACCES"),
    (Errno::BUSY.raw_os_error(), "EBUSY"),
    (Errno::EXIST.raw_os_error(), "EEXIST"),
    (Errno::XDEV.raw_os_error(), "EXDEV"),
    (Errno::NODEV.raw_os_error(), "ENODEV"),
    (Errno::NOTDIR.raw_os_error(), "ENOTDIR"),
    (Errno::ISDIR.raw_os_error(), "EISDIR"),
    (Errno::INVAL.raw_os_error(), "EINVAL"),
    (Errno::NFILE.raw_os_error(), "ENFILE"),
    (Errno::MFILE.raw_os_error(), "EMFILE"),
    (Errno::TXTBSY.raw_os_error(), "ETXTBSY"),
    (Errno::FBIG.raw_os_error(), "EFBIG"),
    (Errno::NOSPC.raw_os_error(), "ENOSPC"),
    (Errno::ROFS.raw_os_error(), "EROFS"),
    (Errno::MLINK.raw_os_error(), "EMLINK"),
    (Errno::NAMETOOLONG.raw_os_error(), "ENAMETOOLONG"),
    (Errno::NOLCK.raw_os_error(), "ENOLCK"),
    (Errno::NOSYS.raw_os_error(), "ENOSYS"),
    (Errno::NOTEMPTY.raw_os_error(), "ENOTEMPTY"),
    (Errno::LOOP.raw_os_error(), "ELOOP"),
    (Errno::OPNOTSUPP.raw_os_error(), "EOPNOTSUPP"),
    (Errno::OVERFLOW.raw_os_error(), "EOVERFLOW"),
    (Errno::STALE.raw_os_error(), "ESTALE"),
    (Errno::DQUOT.raw_os_error(), "EDQUOT"),
    (Errno::TIMEDOUT.raw_os_error(), "ETIMEDOUT"),
];

#[cfg(windows)]
use windows_sys::Win32::Foundation as win32;

/// The names that Node gives to Windows' errors (libuv's `uv_translate_sys_error`).
#[cfg(windows)]
const NAMES: [(i32, &str); 24] = [
    (win32::ERROR_FILE_NOT_FOUND.cast_signed(), "ENOENT"),
    (win32::ERROR_PATH_NOT_FOUND.cast_signed(), "ENOENT"),
    (win32::ERROR_INVALID_NAME.cast_signed(), "ENOENT"),
    (win32::ERROR_INVALID_DRIVE.cast_signed(), "ENOENT"),
    (win32::ERROR_TOO_MANY_OPEN_FILES.cast_signed(), "EMFILE"),
    (win32::ERROR_ACCESS_DENIED.cast_signed(), "EPERM"),
    (win32::ERROR_PRIVILEGE_NOT_HELD.cast_signed(), "EPERM"),
    (win32::ERROR_NOT_ENOUGH_MEMORY.cast_signed(), "ENOMEM"),
    (win32::ERROR_NOT_SAME_DEVICE.cast_signed(), "EXDEV"),
    (win32::ERROR_WRITE_PROTECT.cast_signed(), "EROFS"),
    (win32::ERROR_SHARING_VIOLATION.cast_signed(), "EBUSY"),
    (win32::ERROR_LOCK_VIOLATION.cast_signed(), "EBUSY"),
    (win32::ERROR_USER_MAPPED_FILE.cast_signed(), "EBUSY"),
    (win32::ERROR_HANDLE_DISK_FULL.cast_signed(), "ENOSPC"),
    (win32::ERROR_DISK_FULL.cast_signed(), "ENOSPC"),
    (win32::ERROR_NOT_SUPPORTED.cast_signed(), "ENOTSUP"),
    (win32::ERROR_FILE_EXISTS.cast_signed(), "EEXIST"),
    (win32::ERROR_ALREADY_EXISTS.cast_signed(), "EEXIST"),
    (win32::ERROR_INVALID_PARAMETER.cast_signed(), "EINVAL"),
    (win32::ERROR_DIR_NOT_EMPTY.cast_signed(), "ENOTEMPTY"),
    (win32::ERROR_FILENAME_EXCED_RANGE.cast_signed(), "ENAMETOOLONG"),
    (win32::ERROR_DIRECTORY.cast_signed(), "ENOTDIR"),
    (win32::ERROR_CANT_RESOLVE_FILENAME.cast_signed(), "ELOOP"),
    (win32::ERROR_CRC.cast_signed(), "EIO"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn errors_have_their_names_in_node_or_their_number() {
        assert_eq!(name(&Errno::ACCESS.into()).as_deref(), Some("EACCES"));
        assert_eq!(code(&Errno::ACCESS.into()), "NO_PERMISSION");
        assert_eq!(name(&Errno::OVERFLOW.into()).as_deref(), Some("EOVERFLOW"));
        assert_eq!(name(&io::Error::from_raw_os_error(9999)).as_deref(), Some("ERRNO_9999"));
        assert_eq!(name(&io::Error::other("not a system error")), None);
    }
}
