//! The proof that nobody else has the old database's file open, and the lease that keeps them out while
//! the new one takes its name.
//!
//! An idle connection in rollback-journal mode holds no lock, so that no lock of SQLite's finds it;
//! after a rename it would go on with the old file, and what it commits would be lost. What does find
//! it is the system: on Linux a write lease, on Windows the sharing violation, on macOS the list of
//! those who have the file open.

use std::fs::OpenOptions;
use std::path::Path;

use crate::failpoints::{Safeguard, is_removed};
use crate::files::{self, FileId, Link, PlainFile};
use crate::swap::error::database::DatabaseProblem;
use crate::swap::error::{At, Result, Step, SwapError};

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

/// Where in the header SQLite counts the transactions of a rollback-journal database
/// (<https://sqlite.org/fileformat.html>).
const CHANGE_COUNTER_AT: u64 = 24;

/// A plain handle on the old database's file, from before our connection on it to after that: what is
/// opened and closed in between would drop the connection's locks.
#[derive(Debug)]
pub struct OldFile(PlainFile);

/// What came of asking.
pub enum Verdict {
    /// Nobody else has the file open, and nobody gets in before the lease is let go.
    Alone(Lease),
    /// Somebody has.
    InUse(OldFile),
    /// Here nobody can tell.
    #[cfg_attr(windows, expect(dead_code, reason = "Windows can always tell"))]
    Unknown(OldFile),
}

impl OldFile {
    /// Opens the file of a database on which none of our own connections is needed.
    pub fn open(path: &Path) -> Result<Self> {
        refuse_foreign_sqlite(path, Step::Prove)?;
        let mut options = OpenOptions::new();
        options.read(true).write(!cfg!(windows));
        PlainFile::open_again(options, Link::Refuse, path).map(Self).at(Step::Prove, path)
    }

    /// SQLite's own count of the transactions of a database that is not in WAL mode. None where there
    /// is no header yet.
    pub fn change_counter(&self, path: &Path) -> Result<Option<u32>> {
        read_counter(&self.0).at(Step::Prove, path)
    }

    /// Asks whether anybody else has the file open. None of our connections has it now, or the answer
    /// is that we do.
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

/// An error where another SQLite in this process has the database open: the locks of the two mean
/// nothing to each other, and go when either closes it.
pub fn refuse_foreign_sqlite(path: &Path, step: Step) -> Result<()> {
    if files::is_open_elsewhere(path) {
        return Err(SwapError::new(DatabaseProblem::ForeignSqlite.into(), step, path));
    }
    Ok(())
}

/// The lease: let go by dropping it, or by opening it.
pub struct Lease(platform::Lease);

impl Lease {
    /// One before a file that nobody knows yet. None where that is not to be had: no lease keeps others
    /// waiting there, or somebody has found the file.
    #[cfg(target_os = "linux")]
    pub fn on_new_file(path: &Path) -> Option<Self> {
        match OldFile::open(path).and_then(|handle| handle.prove(path)) {
            Ok(Verdict::Alone(lease)) => Some(lease),
            Ok(Verdict::InUse(_) | Verdict::Unknown(_)) | Err(_) => None,
        }
    }

    /// There is none that keeps others waiting.
    #[cfg(not(target_os = "linux"))]
    pub fn on_new_file(_path: &Path) -> Option<Self> {
        None
    }

    /// See [`OldFile::change_counter`].
    pub fn change_counter(&self, path: &Path) -> Result<Option<u32>> {
        read_counter(self.0.file()).at(Step::Prove, path)
    }

    /// Whether the file at this path is the one behind the lease.
    #[cfg(unix)]
    pub fn is_at(&self, path: &Path) -> bool {
        use std::os::unix::fs::MetadataExt;
        let (Ok(ours), Ok(named)) = (self.0.file().metadata(), std::fs::symlink_metadata(path))
        else {
            return false;
        };
        (ours.dev(), ours.ino()) == (named.dev(), named.ino())
    }

    /// A file that is open can only be renamed by those whom it shares deletion with: us.
    #[cfg(not(unix))]
    pub fn is_at(&self, path: &Path) -> bool {
        path.exists()
    }

    /// Whether nobody stands before it. `old`: a name that the file has, where it has one.
    pub fn is_undisturbed(&self, old: Option<&Path>) -> bool {
        self.0.is_undisturbed(old)
    }

    /// Lets whoever waits get in: they get the old file.
    pub fn open(self, path: &Path) -> Result<OldFile> {
        self.0.open(path).map(OldFile).at(Step::Prove, path)
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
