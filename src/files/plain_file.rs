//! Files that are opened by plain file calls, not by SQLite, and may be databases.

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

/// A file that is opened by plain file calls. If our SQLite has the same file open when this is
/// dropped, the handle is closed only after SQLite's last handle on the file.
#[derive(Debug)]
pub struct PlainFile {
    file: Option<File>,
    #[cfg(unix)]
    named_like_sidecar: bool,
}

/// How a path that ends in a symbolic link is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// The link is followed.
    Follow,
    /// The link is an error. On Windows it is followed.
    Refuse,
}

impl PlainFile {
    /// Opens a regular file. A file of another kind is an error; a pipe does not block. The
    /// thread's patience limits the wait for a lease (`leases`). The caller must first check
    /// whether the file is a database that is open in this process ([`super::open_by()`]).
    pub fn open(mut options: OpenOptions, link: Link, path: &Path) -> io::Result<Self> {
        let opened = Self {
            file: Some(open_marked(&mut options, link, path)?),
            #[cfg(unix)]
            named_like_sidecar: sidecars::database_beside(path).is_some(),
        };
        #[cfg(unix)]
        trust::check_regular(&rustix::fs::fstat(&*opened)?)?;
        Ok(opened)
    }

    /// Opens a database's file to inspect it, or reuses a parked handle on the file. Without the
    /// reuse, each call would park one more handle while SQLite has the file open.
    pub fn open_again(options: OpenOptions, link: Link, path: &Path) -> io::Result<Self> {
        #[cfg(unix)]
        {
            let id = FileId::of(path)?;
            // Handles on the sidecars are parked at the same entry.
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

    use rustix::fs::OFlags;
    let flags = match link {
        Link::Follow => OFlags::empty(),
        Link::Refuse => OFlags::NOFOLLOW,
    };
    options.custom_flags((flags | PLAIN_HANDLE_FLAG).bits().cast_signed());
    let mut wait = LeaseWait::new(sidecars::database_of(path).is_some());
    loop {
        match options.open(path) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if !wait.pause() {
                    return Err(Refusal::Leased.into());
                }
            }
            opened => return opened,
        }
    }
}

#[cfg(not(unix))]
fn open_marked(options: &mut OpenOptions, _link: Link, path: &Path) -> io::Result<File> {
    options.open(path)
}

impl From<File> for PlainFile {
    /// Wraps a file without its path. It counts as a possible sidecar only if it has several names.
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
            None => unreachable!("only `drop` takes the file out"),
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
            // Close the file under the lock, for the reason given below.
            drop(file);
            return;
        }
        drop(open);
        let Ok(metadata) = file.metadata() else {
            // The file cannot be identified. Leak the handle, because closing it could drop the
            // locks of our SQLite.
            std::mem::forget(file);
            return;
        };
        let id = FileId((metadata.dev(), metadata.ino()));
        let may_be_sidecar = self.named_like_sidecar || metadata.nlink() > 1;
        let belongs = |database: &PathBuf| {
            may_be_sidecar && sidecars::are_of(std::slice::from_ref(database), &id)
        };
        // Close the file under the lock. A file that SQLite opens meanwhile has no locks yet: the
        // open returns to SQLite only after the file is registered.
        let mut registry = registry();
        drop(registry.park(&id, file, belongs));
    }
}
