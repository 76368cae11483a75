//! The file that a swap replaces: its path with symbolic links followed, and its metadata.

use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::error::{At, Problem, Result, Step, SwapError};
use crate::files::{self, OpenBy};

/// The number of symbolic links that Linux follows (`path_resolution(7)`).
const MOST_LINKS: usize = 40;

/// The longest label for the target in our file names, in bytes. With our longest prefix and
/// SQLite's longest suffix it makes 255 bytes, the limit of common file systems. All our names use
/// the same limit, so that two targets share all of these names or none.
const LONGEST_LABEL: usize = 255 - ".staging-0123456789ab-".len() - "-journal".len();

/// A target, with symbolic links followed. Its directory exists; the file need not.
#[derive(Debug)]
pub struct Target {
    /// The real path, which is not a symbolic link.
    pub path: PathBuf,
    /// The real path of its directory.
    pub directory: PathBuf,
    /// The metadata of the file, if it exists. It is a regular file.
    pub found: Option<Metadata>,
}

impl Target {
    /// Follows the path. A dangling link is followed too: the swap creates the file that it names,
    /// as `open(O_CREAT)` does.
    pub fn resolve(given: &Path) -> Result<Self> {
        let mut path = std::path::absolute(given).at(Step::Resolve, given)?;
        // "name/" names a directory, even if it does not exist.
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
                    let problem = Problem::DirectoryIsFile;
                    return Err(SwapError::new(problem, Step::Resolve, &directory));
                }
                Err(error) => return Err(error).at(Step::Resolve, &path),
            }
        }
        Err(SwapError::new(Problem::TooManyLinks, Step::Resolve, given))
    }

    fn existing(path: PathBuf, directory: PathBuf, found: Metadata) -> Result<Self> {
        let failure = |problem| Err(SwapError::new(problem, Step::Resolve, &path));
        if found.is_dir() {
            return failure(Problem::IsDirectory("TARGET_IS_DIRECTORY"));
        }
        if !found.is_file() {
            return failure(Problem::NotAFile("TARGET_NOT_A_FILE", files::kind_name(&found)));
        }
        // On a file system that ignores case, the canonical path has the stored spelling.
        let path = if cfg!(any(windows, target_vendor = "apple")) {
            dunce::canonicalize(&path).at(Step::Resolve, &path)?
        } else {
            path
        };
        Ok(Self { path, directory, found: Some(found) })
    }

    /// Reads the metadata again. Returns false if there is no regular file.
    pub fn reload(&mut self) -> Result<bool> {
        match fs::symlink_metadata(&self.path) {
            Ok(found) if found.is_file() => self.found = Some(found),
            Ok(_) => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error).at(Step::Resolve, &self.path),
        }
        Ok(true)
    }

    /// Reads the metadata again before the file is replaced. If the file is gone, keeps the earlier
    /// metadata.
    pub fn refresh(&mut self) -> Result<()> {
        if !self.reload()?
            && let Some(found) = Self::resolve(&self.path)?.found
        {
            self.found = Some(found);
        }
        Ok(())
    }

    /// The path of one of our files in the target's directory: `prefix`, then the target's label.
    pub fn beside(&self, prefix: &str) -> PathBuf {
        self.directory.join(name_with(prefix, self.path.file_name().unwrap_or_default()))
    }

    /// Fails if this process has the file open as a database, or the database to which it belongs.
    pub fn refuse_open_database(&self) -> Result<()> {
        refuse_open_database(&self.path, Step::Lock)
    }

    /// The same, without a search for other SQLite libraries in this process.
    pub fn refuse_own_open_database(&self) -> Result<()> {
        if files::is_open_by_us(&self.path) {
            return Err(SwapError::new(Problem::OpenDatabase, Step::Lock, &self.path));
        }
        Ok(())
    }
}

/// Fails if this process has the file at this path open as a database, or the database whose
/// `-wal`, `-shm` or `-journal` it is.
pub fn refuse_open_database(path: &Path, step: Step) -> Result<()> {
    let problem = match files::open_by(path) {
        None => return Ok(()),
        Some(OpenBy::Us) => Problem::OpenDatabase,
        Some(OpenBy::ForeignSqlite) => Problem::OpenElsewhereInProcess,
    };
    Err(SwapError::new(problem, step, path))
}

/// Fails if a sidecar beside this path holds transactions: SQLite would read them into the new file
/// that gets this name. Sidecars of a database that this process has open do not count.
pub fn refuse_sidecars(path: &Path, step: Step) -> Result<()> {
    match files::sidecars::of(path).find(|sidecar| files::holds_transactions(sidecar)) {
        Some(sidecar) => {
            Err(SwapError::new(Problem::TargetHasSidecar(path.to_owned()), step, &sidecar))
        }
        None => Ok(()),
    }
}

/// A file name that begins with `prefix` and ends with `name`, or with the end of a long `name`. A
/// shortened name contains a hash of the whole, so that different targets get different names.
pub fn name_with(prefix: &str, name: &OsStr) -> OsString {
    let mut whole = OsString::from(prefix);
    if name.len() <= LONGEST_LABEL {
        whole.push(name);
        return whole;
    }
    let hash = format!("{:016x}-", fnv_1a(name.as_encoded_bytes()));
    // Keep the end of the name, because it has the extension.
    let text = name.to_string_lossy();
    let earliest = text.len().saturating_sub(LONGEST_LABEL - hash.len());
    let start = (earliest..text.len()).find(|&at| text.is_char_boundary(at));
    whole.push(hash);
    whole.push(start.map_or("", |start| &text[start..]));
    whole
}

/// The 64-bit FNV-1a hash. It must not change, because a later version must find the same names.
fn fnv_1a(bytes: &[u8]) -> u64 {
    let mix = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, mix)
}

fn is_separator(byte: u8) -> bool {
    std::path::is_separator(char::from(byte))
}

/// The file among the directories of a path.
fn a_file_in(directory: &Path) -> &Path {
    directory.ancestors().find(|path| path.is_file()).unwrap_or(directory)
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
        // On other systems, reading the metadata of the file reports a path that is not a
        // directory.
        Ok(real) if !cfg!(windows) || real.is_dir() => Ok((real, name)),
        Ok(_) => Err(SwapError::new(Problem::DirectoryIsFile, Step::Resolve, directory)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(SwapError::new(Problem::DirectoryMissing, Step::Resolve, directory))
        }
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            Err(SwapError::new(Problem::DirectoryIsFile, Step::Resolve, a_file_in(directory)))
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
    fn links_are_followed_even_if_they_dangle() {
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
    fn our_names_end_like_the_target_and_are_never_too_long() {
        assert_eq!(name_with(".x-", OsStr::new("addon.node")), ".x-addon.node");
        let long = "ü".repeat(125) + ".node";
        let name = name_with(".staging-123456789012-", OsStr::new(&long));
        assert!(name.len() <= 255);
        assert!(name.to_str().unwrap().ends_with("ü.node"));
    }

    #[test]
    fn long_names_with_the_same_end_stay_different() {
        // http://www.isthe.com/chongo/tech/comp/fnv/, test vectors.
        assert_eq!(fnv_1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv_1a(b"foobar"), 0x8594_4171_f739_67e8);
        let names = ["a", "b"].map(|first| first.to_owned() + &"x".repeat(240) + ".db");
        let [first, second] = names.map(|name| name_with(".swap-lock-", OsStr::new(&name)));
        assert_ne!(first, second);
    }
}
