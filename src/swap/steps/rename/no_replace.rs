//! Renaming a file to a name that does not exist yet.

use std::io;
use std::path::Path;

/// Renames a file. If the new name exists, fails with `AlreadyExists`.
#[cfg(any(target_os = "linux", target_vendor = "apple"))]
pub fn to_new_name(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // The file system or the kernel does not support the flag.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => link_and_remove(from, to),
        renamed => Ok(renamed?),
    }
}

/// Renames a file. If the new name exists, fails with `AlreadyExists`.
#[cfg(not(any(target_os = "linux", target_vendor = "apple", windows)))]
pub fn to_new_name(from: &Path, to: &Path) -> io::Result<()> {
    link_and_remove(from, to)
}

/// Links the file to its new name, and then removes the old one. A file system without hard links
/// gets an empty file of the new name first, which the rename replaces.
#[cfg(unix)]
fn link_and_remove(from: &Path, to: &Path) -> io::Result<()> {
    use io::ErrorKind::{PermissionDenied, Unsupported};
    match std::fs::hard_link(from, to) {
        Ok(()) => std::fs::remove_file(from),
        Err(error) if matches!(error.kind(), Unsupported | PermissionDenied) => {
            take_and_replace(from, to)
        }
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn take_and_replace(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::File::create_new(to)?;
    std::fs::rename(from, to).inspect_err(|_| drop(std::fs::remove_file(to)))
}

/// Renames a file. If the new name exists, fails with `AlreadyExists`.
#[cfg(windows)]
pub fn to_new_name(from: &Path, to: &Path) -> io::Result<()> {
    use std::os::windows::ffi::OsStrExt;
    use windows_sys::Win32::Storage::FileSystem::{MOVEFILE_WRITE_THROUGH, MoveFileExW};
    let wide = |path: &Path| path.as_os_str().encode_wide().chain([0]).collect::<Vec<u16>>();
    let (from, to) = (wide(from), wide(to));
    // SAFETY: both strings end with NUL and outlive the call.
    let moved = unsafe { MoveFileExW(from.as_ptr(), to.as_ptr(), MOVEFILE_WRITE_THROUGH) };
    if moved == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn an_existing_file_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::write(&from, "new").unwrap();
        to_new_name(&from, &to).unwrap();
        assert!(!from.exists());
        fs::write(&from, "newer").unwrap();
        let refused = to_new_name(&from, &to).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&to).unwrap(), "new");
        #[cfg(unix)]
        for rename in [link_and_remove, take_and_replace] {
            assert_eq!(rename(&from, &to).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
            let free = folder.path().join("free");
            rename(&from, &free).unwrap();
            assert_eq!(fs::read_to_string(&free).unwrap(), "newer");
            fs::rename(&free, &from).unwrap();
        }
    }
}
