//! The file that a swap replaces: where its path really leads, and what is there.

use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::error::{At, Problem, Result, Step, SwapError};
use crate::files::{self, OpenBy};

/// As many symbolic links as Linux follows (`path_resolution(7)`).
const MOST_LINKS: usize = 40;

/// How long what stands for the target's name in the names of ours is, in bytes: with the longest prefix,
/// and what SQLite appends for a journal, that is 255, which common file systems allow. The same for all
/// of them, so that targets have all of them in common or none.
const LONGEST_LABEL: usize = 255 - ".staging-0123456789ab-".len() - "-journal".len();

/// A target whose symbolic links are followed. Its directory is there, it itself need not be.
#[derive(Debug)]
pub struct Target {
    /// The real path: no link leads on from it.
    pub path: PathBuf,
    /// The directory that it is in.
    pub directory: PathBuf,
    /// What is there now, if anything: a regular file.
    pub found: Option<Metadata>,
}

impl Target {
    /// Follows the path. A link that leads nowhere is followed too: the file is made where it leads,
    /// as it is with `open(O_CREAT)`.
    pub fn resolve(given: &Path) -> Result<Self> {
        let mut path = std::path::absolute(given).at(Step::Resolve, given)?;
        // "name/" is a directory's name, whether there is one or not.
        if given.as_os_str().as_encoded_bytes().last().is_some_and(|&last| is_separator(last)) {
            let problem = Problem::IsDirectory("TARGET_IS_DIRECTORY");
            return Err(SwapError::new(problem, Step::Resolve, given));
        }
        for _ in 0..MOST_LINKS {
            let (directory, name) = split(&path)?;
            path = directory.join(name);
            match fs::symlink_metadata(&path) {
                Ok(found) if found.is_symlink() => {
                    path = directory.join(fs::read_link(&path).at(Step::Resolve, &path)?);
                }
                Ok(found) => return Self::existing(path, directory, found),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Ok(Self { path, directory, found: None });
                }
                Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                    let problem = Problem::DirectoryMissing;
                    return Err(SwapError::new(problem, Step::Resolve, &directory));
                }
                Err(error) => return Err(error).at(Step::Resolve, &path),
            }
        }
        Err(SwapError::new(Problem::TooManyLinks, Step::Resolve, given))
    }

    fn existing(path: PathBuf, directory: PathBuf, found: Metadata) -> Result<Self> {
        let wrong = |problem| Err(SwapError::new(problem, Step::Resolve, &path));
        if found.is_dir() {
            return wrong(Problem::IsDirectory("TARGET_IS_DIRECTORY"));
        }
        if !found.is_file() {
            return wrong(Problem::NotAFile("TARGET_NOT_A_FILE"));
        }
        // Where "A" and "a" are the same file, the real path has the name as it was made.
        let path = if cfg!(any(windows, target_vendor = "apple")) {
            dunce::canonicalize(&path).at(Step::Resolve, &path)?
        } else {
            path
        };
        Ok(Self { path, directory, found: Some(found) })
    }

    /// Looks at what is there again. False where that is no regular file.
    pub fn look_again(&mut self) -> Result<bool> {
        match fs::symlink_metadata(&self.path) {
            Ok(found) if found.is_file() => self.found = Some(found),
            Ok(_) => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error).at(Step::Resolve, &self.path),
        }
        Ok(true)
    }

    /// The same right before it is replaced: what was there counts on where it is gone.
    pub fn refresh(&mut self) -> Result<()> {
        if !self.look_again()?
            && let Some(found) = Self::resolve(&self.path)?.found
        {
            self.found = Some(found);
        }
        Ok(())
    }

    /// A file of ours beside the target: `prefix`, then the target's name, or what stands for it.
    pub fn beside(&self, prefix: &str) -> PathBuf {
        self.directory.join(name_with(prefix, self.path.file_name().unwrap_or_default()))
    }

    /// An error where this process has the file open as a database, or the database it belongs to.
    pub fn refuse_open_database(&self) -> Result<()> {
        refuse_open_database(&self.path, Step::Lock)
    }

    /// The same, without a look for other SQLites in this process.
    pub fn refuse_own_open_database(&self) -> Result<()> {
        if files::is_open_by_us(&self.path) {
            return Err(SwapError::new(Problem::OpenDatabase, Step::Lock, &self.path));
        }
        Ok(())
    }
}

/// An error where this process has the file at this path open as a database, or the database whose
/// `-wal`, `-shm` or `-journal` it is.
pub fn refuse_open_database(path: &Path, step: Step) -> Result<()> {
    let problem = match files::open_by(path) {
        None => return Ok(()),
        Some(OpenBy::Us) => Problem::OpenDatabase,
        Some(OpenBy::SomebodyElse) => Problem::OpenElsewhereInProcess,
    };
    Err(SwapError::new(problem, step, path))
}

