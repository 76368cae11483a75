//! The files that SQLite has beside a database now.

use std::path::{Path, PathBuf};

use crate::files;

/// What SQLite would read into a database. It takes an empty `-wal` or `-journal` for none, and
/// writes a `-shm` that nobody has open anew.
pub fn with_data(database: &Path) -> impl Iterator<Item = PathBuf> {
    existing(database).filter(|sidecar| {
        !files::sidecars::is_shared_memory(sidecar)
            && std::fs::symlink_metadata(sidecar).is_ok_and(|found| found.len() > 0)
    })
}

/// What is beside a database now: `-wal`, `-shm`, `-journal`.
pub fn existing(database: &Path) -> impl Iterator<Item = PathBuf> {
    files::sidecars::of(database).filter(|sidecar| sidecar.symlink_metadata().is_ok())
}
