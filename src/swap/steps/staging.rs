//! The staging file: the new file before it has its name.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata, OpenOptions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};

use super::error::{At, Problem, Result, Step, SwapError};
use super::target::{Target, name_with, refuse_open_database};
use crate::failpoints::{Safeguard, is_removed};
use crate::files::{Link, PlainFile, kind_name, sidecars};

/// The name of a staging file is this prefix, 12 random characters, `-` and the target's name. It
/// ends like the target's name, because tools may depend on the extension.
const PREFIX: &str = ".staging-";
/// The prefix of a file that was moved aside on Windows.
const ASIDE_PREFIX: &str = ".aside-";
const RANDOM: usize = 12;
/// How many names are tried if a name exists already.
const ATTEMPTS: usize = 16;

/// A staging file. Dropping it removes it.
#[derive(Debug)]
pub struct StagingFile {
    path: PathBuf,
    /// The permissions that the system gives to a new file in this directory, if `create`
    /// determined them.
    default_mode: Option<u32>,
    exists: bool,
}

impl StagingFile {
    /// Creates the staging file of a target. Only its owner may read it. If `default_mode`, also
    /// determines the permissions that the system gives to a new file in this directory.
    pub fn create(target: &Target, default_mode: bool) -> Result<(Self, File)> {
        if is_removed(Safeguard::Staging) {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true);
            let file = options.open(&target.path).at(Step::Stage, &target.path)?;
            let path = target.path.clone();
            return Ok((Self { path, default_mode: None, exists: false }, file));
        }
        let (path, file) = create_new(target, default_mode)?;
        let mut staging = Self { path, default_mode: None, exists: true };
        if default_mode {
            staging.default_mode = restrict(&file).at(Step::Stage, &staging.path)?;
        }
        Ok((staging, file))
    }

    /// The path of the staging file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The permissions that the system gives to a new file in this directory, if they were
    /// determined.
    pub fn default_mode(&self) -> Option<u32> {
        self.default_mode
    }

    /// Opens the staging file by its name, for reading and writing. `prepare` may have replaced the
    /// file.
    pub fn reopen(&self) -> Result<(PlainFile, Metadata)> {
        let path = &self.path;
        let failure = |problem| Err(SwapError::new(problem, Step::Prepare, path));
        match fs::symlink_metadata(path) {
            Ok(found) if found.is_file() => {}
            Ok(found) => {
                return failure(Problem::NotAFile("STAGING_NOT_A_FILE", kind_name(&found)));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return failure(Problem::Missing("STAGING_MISSING"));
            }
            Err(error) => return Err(error).at(Step::Prepare, path),
        }
        refuse_open_database(path, Step::Prepare)?;
        self.remove_empty_sidecars()?;
        // A symbolic link that has replaced the file since the check is not followed.
        let open = || {
            let mut options = OpenOptions::new();
            options.read(true).write(true);
            PlainFile::open(options, Link::Refuse, path)
        };
        let file = match open() {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                // `prepare` may have made the file read-only. The mode is set again later.
                make_writable(path).at(Step::Prepare, path)?;
                open()
            }
            opened => opened,
        }
        .at(Step::Prepare, path)?;
        let found = file.metadata().at(Step::Prepare, path)?;
        if found.is_file() {
            Ok((file, found))
        } else {
            failure(Problem::NotAFile("STAGING_NOT_A_FILE", kind_name(&found)))
        }
    }

    /// Refuses a staging file with a sidecar that holds data: only the file itself is swapped in,
    /// so that the transactions in the sidecar would be lost. Removes sidecars without data.
    fn remove_empty_sidecars(&self) -> Result<()> {
        for sidecar in sidecars::of(&self.path) {
            let Ok(found) = fs::symlink_metadata(&sidecar) else { continue };
            if found.len() > 0 && !sidecars::is_shared_memory(&sidecar) {
                return Err(SwapError::new(Problem::StagingHasSidecar, Step::Prepare, &sidecar));
            }
            fs::remove_file(&sidecar).at(Step::Prepare, &sidecar)?;
        }
        Ok(())
    }

    /// Keeps the file, which has the target's name now.
    pub fn committed(mut self) {
        self.exists = false;
    }
}

impl Drop for StagingFile {
    fn drop(&mut self) {
        if self.exists {
            // If the removal fails, the next swap of the target tries again.
            let _ = remove_with_sidecars(&self.path);
        }
    }
}

