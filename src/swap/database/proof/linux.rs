//! Linux: a write lease (`fcntl(2)`, F_SETLEASE), which is granted only when nobody else has the file
//! open, in this process or another. While it is held, whoever opens the file waits in `open(2)`.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;

use rustix::io::Errno;

use crate::files::PlainFile;

/// Which signal tells of those who come (`<fcntl.h>`; the same on all of Linux's architectures).
const F_SETSIG: libc::c_int = 10;

/// What came of asking.
pub enum Proven {
    /// Nobody else has it open.
    Alone(Lease),
    /// Somebody has.
    InUse(PlainFile),
    /// There are no leases here, or not for us.
    Unknown(PlainFile),
}

/// A handle with a lease, which goes with it.
pub struct Lease {
    file: PlainFile,
    has_lease: bool,
}

/// Asks for the lease.
pub fn prove(file: PlainFile, _path: &Path) -> io::Result<Proven> {
    if is_served(&file) || is_mounted(&file) {
        return Ok(Proven::Unknown(file));
    }
    // Whoever comes makes the kernel send a signal to the process that holds the lease, SIGIO, which
    // ends one that does not expect it. SIGURG is ignored by default, and nobody takes it for more
    // than "look again".
    control(&file, F_SETSIG, libc::SIGURG)?;
    match control(&file, libc::F_SETLEASE, libc::F_WRLCK) {
        Ok(_) => Ok(Proven::Alone(Lease { file, has_lease: true })),
        Err(Errno::AGAIN | Errno::BUSY) => Ok(Proven::InUse(file)),
        // Not our file (EACCES), or a file system without leases (EINVAL).
        Err(_) => Ok(Proven::Unknown(file)),
    }
}

/// Whether others can have the file open by another way than this kernel, which leases it all the
/// same: a server, the host of a virtual machine or container, a program (FUSE).
fn is_served(file: &File) -> bool {
    #[allow(
        clippy::unnecessary_cast,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "32 bits of a type that differs between architectures"
    )]
    rustix::fs::fstatfs(file).is_ok_and(|found| SERVED.contains(&(found.f_type as u32)))
}

/// <linux/magic.h>: FUSE and virtiofs, 9p, NFS, CIFS, SMB2, Ceph, AFS (two kinds), Coda, VirtualBox, GFS2,
/// OCFS2; and, by their own sources: Lustre, GPFS, BeeGFS, VMware, Parallels.
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

/// Whether the file itself is a mount point, as a file that is handed to a container often is: nothing
/// can be renamed over one, and it has no second name in its directory.
fn is_mounted(file: &File) -> bool {
    use rustix::fs::{AtFlags, StatxAttributes, StatxFlags, statx};
    let found = statx(file, c"", AtFlags::EMPTY_PATH, StatxFlags::empty());
    found.is_ok_and(|found| found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

/// For tests only.
pub fn pretend(file: PlainFile) -> io::Result<Lease> {
    Ok(Lease { file, has_lease: false })
}

impl Lease {
    /// Its handle.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Somebody who waits turns the lease into one that is being given up.
    pub fn is_undisturbed(&self, _old: Option<&Path>) -> bool {
        !self.has_lease || control(&self.file, libc::F_GETLEASE, 0) == Ok(libc::F_WRLCK)
    }

    /// Gives the lease up, and keeps the handle.
    pub fn open(self, _path: &Path) -> io::Result<PlainFile> {
        if self.has_lease {
            match control(&self.file, libc::F_SETLEASE, libc::F_UNLCK) {
                // The kernel has taken it away, from one who took too long (`lease-break-time`).
                Ok(_) | Err(Errno::AGAIN) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(self.file)
    }
}

fn control(file: &File, command: libc::c_int, argument: libc::c_int) -> Result<i32, Errno> {
    // SAFETY: the commands used here take an integer; the descriptor is open as long as `file` is
    // borrowed.
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
    fn whoever_comes_waits_is_seen_and_kills_nobody() {
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
        assert!(opened.try_recv().is_err(), "it waits");
        let file = lease.open(&path).unwrap();
        let waited = opened.recv_timeout(Duration::from_secs(30)).unwrap();
        eprintln!("an opener that came while the lease was held waited {waited:?}");
        let other = opener.join().unwrap();
        assert!(matches!(prove(file, &path).unwrap(), Proven::InUse(_)));
        drop(other);
        // A process that another test is just beginning has a copy of the descriptor.
        let began = Instant::now();
        while !matches!(prove(open(&path), &path).unwrap(), Proven::Alone(_)) {
            assert!(began.elapsed() < Duration::from_secs(30), "nobody has it open any more");
            thread::yield_now();
        }
    }
}
