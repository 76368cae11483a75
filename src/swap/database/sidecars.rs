//! The existing sidecars of a database.

use std::path::{Path, PathBuf};

use crate::files;

/// The sidecars that SQLite would read. It ignores an empty `-wal` or `-journal`, and rebuilds a
/// `-shm` that no process has open.
pub fn with_data(database: &Path) -> impl Iterator<Item = PathBuf> {
    existing(database).filter(|sidecar| {
        !files::sidecars::is_shared_memory(sidecar)
            && std::fs::symlink_metadata(sidecar).is_ok_and(|found| found.len() > 0)
    })
}

/// The existing sidecars of a database: `-wal`, `-shm`, `-journal`.
pub fn existing(database: &Path) -> impl Iterator<Item = PathBuf> {
    files::sidecars::of(database).filter(|sidecar| sidecar.symlink_metadata().is_ok())
}