/// Removes the files of killed swaps of this target. The caller holds the target's lock, so that no
/// running swap uses them.
pub fn sweep(target: &Target) -> Result<()> {
    let Some(name) = target.path.file_name() else { return Ok(()) };
    let entries = fs::read_dir(&target.directory).at(Step::Lock, &target.directory)?;
    for entry in entries.flatten() {
        if kind_of_leftover(&entry.file_name(), name).is_some() {
            // A program that still runs from `.aside-*` prevents the removal. The next swap tries
            // again.
            let _ = remove_with_sidecars(&entry.path());
        }
    }
    Ok(())
}

/// An unused name in the target's directory, for the file that is moved aside.
#[cfg(windows)]
pub fn aside(target: &Target) -> PathBuf {
    target.beside(&format!("{ASIDE_PREFIX}{}-", random_characters()))
}

fn create_new(target: &Target, default_mode: bool) -> Result<(PathBuf, File)> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(if default_mode { 0o666 } else { 0o600 });
    }
    #[cfg(not(unix))]
    let _ = default_mode;
    let mut attempt = 0;
    loop {
        let path = target.beside(&format!("{PREFIX}{}-", random_characters()));
        match options.open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < ATTEMPTS => {
                attempt += 1;
            }
            Err(error) => return Err(error).at(Step::Stage, &path),
        }
    }
}

/// Removes the permissions of other users from a new file, and returns its initial mode. The mode
/// results from 0666, the umask and the directory's default ACL. Creating a file is the only way to
/// determine it, because reading the umask means setting it, for all threads.
#[cfg(unix)]
fn restrict(file: &File) -> io::Result<Option<u32>> {
    use std::os::unix::fs::PermissionsExt;

    use rustix::fs::{Mode, fchmod};
    let given = file.metadata()?.permissions().mode() & 0o777;
    fchmod(file, Mode::RUSR | Mode::WUSR)?;
    Ok(Some(given))
}

#[cfg(windows)]
fn restrict(_file: &File) -> io::Result<Option<u32>> {
    Ok(None)
}

/// The kind of leftover that a candidate's name denotes, if it is one of this target: a staging
/// file, or a file that was moved aside.
pub fn kind_of_leftover(candidate: &OsStr, target: &OsStr) -> Option<&'static str> {
    let is_with = |prefix: &str| {
        let random = candidate.as_encoded_bytes().strip_prefix(prefix.as_bytes())?.get(..RANDOM)?;
        let random = std::str::from_utf8(random).ok()?;
        let name = name_with(&format!("{prefix}{random}-"), target);
        (candidate == name && random.bytes().all(|byte| CHARACTERS.contains(&byte))).then_some(())
    };
    match (is_with(PREFIX), is_with(ASIDE_PREFIX)) {
        (Some(()), _) => Some("staging"),
        (_, Some(())) => Some("aside"),
        _ => None,
    }
}

const CHARACTERS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";

/// Twelve random characters. They need not be unpredictable, because an existing file is never
/// opened.
fn random_characters() -> String {
    let mut number = RandomState::new().build_hasher().finish();
    (0..RANDOM)
        .map(|_| {
            let character = CHARACTERS[usize::try_from(number % 32).unwrap_or(0)];
            number /= 32;
            char::from(character)
        })
        .collect()
}

/// Removes a staging file, and the sidecars that `prepare` may have left beside it. The file is
/// removed last: without it, a sidecar's name could also be that of another target's staging file.
pub fn remove_with_sidecars(path: &Path) -> io::Result<()> {
    for sidecar in sidecars::of(path) {
        let _ = fs::remove_file(sidecar);
    }
    remove(path)
}

/// Removes a staging file or a leftover.
pub fn remove(path: &Path) -> io::Result<()> {
    #[cfg(windows)]
    if make_writable(path).is_err() {
        // The removal below reports the error.
    }
    match fs::symlink_metadata(path) {
        // A tool has replaced the file by a directory.
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        _ => fs::remove_file(path),
    }
}

#[cfg(unix)]
fn make_writable(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
}

