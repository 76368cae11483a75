//! Linux: a write lease (`fcntl(2)`, F_SETLEASE). The kernel grants it only if no other open file
//! description of the file exists, in this process or another. A process that opens the file while
//! we hold the lease blocks in `open(2)`.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;

use rustix::io::Errno;

use crate::files::PlainFile;

/// The command that sets the signal for a lease break (`<fcntl.h>`; the same on all of Linux's
/// architectures).
const F_SETSIG: libc::c_int = 10;

/// The result of a proof.
pub enum Proven {
    /// No other process or client has the file open.
    Alone(Lease),
    /// Another process or client has the file open.
    InUse(PlainFile),
    /// The file system has no leases, or this process may not take one.
    Unknown(PlainFile),
}

/// A handle with a lease. Closing the handle releases the lease.
pub struct Lease {
    file: PlainFile,
    has_lease: bool,
}

/// Requests the lease.
pub fn prove(file: PlainFile, _path: &Path) -> io::Result<Proven> {
    if is_served(&file) || is_mounted(&file) {
        return Ok(Proven::Unknown(file));
    }
    // When another process opens the file, the kernel signals the lease holder. The default signal
    // SIGIO terminates a process without a handler. SIGURG is ignored by default, and programs that
    // handle it tolerate extra ones.
    control(&file, F_SETSIG, libc::SIGURG)?;
    match control(&file, libc::F_SETLEASE, libc::F_WRLCK) {
        Ok(_) => Ok(Proven::Alone(Lease { file, has_lease: true })),
        Err(Errno::AGAIN | Errno::BUSY) => Ok(Proven::InUse(file)),
        // The file belongs to another user (EACCES), or the file system has no leases (EINVAL).
        Err(_) => Ok(Proven::Unknown(file)),
    }
}

/// Whether the file can be open outside of this kernel: on a server, on the host of a virtual
/// machine or container, or in a FUSE program. This kernel grants a lease in spite of that.
fn is_served(file: &File) -> bool {
    #[allow(
        clippy::unnecessary_cast,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "32 bits of a type that differs between architectures"
    )]
    rustix::fs::fstatfs(file).is_ok_and(|found| SERVED.contains(&(found.f_type as u32)))
}

/// The magic numbers of such file systems. From <linux/magic.h>: FUSE and virtiofs, 9p, NFS, CIFS,
/// SMB2, Ceph, AFS (two kinds), Coda, VirtualBox, GFS2, OCFS2. From their own sources: Lustre,
/// GPFS, BeeGFS, VMware, Parallels.
const SERVED: [u32; 17] = [
    0x6573_5546,
    0x0102_1997,
    0x6969,
    0xff53_4d42,
    0xfe53_4d42,
    0x00c3_6400,
    0x5346_414f,
    0x6b41_4653,
    0x7375_7245,
    0x786f_4256,
    0x0116_1970,
    0x7461_636f,
    0x0bd0_0bd0,
    0x4750_4653,
    0x1983_0326,
    0xbacb_acbc,
    0x7c7c_6673,
];

/// Whether the file itself is a mount point, as a single file in a container often is. A mount
/// point cannot be replaced by a rename, and cannot have a second name in its directory.
fn is_mounted(file: &File) -> bool {
    use rustix::fs::{AtFlags, StatxAttributes, StatxFlags, statx};
    let found = statx(file, c"", AtFlags::EMPTY_PATH, StatxFlags::empty());
    found.is_ok_and(|found| found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

/// A lease without a proof, for tests that remove this safeguard.
pub fn pretend(file: PlainFile) -> io::Result<Lease> {
    Ok(Lease { file, has_lease: false })
}

impl Lease {
    /// The handle on the file.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Whether no process waits for the file. A waiting process makes the kernel downgrade the
    /// lease, which F_GETLEASE reports.
    pub fn is_undisturbed(&self, _old: Option<&Path>) -> bool {
        !self.has_lease || control(&self.file, libc::F_GETLEASE, 0) == Ok(libc::F_WRLCK)
    }

    /// Releases the lease, and keeps the handle.
    pub fn release(self, _path: &Path) -> io::Result<PlainFile> {
        if self.has_lease {
            match control(&self.file, libc::F_SETLEASE, libc::F_UNLCK) {
                // EAGAIN: the kernel has already removed the lease, after `lease-break-time`.
                Ok(_) | Err(Errno::AGAIN) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(self.file)
    }
}

fn control(file: &File, command: libc::c_int, argument: libc::c_int) -> Result<i32, Errno> {
    // SAFETY: the commands that this module passes take an integer, and the descriptor is open
    // while `file` is borrowed.
    let answer = unsafe { libc::fcntl(file.as_raw_fd(), command, argument) };
    if answer == -1 {
        return Err(Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO));
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Link;
    use std::fs::OpenOptions;
    use std::sync::mpsc;
    use std::thread;
    use std::time::{Duration, Instant};

    fn open(path: &Path) -> PlainFile {
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        PlainFile::open(options, Link::Refuse, path).unwrap()
    }

    #[test]
    fn an_opener_waits_and_is_detected_and_its_signal_is_harmless() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        std::fs::write(&path, "old").unwrap();
        let Proven::Alone(lease) = prove(open(&path), &path).unwrap() else {
            eprintln!("skipped: no leases on the file system of the temporary directory");
            return;
        };
        assert!(lease.is_undisturbed(None));
        let (sender, opened) = mpsc::channel();
        let name = path.clone();
        let opener = thread::spawn(move || {
            let began = Instant::now();
            let file = File::open(name).unwrap();
            sender.send(began.elapsed()).unwrap();
            file
        });
        while lease.is_undisturbed(None) {
            thread::yield_now();
        }
        assert!(opened.try_recv().is_err(), "the opener waits");
        let file = lease.release(&path).unwrap();
        let waited = opened.recv_timeout(Duration::from_secs(30)).unwrap();
        eprintln!("an opener waited {waited:?} for the lease");
        let other = opener.join().unwrap();
        assert!(matches!(prove(file, &path).unwrap(), Proven::InUse(_)));
        drop(other);
        // A child process that another test is just starting may have a copy of the descriptor.
        let began = Instant::now();
        while !matches!(prove(open(&path), &path).unwrap(), Proven::Alone(_)) {
            assert!(began.elapsed() < Duration::from_secs(30), "no process has it open any more");
            thread::yield_now();
        }
    }
}
