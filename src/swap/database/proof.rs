//! The proof that no other process or client has the old database's file open, and the lease that
//! keeps them out during the rename.
//!
//! An idle connection in rollback-journal mode holds no lock, so that SQLite's locks do not reveal
//! it. After a rename it would continue with the old file, and its commits would be lost. The
//! system does reveal it: by a write lease on Linux, a sharing violation on Windows, and the list
//! of openers on macOS.

use std::fs::OpenOptions;
use std::path::Path;

use crate::failpoints::{Safeguard, is_removed};
use crate::files::{self, FileId, Link, PlainFile};
use crate::swap::steps::error::database::DatabaseProblem;
use crate::swap::steps::error::{At, Result, Step, SwapError};

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_vendor = "apple")]
mod macos;
#[cfg(not(any(target_os = "linux", target_vendor = "apple", windows)))]
mod none;
#[cfg(windows)]
mod windows;

#[cfg(target_os = "linux")]
use linux as platform;
#[cfg(target_vendor = "apple")]
use macos as platform;
#[cfg(not(any(target_os = "linux", target_vendor = "apple", windows)))]
use none as platform;
#[cfg(windows)]
use windows as platform;

/// The offset of the header's change counter, which counts the transactions of a rollback-journal
/// database (<https://sqlite.org/fileformat.html>).
const CHANGE_COUNTER_AT: u64 = 24;

/// A plain handle on the old database's file. It is opened before our connection and closed after
/// it, because closing a handle meanwhile would drop the connection's locks.
#[derive(Debug)]
pub struct OldFile(PlainFile);

/// The result of a proof.
pub enum Verdict {
    /// No other process or client has the file open. On Linux and Windows none can open it before
    /// the lease is released.
    Alone(Lease),
    /// Another process or client has the file open.
    InUse(OldFile),
    /// This system or file system cannot tell.
    #[cfg_attr(windows, expect(dead_code, reason = "Windows can always tell"))]
    Unknown(OldFile),
}

impl OldFile {
    /// Opens the file of a database on which this swap has no connection yet.
    pub fn open(path: &Path) -> Result<Self> {
        refuse_foreign_sqlite(path, Step::Prove)?;
        let mut options = OpenOptions::new();
        options.read(true).write(!cfg!(windows));
        PlainFile::open_again(options, Link::Refuse, path).map(Self).at(Step::Prove, path)
    }

    /// SQLite's count of the transactions of a database that is not in WAL mode. None for an empty
    /// file.
    pub fn change_counter(&self, path: &Path) -> Result<Option<u32>> {
        read_counter(&self.0).at(Step::Prove, path)
    }

    /// Proves that no other process or client has the file open. A connection of this process
    /// counts too, so the swap must have closed its own.
    pub fn prove(self, path: &Path) -> Result<Verdict> {
        if is_removed(Safeguard::Proof) {
            return platform::pretend(self.0)
                .map(|lease| Verdict::Alone(Lease(lease)))
                .at(Step::Prove, path);
        }
        let in_use = |handle| {
            refuse_foreign_sqlite(path, Step::Prove)?;
            Ok(Verdict::InUse(Self(handle)))
        };
        if FileId::of(path).is_ok_and(|id| files::openings(&id) > 0) {
            return in_use(self.0);
        }
        match platform::prove(self.0, path).at(Step::Prove, path)? {
            platform::Proven::Alone(lease) => Ok(Verdict::Alone(Lease(lease))),
            platform::Proven::InUse(handle) => in_use(handle),
            #[cfg(not(windows))]
            platform::Proven::Unknown(handle) => Ok(Verdict::Unknown(Self(handle))),
        }
    }
}

/// Fails if another SQLite library in this process has the database open. The locks of the two
/// libraries do not exclude each other, and are dropped when either closes the file.
pub fn refuse_foreign_sqlite(path: &Path, step: Step) -> Result<()> {
    if files::is_open_elsewhere(path) {
        return Err(SwapError::new(DatabaseProblem::ForeignSqlite.into(), step, path));
    }
    Ok(())
}

/// Keeps others from opening the file. Dropping it, or [`Lease::release`], releases it.
pub struct Lease(platform::Lease);

impl Lease {
    /// Takes a lease on the new file, which no other process uses yet. None if the system cannot
    /// lease it, or if a process has opened it.
    #[cfg(target_os = "linux")]
    pub fn on_new_file(path: &Path) -> Option<Self> {
        match OldFile::open(path).and_then(|handle| handle.prove(path)) {
            Ok(Verdict::Alone(lease)) => Some(lease),
            Ok(Verdict::InUse(_) | Verdict::Unknown(_)) | Err(_) => None,
        }
    }

    /// Always none: on this system no lease makes other processes wait.
    #[cfg(not(target_os = "linux"))]
    pub fn on_new_file(_path: &Path) -> Option<Self> {
        None
    }

    /// The same as [`OldFile::change_counter`].
    pub fn change_counter(&self, path: &Path) -> Result<Option<u32>> {
        read_counter(self.0.file()).at(Step::Prove, path)
    }

    /// Whether the leased file is the one at this path.
    #[cfg(unix)]
    pub fn is_at(&self, path: &Path) -> bool {
        use std::os::unix::fs::MetadataExt;
        let (Ok(ours), Ok(named)) = (self.0.file().metadata(), std::fs::symlink_metadata(path))
        else {
            return false;
        };
        (ours.dev(), ours.ino()) == (named.dev(), named.ino())
    }

    /// Whether the file exists. Only this process can have renamed it: others cannot open it for
    /// deletion.
    #[cfg(not(unix))]
    pub fn is_at(&self, path: &Path) -> bool {
        path.exists()
    }

    /// Whether no process waits to open the file. `old` is a name of the file, if it has one.
    pub fn is_undisturbed(&self, old: Option<&Path>) -> bool {
        self.0.is_undisturbed(old)
    }

    /// Releases the lease. Waiting processes open the old file.
    pub fn release(self, path: &Path) -> Result<OldFile> {
        self.0.release(path).map(OldFile).at(Step::Prove, path)
    }
}

fn read_counter(file: &std::fs::File) -> std::io::Result<Option<u32>> {
    let mut bytes = [0; 4];
    match read_exact_at(file, &mut bytes, CHANGE_COUNTER_AT) {
        Ok(()) => Ok(Some(u32::from_be_bytes(bytes))),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn read_exact_at(file: &std::fs::File, bytes: &mut [u8], at: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, at)
}

#[cfg(windows)]
fn read_exact_at(mut file: &std::fs::File, bytes: &mut [u8], at: u64) -> std::io::Result<()> {
    use std::io::{Read, Seek, SeekFrom};
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(bytes)
}
