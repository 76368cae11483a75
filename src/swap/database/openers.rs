//! The processes that have a file open, as far as this process may see them. The list is for errors
//! and reports; a swap relies on [`super::proof`] instead.

use std::path::Path;

use crate::files::{self, FileId};
use crate::swap::steps::error::database::{DatabaseProblem, Opener};

/// The processes that have a file open.
#[derive(Debug, Default)]
pub struct Openers {
    /// The processes, without this one.
    pub others: Vec<Opener>,
    /// Whether the list is certainly complete.
    pub is_complete: bool,
}

/// The other processes that have the file at this path open.
pub fn others(path: &Path) -> Openers {
    platform::others(path)
}

/// An error that names the openers. It includes this process if its SQLite has more connections on
/// the file than the `own` connections of the swap.
pub fn in_use(path: &Path, own: usize) -> DatabaseProblem {
    let mut openers = others(path).others;
    let id = FileId::of(path).ok();
    let is_open = id.as_ref().is_some_and(|id| files::openings(id) > own);
    let is_attached = is_open && id.is_some_and(|id| files::connections(&id) <= own);
    if is_open {
        openers.insert(0, this_process());
    }
    DatabaseProblem::InUse { openers, is_attached }
}

/// This process as an opener.
pub fn this_process() -> Opener {
    Opener { pid: std::process::id(), name: String::new() }
}

#[cfg(target_os = "linux")]
mod platform {
    use std::fs;
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;

    use super::{Opener, Openers};

    type Identity = (u64, u64);

    /// Reads `/proc/PID/fd` (`proc(5)`). A user sees only the descriptors of the user's own
    /// processes, and root sees all.
    pub fn others(path: &Path) -> Openers {
        let mut found = Openers { is_complete: true, ..Openers::default() };
        let (Some(file), Ok(processes)) = (identity(path), fs::read_dir("/proc")) else {
            return Openers::default();
        };
        for process in processes.flatten() {
            let Some(pid) = process.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            if pid == std::process::id() {
                continue;
            }
            match descriptors(&process.path().join("fd"), file) {
                Some(0) => {}
                Some(_) => {
                    let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
                    found.others.push(Opener { pid, name: name.trim_end().to_owned() });
                }
                // A process that has ended meanwhile has nothing open.
                None => found.is_complete &= !process.path().exists(),
            }
        }
        found
    }

    /// The number of a process's descriptors on the file. None if they are not visible.
    fn descriptors(folder: &Path, file: Identity) -> Option<usize> {
        let entries = fs::read_dir(folder).ok()?;
        Some(entries.flatten().filter(|entry| identity(&entry.path()) == Some(file)).count())
    }

    fn identity(path: &Path) -> Option<Identity> {
        fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
    }
}

#[cfg(target_vendor = "apple")]
mod platform {
    use std::ffi::{CString, c_char, c_int, c_void};
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;

    use super::{Opener, Openers};

    const PROC_ALL_PIDS: u32 = 1;
    const MOST_PIDS: usize = 4096;
    const LONGEST_NAME: usize = 64;

    unsafe extern "C" {
        // <libproc.h>
        fn proc_listpidspath(
            kind: u32,
            typeinfo: u32,
            path: *const c_char,
            flags: u32,
            buffer: *mut c_void,
            size: c_int,
        ) -> c_int;
    }

    /// Calls `proc_listpidspath` of libproc, which compares device and inode.
    pub fn others(path: &Path) -> Openers {
        let Ok(text) = CString::new(path.as_os_str().as_bytes()) else { return Openers::default() };
        let mut pids: Vec<c_int> = vec![0; MOST_PIDS];
        let size = c_int::try_from(size_of_val(&pids[..])).unwrap_or(c_int::MAX);
        // SAFETY: the path ends with NUL, the buffer has the given size, and both outlive the call.
        let used = unsafe {
            proc_listpidspath(PROC_ALL_PIDS, 0, text.as_ptr(), 0, pids.as_mut_ptr().cast(), size)
        };
        let Ok(used) = usize::try_from(used) else { return Openers::default() };
        pids.truncate(used / size_of::<c_int>());
        let is_complete = pids.len() < MOST_PIDS;
        let own = std::process::id().cast_signed();
        let others = pids.into_iter().filter(|&pid| pid > 0 && pid != own).map(opener).collect();
        Openers { others, is_complete }
    }

    fn opener(pid: c_int) -> Opener {
        let mut name = [0u8; LONGEST_NAME];
        // SAFETY: the buffer has the given size, and outlives the call.
        let length = unsafe { libc::proc_name(pid, name.as_mut_ptr().cast(), LONGEST_NAME as u32) };
        let length = usize::try_from(length).unwrap_or(0).min(LONGEST_NAME);
        let name = String::from_utf8_lossy(&name[..length]).into_owned();
        Opener { pid: pid.cast_unsigned(), name }
    }
}

#[cfg(windows)]
#[path = "openers/windows.rs"]
mod platform;

#[cfg(not(any(target_os = "linux", target_vendor = "apple", windows)))]
mod platform {
    use std::path::Path;

    use super::Openers;

    pub fn others(_path: &Path) -> Openers {
        Openers::default()
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn another_process_that_has_it_open_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        std::fs::write(&path, "").unwrap();
        assert!(others(&path).others.is_empty());
        let mut child = std::process::Command::new("sleep")
            .arg("600")
            .stdin(std::fs::File::open(&path).unwrap())
            .spawn()
            .unwrap();
        let found = others(&path).others;
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].pid, child.id());
    }

    /// Ignores other processes: a child that another test is just starting has copies of this
    /// process's descriptors.
    fn names_this_process(path: &Path, own: usize) -> bool {
        in_use(path, own).openers().iter().any(Opener::is_self)
    }

    #[test]
    fn connections_of_this_process_are_openers_unless_they_are_the_swaps() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        std::fs::write(&path, "").unwrap();
        let entry = files::OpenFile::enter(&path).unwrap();
        assert!(!names_this_process(&path, 1));
        assert!(names_this_process(&path, 0));
        drop(entry);
        assert!(!names_this_process(&path, 0));
    }

    #[test]
    fn the_error_mentions_an_attached_database() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        files::before_open();
        let other = rusqlite::Connection::open(folder.path().join("other.db")).unwrap();
        let text = |own| in_use(&path, own).to_string();
        other.execute("ATTACH ? AS a", [path.to_str()]).unwrap();
        assert!(text(0).contains("DETACH"), "{}", text(0));
        let connection = rusqlite::Connection::open(&path).unwrap();
        let entry = files::OpenFile::enter(&path).unwrap();
        assert!(
            text(1).contains("DETACH"),
            "attached beside the swap's own connection: {}",
            text(1)
        );
        assert!(!text(0).contains("DETACH"), "{}", text(0));
        drop((connection, entry));
        other.execute_batch("DETACH a").unwrap();
        assert!(!names_this_process(&path, 0));
    }
}
