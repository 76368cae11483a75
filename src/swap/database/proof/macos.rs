//! macOS: the list of the processes that have the file open (`proc_listpidspath`). The system
//! cannot keep others from opening the file. A process that opens it between the last check and the
//! rename is not detected.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::files::PlainFile;
use crate::swap::database::openers;

/// The result of a proof.
pub enum Proven {
    /// No other process has the file open.
    Alone(Lease),
    /// Another process has the file open.
    InUse(PlainFile),
    /// The list was not available.
    Unknown(PlainFile),
}

/// A handle. It keeps no other process out.
pub struct Lease {
    file: PlainFile,
}

/// Reads the list.
pub fn prove(file: PlainFile, path: &Path) -> io::Result<Proven> {
    let found = openers::others(path);
    Ok(match (found.others.is_empty(), found.is_complete) {
        (false, _) => Proven::InUse(file),
        (true, true) => Proven::Alone(Lease { file }),
        (true, false) => Proven::Unknown(file),
    })
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

    /// Reads the list again. The system has no list for a file without a name.
    pub fn is_undisturbed(&self, old: Option<&Path>) -> bool {
        old.is_none_or(|old| openers::others(old).others.is_empty())
    }

    /// Returns the handle.
    pub fn release(self, _path: &Path) -> io::Result<PlainFile> {
        Ok(self.file)
    }
}
