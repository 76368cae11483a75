//! Putting a file in the place of another: the commit point of a swap.

use std::time::Duration;

use super::error::{At, Result, Step};
use crate::jobs::cancel::Cancel;

pub use exchange::exchange;
pub use no_replace::to_new_name;

mod exchange;
mod no_replace;

/// How long to try again where other programs are in the way, on Windows.
#[derive(Debug)]
#[cfg_attr(not(windows), expect(dead_code, reason = "only Windows refuses"))]
pub struct Retry<'a> {
    /// For this long.
    pub limit: Duration,
    /// Ends the trying.
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

    /// Renames a file, over another one if there is one: `rename(2)`. Nobody can be in the way.
    pub fn replace(from: &Path, to: &Path, _patience: &Retry<'_>) -> Result<()> {
        std::fs::rename(from, to).at(Step::Rename, to)
    }

    /// The same where the two may be links to one file: of those `rename(2)` says that all went well,
    /// and does nothing.
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

    /// Takes the old name away. Unless both are the same name, by two paths or, where "a" and "A" are
    /// the same, by two spellings.
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

    /// Renames a file over one that is loaded as a program: here that is no special case.
    pub fn move_aside(from: &Path, target: &Target, retry: &Retry<'_>) -> Result<()> {
        replace(from, &target.path, retry)
    }

    /// Removes a file. False where there was none.
    pub fn remove(path: &Path, _patience: &Retry<'_>) -> Result<bool> {
        match std::fs::remove_file(path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error).at(Step::Remove, path),
        }
    }
}

#[cfg(windows)]
mod windows;
