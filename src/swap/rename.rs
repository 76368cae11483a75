//! Putting a file in the place of another: the commit point of a swap.

use std::time::Duration;

use super::cancel::Cancel;
use super::error::{At, Result, Step};

pub use no_replace::to_new_name;

mod no_replace;

/// How patient the caller is with programs that are in the way, on Windows.
#[derive(Debug)]
#[cfg_attr(not(windows), expect(dead_code, reason = "only Windows refuses"))]
pub struct Patience<'a> {
    /// How long to try again.
    pub retry: Duration,
    /// Ends the trying.
    pub cancel: &'a Cancel,
}

#[cfg(unix)]
pub use self::unix::{move_aside, remove, replace};
#[cfg(windows)]
pub use self::windows::{move_aside, remove, replace};

#[cfg(unix)]
mod unix {
    use std::io;
    use std::path::Path;

    use super::{At, Patience, Result, Step};
    use crate::swap::target::Target;

    /// Renames a file, over another one if there is one: `rename(2)`. Nobody can be in the way.
    pub fn replace(from: &Path, to: &Path, _patience: &Patience<'_>) -> Result<()> {
        std::fs::rename(from, to).at(Step::Rename, to)
    }

    /// Renames a file over one that is loaded as a program: here that is no special case.
    pub fn move_aside(from: &Path, target: &Target, patience: &Patience<'_>) -> Result<()> {
        replace(from, &target.path, patience)
    }

    /// Removes a file. False where there was none.
    pub fn remove(path: &Path, _patience: &Patience<'_>) -> Result<bool> {
        match std::fs::remove_file(path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error).at(Step::Remove, path),
        }
    }
}

#[cfg(windows)]
mod windows;
