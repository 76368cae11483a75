//! Replacing a file by another one: the commit point of a swap.

use std::time::Duration;

use super::error::{At, Result, Step};
use crate::jobs::cancel::Cancel;

pub use exchange::exchange;
pub use no_replace::to_new_name;

mod exchange;
mod no_replace;

/// How long to retry on Windows while another program has the file open.
#[derive(Debug)]
#[cfg_attr(not(windows), expect(dead_code, reason = "only Windows refuses"))]
pub struct Retry<'a> {
    /// The time limit.
    pub limit: Duration,
    /// Ends the retries early.
    pub cancel: &'a Cancel,
}

#[cfg(unix)]
pub use self::unix::{move_aside, remove, replace, replace_also_link};
#[cfg(windows)]
pub use self::windows::{move_aside, remove, replace, replace as replace_also_link};

#[cfg(unix)]
mod unix {
    use std::ffi::OsStr;
    use std::fs;
    use std::io;
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;

    use super::{At, Result, Retry, Step};
    use crate::swap::steps::error::SwapError;
    use crate::swap::steps::target::Target;

    /// Renames a file, and replaces an existing one: `rename(2)`. Open files do not prevent it
    /// here.
    pub fn replace(from: &Path, to: &Path, _retry: &Retry<'_>) -> Result<()> {
        std::fs::rename(from, to).at(Step::Rename, to)
    }

    /// The same for two paths that may be hard links to one file. `rename(2)` reports success for
    /// such links and does nothing.
    pub fn replace_also_link(from: &Path, to: &Path, retry: &Retry<'_>) -> Result<()> {
        let were_links = are_links_to_one_file(from, to);
        replace(from, to, retry)?;
        if were_links {
            remove_old_link(from, to).map_err(|error| SwapError { committed: true, ..error })?;
        }
        Ok(())
    }

    fn are_links_to_one_file(from: &Path, to: &Path) -> bool {
        match (fs::symlink_metadata(from), fs::symlink_metadata(to)) {
            (Ok(from), Ok(to)) => {
                from.nlink() > 1 && (from.dev(), from.ino()) == (to.dev(), to.ino())
            }
            _ => false,
        }
    }

    /// Removes the old name, unless both paths are the same name: by two paths to one directory or,
    /// on a file system that ignores case, by two spellings.
    fn remove_old_link(from: &Path, to: &Path) -> Result<()> {
        let (Some(old), Some(new)) = (from.file_name(), to.file_name()) else { return Ok(()) };
        let (Some(old_in), Some(new_in)) = (from.parent(), to.parent()) else { return Ok(()) };
        let is_in = |directory: &Path, name: &OsStr| -> io::Result<bool> {
            let mut entries = fs::read_dir(directory)?.flatten();
            Ok(entries.any(|entry| entry.file_name() == name))
        };
        let are_two = || -> io::Result<bool> {
            let (one, other) = (fs::metadata(old_in)?, fs::metadata(new_in)?);
            let is_one_directory = (one.dev(), one.ino()) == (other.dev(), other.ino());
            Ok(is_in(old_in, old)? && (!is_one_directory || (old != new && is_in(new_in, new)?)))
        };
        if are_two().at(Step::Rename, from)? {
            fs::remove_file(from).at(Step::Rename, from)?;
        }
        Ok(())
    }

    /// Replaces a file that is loaded as a program, by an ordinary rename.
    pub fn move_aside(from: &Path, target: &Target, retry: &Retry<'_>) -> Result<()> {
        replace(from, &target.path, retry)
    }

    /// Removes a file. Returns false if it did not exist.
    pub fn remove(path: &Path, _retry: &Retry<'_>) -> Result<bool> {
        match std::fs::remove_file(path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error).at(Step::Remove, path),
        }
    }
}

#[cfg(windows)]
mod windows;
