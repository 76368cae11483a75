//! Windows: a handle that shares only deletion. The system grants it only if no handle for reading
//! or writing is open on the file, and grants no such handle while it exists.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::windows::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use windows_sys::Win32::Foundation::{ERROR_LOCK_VIOLATION, ERROR_SHARING_VIOLATION};
use windows_sys::Win32::Storage::FileSystem::FILE_SHARE_DELETE;

use crate::files::{Link, PlainFile};
use crate::swap::database::openers;

/// How often the open is retried if no opener is visible. A virus scanner opens every file that was
/// just closed.
const TRIES: u32 = 40;
const PAUSE: Duration = Duration::from_millis(25);

/// The result of a proof.
pub enum Proven {
    /// No other handle for reading or writing is open.
    Alone(Lease),
    /// Another handle is open.
    InUse(PlainFile),
}

/// The handle that shares only deletion.
pub struct Lease {
    file: PlainFile,
}

/// Tries to open the handle.
pub fn prove(file: PlainFile, path: &Path) -> io::Result<Proven> {
    drop(file);
    let mut options = OpenOptions::new();
    options.read(true).share_mode(FILE_SHARE_DELETE);
    let mut tries = 0;
    loop {
        match PlainFile::open(options.clone(), Link::Follow, path) {
            Ok(file) => return Ok(Proven::Alone(Lease { file })),
            Err(error) if is_taken(&error) => {
                if tries == TRIES || !openers::others(path).others.is_empty() {
                    return plain(path).map(Proven::InUse);
                }
            }
            Err(error) => return Err(error),
        }
        tries += 1;
        std::thread::sleep(PAUSE);
    }
}

/// A lease without a proof, for tests that remove this safeguard.
pub fn pretend(file: PlainFile) -> io::Result<Lease> {
    Ok(Lease { file })
}

impl Lease {
    /// The handle on the file.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Always true: Windows refuses other opens at once instead of letting them wait.
    pub fn is_undisturbed(&self, _old: Option<&Path>) -> bool {
        true
    }

    /// Replaces the handle by a plain one, so that others can open the file.
    pub fn release(self, path: &Path) -> io::Result<PlainFile> {
        drop(self.file);
        plain(path)
    }
}

/// Opens a handle that shares everything.
fn plain(path: &Path) -> io::Result<PlainFile> {
    let mut options = OpenOptions::new();
    options.read(true);
    PlainFile::open(options, Link::Follow, path)
}

fn is_taken(error: &io::Error) -> bool {
    let code = error.raw_os_error().unwrap_or(0).cast_unsigned();
    matches!(code, ERROR_SHARING_VIOLATION | ERROR_LOCK_VIOLATION)
}
