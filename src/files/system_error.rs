//! What to do about an error of the system.

use std::io;

/// The remedy, as the end of a sentence. Empty for an error that has no usual one.
pub fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull => "; make room on that disk, and try again",
        io::ErrorKind::QuotaExceeded => {
            "; the user's disk quota is used up: remove files, or raise the quota"
        }
        io::ErrorKind::PermissionDenied => {
            "; check the permissions and the owner of the file and its directory"
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            "; the file system is mounted read-only: remount it for writing"
        }
        io::ErrorKind::CrossesDevices => {
            "; a file cannot be renamed to another file system: copy it there"
        }
        io::ErrorKind::IsADirectory | io::ErrorKind::DirectoryNotEmpty => {
            "; it is a directory: name a file"
        }
        io::ErrorKind::InvalidFilename => "; use a shorter name or path",
        io::ErrorKind::FileTooLarge => {
            "; the file would be larger than the file system, or this process's limit (ulimit -f), allows"
        }
        _ => by_number(error),
    }
}

#[cfg(unix)]
fn by_number(error: &io::Error) -> &'static str {
    use rustix::io::Errno;
    match Errno::from_io_error(error) {
        Some(Errno::MFILE) => {
            "; this process has as many files open as it may: close some, or raise the limit (ulimit -n)"
        }
        Some(Errno::NFILE) => {
            "; the system has as many files open as it can: end other programs, or raise its limit"
        }
        Some(Errno::BUSY) => {
            "; it is a mount point, as a single file in a container often is: mount its directory instead"
        }
        Some(Errno::IO) => "; the disk, or the connection to it, fails: see the system's log",
        _ => "",
    }
}

#[cfg(not(unix))]
fn by_number(_error: &io::Error) -> &'static str {
    ""
}

/// The system's error with this number, and the remedy.
pub fn describe(number: i32) -> String {
    let error = io::Error::from_raw_os_error(number);
    let advice = advice(&error);
    format!("{error}{advice}")
}
