//! Windows: a handle that shares nothing but deletion. It is to be had only when nobody has the file
//! open for reading or writing, and while it is there nobody gets such a handle.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::windows::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use windows_sys::Win32::Foundation::{ERROR_LOCK_VIOLATION, ERROR_SHARING_VIOLATION};
use windows_sys::Win32::Storage::FileSystem::FILE_SHARE_DELETE;

use crate::files::{Link, PlainFile};
use crate::swap::database::openers;

/// How often it is tried again where nobody is to be seen: a virus scanner looks at each file that
/// was just closed.
const TRIES: u32 = 40;
const PAUSE: Duration = Duration::from_millis(25);

/// What came of asking.
pub enum Proven {
    /// Nobody else has it open.
    Alone(Lease),
    /// Somebody has.
    InUse(PlainFile),
}

/// The handle.
pub struct Lease {
    file: PlainFile,
}

/// Tries to get the handle.
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

/// For tests only.
pub fn pretend(file: PlainFile) -> io::Result<Lease> {
    Ok(Lease { file })
}

impl Lease {
    /// Its handle.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Nobody waits: whoever comes is refused.
    pub fn is_undisturbed(&self, _old: Option<&Path>) -> bool {
        true
    }

    /// Lets others in.
    pub fn open(self, path: &Path) -> io::Result<PlainFile> {
        drop(self.file);
        plain(path)
    }
}

/// A handle that is in nobody's way.
fn plain(path: &Path) -> io::Result<PlainFile> {
    let mut options = OpenOptions::new();
    options.read(true);
    PlainFile::open(options, Link::Follow, path)
}

fn is_taken(error: &io::Error) -> bool {
    let code = error.raw_os_error().unwrap_or(0).cast_unsigned();
    matches!(code, ERROR_SHARING_VIOLATION | ERROR_LOCK_VIOLATION)
}
