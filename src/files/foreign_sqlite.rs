//! Databases that another SQLite library in this process has open: the runtime's, or that of a
//! second copy of latchdb. Closing a plain handle of ours drops its locks too. Our registry does
//! not know its files, so this module searches the system's list of the process's descriptors.
//!
//! The search must not open the file, because closing it again would drop the locks. It only
//! queries the descriptors that exist. The owner of a descriptor may close it during the search,
//! and its number may be reused. The worst result is a wrong answer: the search writes nothing and
//! moves no file position.
//!
//! A search costs about 1 µs for each descriptor of the process, on the job's thread.
//!
//! The descriptors of our own SQLite are known by their numbers (`registry`).
//!
//! Two cases are not detected: a library that opens the file between the search and our own open or
//! close, and any library on a system without such a list.

use std::fs::Metadata;
use std::os::fd::{BorrowedFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{OFlags, fcntl_getfl, fstat};
use rustix::io::pread;

use super::magic;
use super::registry::registry;
use super::sidecars::is_named_like_one;

/// The directory in which the system lists this process's descriptors.
const LIST: &str = if cfg!(target_vendor = "apple") { "/dev/fd" } else { "/proc/self/fd" };

/// Our plain handles are opened with this flag, also those of a second copy of latchdb. SQLite's
/// handles never have it. The flag has no effect on a regular file (`open(2)`).
pub const PLAIN_HANDLE_FLAG: OFlags = OFlags::NONBLOCK;

/// SQLite's smallest page size. A database's size is a multiple of it
/// (<https://sqlite.org/fileformat2.html>, section 1.3.2).
const SMALLEST_PAGE: u64 = 512;

/// The first bytes of SQLite's files.
const BEGINNINGS: [&[u8]; 5] =
    [magic::DATABASE, magic::JOURNAL, magic::WAL[0], magic::WAL[1], &magic::SHARED_MEMORY];

/// How often and at which interval a search is repeated. Our SQLite registers a descriptor right
/// after the open, so a single search may find one that is not registered yet.
const LOOKS: u32 = 4;
const BETWEEN_LOOKS: Duration = Duration::from_millis(1);

/// Whether another library has the file open as SQLite does. Ordinary files and plain handles do
/// not count, because they have no locks to lose.
pub fn has(path: &Path) -> bool {
    let Ok(file) = std::fs::metadata(path) else { return false };
    // Size and name rule out most files without a search.
    let may_be_sqlites =
        file.is_file() && (file.len() % SMALLEST_PAGE == 0 || is_named_like_one(path));
    may_be_sqlites
        && (0..LOOKS).all(|look| {
            if look > 0 {
                std::thread::sleep(BETWEEN_LOOKS);
            }
            descriptors().any(|descriptor| {
                is_sqlites(descriptor, &file) && !registry().is_sqlites(descriptor)
            })
        })
}

fn descriptors() -> impl Iterator<Item = RawFd> {
    let entries = std::fs::read_dir(LIST).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn is_sqlites(descriptor: RawFd, file: &Metadata) -> bool {
    // SAFETY: the owner may close the descriptor at any time. The calls below then fail with EBADF
    // or describe another file. They only read, so that the result is at worst a wrong answer.
    let descriptor = unsafe { BorrowedFd::borrow_raw(descriptor) };
    let Ok(opened) = fstat(descriptor) else { return false };
    #[allow(clippy::cast_sign_loss, clippy::unnecessary_cast, reason = "as std's Metadata has it")]
    let is_same = (opened.st_dev as u64, opened.st_ino as u64) == (file.dev(), file.ino());
    if !is_same {
        return false;
    }
    let Ok(flags) = fcntl_getfl(descriptor) else { return false };
    if flags.contains(PLAIN_HANDLE_FLAG) {
        return false;
    }
    // SQLite sets O_NOFOLLOW since 3.32, and few other programs do. For an empty or encrypted
    // database without locks, the flag is the only evidence.
    flags.contains(OFlags::NOFOLLOW) || is_locked(descriptor) || begins_like_sqlites(descriptor)
}

fn begins_like_sqlites(descriptor: BorrowedFd<'_>) -> bool {
    let mut beginning = [0_u8; 16];
    pread(descriptor, &mut beginning[..], 0)
        .is_ok_and(|_| BEGINNINGS.iter().any(|one| beginning.starts_with(one)))
}

/// Whether the file has a POSIX lock. F_OFD_GETLK also reports the locks of this process
/// (`fcntl(2)`, open file description locks).
pub(super) fn is_locked(descriptor: BorrowedFd<'_>) -> bool {
    #[cfg(any(target_os = "linux", target_vendor = "apple"))]
    {
        use std::os::fd::AsRawFd;
        #[allow(clippy::cast_possible_truncation, clippy::unnecessary_cast, reason = "0 to 3")]
        let [write, none, start] =
            [libc::F_WRLCK as i16, libc::F_UNLCK as i16, libc::SEEK_SET as i16];
        // Start 0 and length 0 mean the whole file.
        let mut lock =
            libc::flock { l_type: write, l_whence: start, l_start: 0, l_len: 0, l_pid: 0 };
        // SAFETY: the structure outlives the call, and F_OFD_GETLK acquires no lock.
        let asked =
            unsafe { libc::fcntl(descriptor.as_raw_fd(), libc::F_OFD_GETLK, &raw mut lock) };
        asked == 0 && lock.l_type != none
    }
    #[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
    {
        let _ = descriptor;
        false
    }
}