/// An error where a database of this name has left transactions beside it: SQLite would take them for
/// those of the file that gets the name. Those of one that this process has open are its own affair.
pub fn refuse_sidecars(path: &Path, step: Step) -> Result<()> {
    match files::sidecars::of(path).find(|sidecar| files::holds_transactions(sidecar)) {
        Some(sidecar) => {
            Err(SwapError::new(Problem::TargetHasSidecar(path.to_owned()), step, &sidecar))
        }
        None => Ok(()),
    }
}

/// A name that begins with `prefix` and ends like `name`, and is no longer than a name may be. No other
/// target has it: of a name that is too long it has a hash, which nobody meets by chance.
pub fn name_with(prefix: &str, name: &OsStr) -> OsString {
    let mut whole = OsString::from(prefix);
    if name.len() <= LONGEST_LABEL {
        whole.push(name);
        return whole;
    }
    let hash = format!("{:016x}-", fnv_1a(name.as_encoded_bytes()));
    // The end, for it has the extension.
    let text = name.to_string_lossy();
    let earliest = text.len().saturating_sub(LONGEST_LABEL - hash.len());
    let start = (earliest..text.len()).find(|&at| text.is_char_boundary(at));
    whole.push(hash);
    whole.push(start.map_or("", |start| &text[start..]));
    whole
}

/// The 64 bits of FNV-1a: the same in every version of ours, whose names must be found again.
fn fnv_1a(bytes: &[u8]) -> u64 {
    let mix = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, mix)
}

fn is_separator(byte: u8) -> bool {
    std::path::is_separator(char::from(byte))
}

fn split(path: &Path) -> Result<(PathBuf, &OsStr)> {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(SwapError::new(
            Problem::IsDirectory("TARGET_IS_DIRECTORY"),
            Step::Resolve,
            path,
        ));
    };
    match dunce::canonicalize(directory) {
        // Elsewhere the look at what is in it says so.
        Ok(real) if !cfg!(windows) || real.is_dir() => Ok((real, name)),
        Ok(_) => Err(SwapError::new(Problem::DirectoryMissing, Step::Resolve, directory)),
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            Err(SwapError::new(Problem::DirectoryMissing, Step::Resolve, directory))
        }
        Err(error) => Err(error).at(Step::Resolve, directory),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_target_needs_its_directory() {
        let folder = tempfile::tempdir().unwrap();
        let target = Target::resolve(&folder.path().join("new")).unwrap();
        assert!(target.found.is_none());
        let error = Target::resolve(&folder.path().join("no/new")).unwrap_err();
        assert_eq!(error.code(), "DIRECTORY_MISSING");
        std::fs::write(folder.path().join("file"), "").unwrap();
        let error = Target::resolve(&folder.path().join("file/new")).unwrap_err();
        assert_eq!(error.code(), "DIRECTORY_MISSING");
        for name in ["", "file/", "new/"] {
            let error = Target::resolve(&folder.path().join(name)).unwrap_err();
            assert_eq!(error.code(), "TARGET_IS_DIRECTORY", "{name}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn links_are_followed_also_where_they_lead_nowhere_yet() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let real = dunce::canonicalize(folder.path()).unwrap();
        fs::create_dir(real.join("there")).unwrap();
        symlink("there/file", real.join("link")).unwrap();
        symlink("link", real.join("link to link")).unwrap();
        let target = Target::resolve(&real.join("link to link")).unwrap();
        assert_eq!(target.path, real.join("there/file"));
        assert_eq!(target.directory, real.join("there"));
        symlink("circle", real.join("circle")).unwrap();
        assert_eq!(Target::resolve(&real.join("circle")).unwrap_err().code(), "TOO_MANY_LINKS");
    }

    #[test]
    fn a_name_of_ours_ends_like_the_targets_and_is_never_too_long() {
        assert_eq!(name_with(".x-", OsStr::new("addon.node")), ".x-addon.node");
        let long = "ü".repeat(125) + ".node";
        let name = name_with(".staging-123456789012-", OsStr::new(&long));
        assert!(name.len() <= 255);
        assert!(name.to_str().unwrap().ends_with("ü.node"));
    }

    #[test]
    fn long_names_that_end_alike_have_files_of_their_own() {
        // http://www.isthe.com/chongo/tech/comp/fnv/, test vectors.
        assert_eq!(fnv_1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv_1a(b"foobar"), 0x8594_4171_f739_67e8);
        let names = ["a", "b"].map(|first| first.to_owned() + &"x".repeat(240) + ".db");
        let [first, second] = names.map(|name| name_with(".swap-lock-", OsStr::new(&name)));
        assert_ne!(first, second);
    }
}
