//! Files that are opened by plain file calls, and might be databases.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Deref;
use std::path::Path;
#[cfg(unix)]
use std::path::PathBuf;

#[cfg(unix)]
use super::file_id::FileId;
#[cfg(unix)]
use super::foreign_sqlite::PLAIN_HANDLE_FLAG;
#[cfg(unix)]
use super::leases::LeaseWait;
#[cfg(unix)]
use super::refusal::Refusal;
#[cfg(unix)]
use super::registry::registry;
#[cfg(unix)]
use super::{sidecars, trust};

/// A file that is opened by plain file calls. Where our SQLite has come to open the same file meanwhile,
/// the handle is closed only after the last of SQLite's.
#[derive(Debug)]
pub struct PlainFile {
    file: Option<File>,
    #[cfg(unix)]
    named_like_sidecar: bool,
}

/// What becomes of a path that ends in a symbolic link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// It is followed.
    Follow,
    /// It is an error. Not on Windows.
    Refuse,
}

impl PlainFile {
    /// Opens a regular file, without waiting for the other end where it is a pipe by now: then it is an
    /// error. For how long it waits for a lease, the thread says ([`wait_while`]). Whether the file is a
    /// database that is open in this process is for the caller to ask first.
    pub fn open(mut options: OpenOptions, link: Link, path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: Some(open_marked(&mut options, link, path)?),
            #[cfg(unix)]
            named_like_sidecar: sidecars::database_beside(path).is_some(),
        })
    }

    /// Opens a database's file for a look at it, or takes up a handle that waits for the end of SQLite's
    /// last one: else each look would add one.
    pub fn open_again(options: OpenOptions, link: Link, path: &Path) -> io::Result<Self> {
        #[cfg(unix)]
        {
            let id = FileId::of(path)?;
            // Those of its sidecars wait there, too.
            let is_it = |file: &File| {
                use std::os::unix::fs::MetadataExt;
                file.metadata().is_ok_and(|found| FileId((found.dev(), found.ino())) == id)
            };
            let parked = registry().unpark(&id, is_it);
            if let Some(file) = parked {
                let named_like_sidecar = sidecars::database_beside(path).is_some();
                return Ok(Self { file: Some(file), named_like_sidecar });
            }
        }
        Self::open(options, link, path)
    }
}

#[cfg(unix)]
fn open_marked(options: &mut OpenOptions, link: Link, path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;

    use rustix::fs::{OFlags, fstat};
    let flags = match link {
        Link::Follow => OFlags::empty(),
        Link::Refuse => OFlags::NOFOLLOW,
    };
    options.custom_flags((flags | PLAIN_HANDLE_FLAG).bits().cast_signed());
    let mut wait = LeaseWait::new(sidecars::database_of(path).is_some());
    let file = loop {
        match options.open(path) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if !wait.pause() {
                    return Err(Refusal::Leased.into());
                }
            }
            opened => break opened?,
        }
    };
    trust::check_regular(&fstat(&file)?)?;
    Ok(file)
}

#[cfg(not(unix))]
fn open_marked(options: &mut OpenOptions, _link: Link, path: &Path) -> io::Result<File> {
    options.open(path)
}

impl From<File> for PlainFile {
    /// Of a file that was made just now, and has a name of ours.
    fn from(file: File) -> Self {
        Self {
            file: Some(file),
            #[cfg(unix)]
            named_like_sidecar: false,
        }
    }
}

impl Deref for PlainFile {
    type Target = File;

    fn deref(&self) -> &File {
        match &self.file {
            Some(file) => file,
            None => unreachable!("it is taken out only when it is dropped"),
        }
    }
}

#[cfg(unix)]
impl Drop for PlainFile {
    fn drop(&mut self) {
        use std::os::unix::fs::MetadataExt;
        let Some(file) = self.file.take() else { return };
        let open = registry();
        if open.is_empty() {
            // Under the lock, as below.
            drop(file);
            return;
        }
        drop(open);
        let Ok(metadata) = file.metadata() else { return };
        let id = FileId((metadata.dev(), metadata.ino()));
        let may_be_sidecar = self.named_like_sidecar || metadata.nlink() > 1;
        let belongs = |database: &PathBuf| {
            may_be_sidecar && sidecars::are_of(std::slice::from_ref(database), &id)
        };
        // Closed under the lock: SQLite has no locks yet on what it opens now, for it goes on only when
        // that is entered.
        let mut registry = registry();
        drop(registry.park(&id, file, belongs));
    }
}
