//! Systems that cannot tell which processes have a file open.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::files::PlainFile;

/// The result of a proof.
#[allow(dead_code, reason = "the other systems use all variants")]
pub enum Proven {
    /// Unused here.
    Alone(Lease),
    /// Unused here.
    InUse(PlainFile),
    /// The result on this system.
    Unknown(PlainFile),
}

/// A handle. It keeps no other process out.
pub struct Lease {
    file: PlainFile,
}

/// Always returns unknown.
pub fn prove(file: PlainFile, _path: &Path) -> io::Result<Proven> {
    Ok(Proven::Unknown(file))
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

    /// Always true: this system cannot tell.
    pub fn is_undisturbed(&self, _old: Option<&Path>) -> bool {
        true
    }

    /// Returns the handle.
    pub fn release(self, _path: &Path) -> io::Result<PlainFile> {
        Ok(self.file)
    }
}