#[cfg(windows)]
fn make_writable(path: &Path) -> io::Result<()> {
    let mut permissions = fs::metadata(path)?.permissions();
    #[expect(clippy::permissions_set_readonly_false, reason = "Windows has an attribute for it")]
    permissions.set_readonly(false);
    fs::set_permissions(path, permissions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(folder: &tempfile::TempDir, name: &str) -> Target {
        Target::resolve(&folder.path().join(name)).unwrap()
    }

    fn names(folder: &tempfile::TempDir) -> Vec<String> {
        let entries = fs::read_dir(folder.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_staging_file_ends_like_the_target_and_is_removed_unless_committed() {
        let folder = tempfile::tempdir().unwrap();
        let target = target(&folder, "addon.node");
        let (staging, _file) = StagingFile::create(&target, true).unwrap();
        let path = staging.path().to_owned();
        assert!(path.to_str().unwrap().ends_with("-addon.node"));
        assert!(path.exists());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600);
            fs::write(folder.path().join("plain"), "").unwrap();
            let plain = fs::metadata(folder.path().join("plain")).unwrap().permissions().mode();
            assert_eq!(
                staging.default_mode(),
                Some(plain & 0o777),
                "the mode of other new files here"
            );
            fs::remove_file(folder.path().join("plain")).unwrap();
        }
        drop(staging);
        assert_eq!(names(&folder), [""; 0]);
        let (staging, _file) = StagingFile::create(&target, false).unwrap();
        staging.committed();
        assert_eq!(names(&folder).len(), 1);
    }

    #[test]
    fn a_sweep_removes_only_this_targets_files() {
        let folder = tempfile::tempdir().unwrap();
        let (own, other) = (target(&folder, "a"), target(&folder, "b-a"));
        StagingFile::create(&own, false).unwrap().0.committed();
        StagingFile::create(&own, false).unwrap().0.committed();
        StagingFile::create(&other, false).unwrap().0.committed();
        for name in ["a", ".staging-a", ".staging-short-a", ".staging-ABCDEFGHIJKL-a"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        fs::write(folder.path().join(".aside-0123456789ab-a"), "").unwrap();
        sweep(&own).unwrap();
        let left = names(&folder);
        assert_eq!(left.len(), 5, "{left:?}");
        assert!(left.iter().any(|name| name.ends_with("-b-a")), "{left:?}");
    }

    #[test]
    fn a_sweep_removes_sidecars_of_staging_files() {
        let folder = tempfile::tempdir().unwrap();
        let (own, other) = (target(&folder, "a"), target(&folder, "a-wal"));
        let (killed, _file) = StagingFile::create(&own, false).unwrap();
        for sidecar in sidecars::of(killed.path()) {
            fs::write(sidecar, "").unwrap();
        }
        killed.committed();
        // This file has a sidecar's name, but belongs to another target, which is not locked.
        StagingFile::create(&other, false).unwrap().0.committed();
        sweep(&own).unwrap();
        assert_eq!(names(&folder).len(), 1);
        sweep(&other).unwrap();
        assert_eq!(names(&folder), [""; 0]);
    }

    #[test]
    fn staging_files_with_a_shortened_name_are_swept_too() {
        let folder = tempfile::tempdir().unwrap();
        let target = target(&folder, &"x".repeat(250));
        StagingFile::create(&target, false).unwrap().0.committed();
        sweep(&target).unwrap();
        assert_eq!(names(&folder), [""; 0]);
    }

    #[test]
    fn the_staging_file_is_checked_after_prepare() {
        let folder = tempfile::tempdir().unwrap();
        let target = target(&folder, "a");
        let (staging, _file) = StagingFile::create(&target, false).unwrap();
        fs::remove_file(staging.path()).unwrap();
        assert_eq!(staging.reopen().unwrap_err().code(), "STAGING_MISSING");
        fs::create_dir(staging.path()).unwrap();
        assert_eq!(staging.reopen().unwrap_err().code(), "STAGING_NOT_A_FILE");
        fs::remove_dir(staging.path()).unwrap();
        fs::write(staging.path(), "another file").unwrap();
        for (index, sidecar) in sidecars::of(staging.path()).enumerate() {
            // -wal, -shm, -journal
            fs::write(&sidecar, "rows").unwrap();
            let code = staging.reopen().map_err(|error| error.code()).err();
            assert_eq!(code, (index != 1).then_some("STAGING_HAS_SIDECAR"));
            fs::write(&sidecar, "").unwrap();
            staging.reopen().unwrap();
            assert!(!sidecar.exists());
        }
        let mut permissions = fs::metadata(staging.path()).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(staging.path(), permissions).unwrap();
        assert_eq!(staging.reopen().unwrap().1.len(), 12);
    }
}
