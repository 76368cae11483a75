//! The file that SQLite has opened last, for the connection that it was opened for.

use std::cell::RefCell;
#[cfg(unix)]
use std::path::Path;
use std::path::PathBuf;

use super::file_id::FileId;

thread_local! {
    /// The file that SQLite opened last on this thread, and its path.
    static LAST: RefCell<Option<(FileId, PathBuf)>> = const { RefCell::new(None) };
}

/// Notes a file that SQLite has opened by this path. Windows needs no note: there an open file keeps its
/// path.
#[cfg(unix)]
pub fn note(id: &FileId, path: &Path) {
    // A thread that is ending has no thread-local storage any more.
    let _ = LAST.try_with(|last| last.replace(Some((id.clone(), path.to_owned()))));
}

/// Takes the file that SQLite opened last on this thread, with the path by which it did. That is the real
/// path. None if SQLite has opened none since the last call.
pub fn take() -> Option<(FileId, PathBuf)> {
    LAST.try_with(RefCell::take).ok().flatten()
}
