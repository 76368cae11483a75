//! Databases that another SQLite in this process has open: the runtime's own, a second copy of ours. Their locks are dropped just the same when a plain handle of ours is
//! closed, and no registry of ours knows of them; the system's list of the process's descriptors does.
//!
//! Looking must not open the file, for closing it again would be the harm. All that is asked is asked of
//! the descriptor that is there. One that its owner closes meanwhile, so that its number is free or
//! another file's, makes no difference but a wrong answer: nothing is written, and no position moves.
//!
//! A look costs the system about 1 µs for each descriptor of the process, on the job's thread.
//!
//! Our own SQLite's are known by their numbers (`registry`).
//!
//! What remains is the instant between the look and our own opening and closing: who opens the file
//! there, unknown to us, is not noticed. Nor is anybody where the system has no such list.

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

/// Where the system lists this process's descriptors.
const LIST: &str = if cfg!(target_vendor = "apple") { "/dev/fd" } else { "/proc/self/fd" };

/// What plain handles of ours are opened with, and SQLite's never are: it tells them apart, those of a
/// second copy of ours too. It means nothing to a regular file (`open(2)`).
pub const PLAIN_HANDLE_FLAG: OFlags = OFlags::NONBLOCK;

/// SQLite's smallest page: a database has a whole number of them
/// (<https://sqlite.org/fileformat2.html>, section 1.3.2).
const SMALLEST_PAGE: u64 = 512;

/// What SQLite's files begin with.
const BEGINNINGS: [&[u8]; 5] =
    [magic::DATABASE, magic::JOURNAL, magic::WAL[0], magic::WAL[1], &magic::SHARED_MEMORY];

/// How often and how soon it is looked again: our SQLite says that a descriptor is its own right after it
/// has opened it.
const LOOKS: u32 = 4;
const BETWEEN_LOOKS: Duration = Duration::from_millis(1);

/// Whether somebody else has the file open in a way that looks like SQLite's. Others that have it open do
/// no harm: an ordinary file, or a plain handle.
pub fn has(path: &Path) -> bool {
    let Ok(file) = std::fs::metadata(path) else { return false };
    // Of most files that is known without looking further.
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
    // SAFETY: it may be closed by its owner at any time: then the calls below answer EBADF, or tell
    // of another file, as the module's text says.
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
    // The flag is SQLite's habit since 3.32, and nearly nobody else's: of a database that is empty
    // or encrypted it is all that there is to see while nobody has locked it.
    flags.contains(OFlags::NOFOLLOW) || is_locked(descriptor) || begins_like_sqlites(descriptor)
}

fn begins_like_sqlites(descriptor: BorrowedFd<'_>) -> bool {
    let mut beginning = [0_u8; 16];
    pread(descriptor, &mut beginning[..], 0)
        .is_ok_and(|_| BEGINNINGS.iter().any(|one| beginning.starts_with(one)))
}

/// Whether anybody has a POSIX lock on the file. The question for a lock of the descriptor's own sees
/// those of this process too (`fcntl(2)`, open file description locks).
pub(super) fn is_locked(descriptor: BorrowedFd<'_>) -> bool {
    #[cfg(any(target_os = "linux", target_vendor = "apple"))]
    {
        use std::os::fd::AsRawFd;
        #[allow(clippy::cast_possible_truncation, clippy::unnecessary_cast, reason = "0 to 3")]
        let [write, none, start] =
            [libc::F_WRLCK as i16, libc::F_UNLCK as i16, libc::SEEK_SET as i16];
        // All of the file: from 0, for 0 bytes.
        let mut lock =
            libc::flock { l_type: write, l_whence: start, l_start: 0, l_len: 0, l_pid: 0 };
        // SAFETY: the structure lives as long as the call; F_OFD_GETLK takes no lock.
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
