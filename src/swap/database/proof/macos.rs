//! macOS: the list of those who have the file open (`proc_listpidspath`). There is nothing that keeps
//! others from opening it: one that comes between the last look and the rename is not seen.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::files::PlainFile;
use crate::swap::database::openers;

/// What came of asking.
pub enum Proven {
    /// Nobody else has it open.
    Alone(Lease),
    /// Somebody has.
    InUse(PlainFile),
    /// The list was not to be had.
    Unknown(PlainFile),
}

/// A handle.
pub struct Lease {
    file: PlainFile,
}

/// Asks for the list.
pub fn prove(file: PlainFile, path: &Path) -> io::Result<Proven> {
    let found = openers::others(path);
    Ok(match (found.others.is_empty(), found.is_complete) {
        (false, _) => Proven::InUse(file),
        (true, true) => Proven::Alone(Lease { file }),
        (true, false) => Proven::Unknown(file),
    })
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

    /// Asks for the list again. A file without a name is in no list.
    pub fn is_undisturbed(&self, old: Option<&Path>) -> bool {
        old.is_none_or(|old| openers::others(old).others.is_empty())
    }

    /// Keeps the handle.
    pub fn open(self, _path: &Path) -> io::Result<PlainFile> {
        Ok(self.file)
    }
}
