//! Systems that cannot tell who has a file open.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::files::PlainFile;

/// What came of asking.
#[allow(dead_code, reason = "the other systems have more answers")]
pub enum Proven {
    /// Never.
    Alone(Lease),
    /// Never.
    InUse(PlainFile),
    /// Always.
    Unknown(PlainFile),
}

/// A handle.
pub struct Lease {
    file: PlainFile,
}

/// Cannot tell.
pub fn prove(file: PlainFile, _path: &Path) -> io::Result<Proven> {
    Ok(Proven::Unknown(file))
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

    /// Nobody can tell.
    pub fn is_undisturbed(&self, _old: Option<&Path>) -> bool {
        true
    }

    /// Keeps the handle.
    pub fn open(self, _path: &Path) -> io::Result<PlainFile> {
        Ok(self.file)
    }
}
