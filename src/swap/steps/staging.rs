//! The staging file: the new file before it has its name.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata, OpenOptions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};

use super::error::{At, Problem, Result, Step, SwapError};
use super::target::{Target, name_with, refuse_open_database};
use crate::failpoints::{Safeguard, is_removed};
use crate::files::{Link, PlainFile, sidecars};

/// `.staging-`, 12 random characters, `-` and the target's name: so that it ends like the target, and
/// a tool that goes by the extension takes it for what it will be.
const PREFIX: &str = ".staging-";
/// The same for what was moved aside on Windows.
const ASIDE_PREFIX: &str = ".aside-";
const RANDOM: usize = 12;
/// How often a name that is taken already is tried again.
const ATTEMPTS: usize = 16;

/// A staging file. Dropping it removes it.
#[derive(Debug)]
pub struct StagingFile {
    path: PathBuf,
    /// The permissions that a new file gets here, where they were asked for.
    default_mode: Option<u32>,
    is_there: bool,
}

impl StagingFile {
    /// Makes the staging file of a target, which only its owner may read. Where `default_mode`, it
    /// finds out which permissions a new file gets here.
    pub fn create(target: &Target, default_mode: bool) -> Result<(Self, File)> {
        if is_removed(Safeguard::Staging) {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true);
            let file = options.open(&target.path).at(Step::Stage, &target.path)?;
            let path = target.path.clone();
            return Ok((Self { path, default_mode: None, is_there: false }, file));
        }
        let (path, file) = create_new(target, default_mode)?;
        let mut staging = Self { path, default_mode: None, is_there: true };
        if default_mode {
            staging.default_mode = restrict(&file).at(Step::Stage, &staging.path)?;
        }
        Ok((staging, file))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The permissions that a new file gets here.
    pub fn default_mode(&self) -> Option<u32> {
        self.default_mode
    }

    /// Opens it by its name, for reading and writing: `prepare` may have put another file there.
    pub fn reopen(&self) -> Result<(PlainFile, Metadata)> {
        let path = &self.path;
        let wrong = |problem| Err(SwapError::new(problem, Step::Prepare, path));
        match fs::symlink_metadata(path) {
            Ok(found) if found.is_file() => {}
            Ok(_) => return wrong(Problem::NotAFile("STAGING_NOT_A_FILE")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return wrong(Problem::Missing("STAGING_MISSING"));
            }
            Err(error) => return Err(error).at(Step::Prepare, path),
        }
        refuse_open_database(path, Step::Prepare)?;
        self.leave_sidecars()?;
        // A link that takes its place this very moment is not followed.
        let open = || {
            let mut options = OpenOptions::new();
            options.read(true).write(true);
            PlainFile::open(options, Link::Refuse, path)
        };
        let file = match open() {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                // It may be read-only by now, which its owner can change for the moment.
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
            wrong(Problem::NotAFile("STAGING_NOT_A_FILE"))
        }
    }

    /// The file alone is swapped in: transactions that are in a sidecar would be lost. A `-shm` and
    /// empty ones hold none.
    fn leave_sidecars(&self) -> Result<()> {
        for sidecar in sidecars::of(&self.path) {
            let Ok(found) = fs::symlink_metadata(&sidecar) else { continue };
            if found.len() > 0 && !sidecars::is_shared_memory(&sidecar) {
                return Err(SwapError::new(Problem::StagingHasSidecar, Step::Prepare, &sidecar));
            }
            fs::remove_file(&sidecar).at(Step::Prepare, &sidecar)?;
        }
        Ok(())
    }

    /// It has its own name now: there is nothing to remove any more.
    pub fn committed(mut self) {
        self.is_there = false;
    }
}

impl Drop for StagingFile {
    fn drop(&mut self) {
        if self.is_there {
            // What cannot be removed now is removed by the next swap of the target.
            let _ = remove_with_sidecars(&self.path);
        }
    }
}

/// Removes what killed swaps of this target left. The caller has the target's lock, so whatever is
/// there belongs to nobody.
pub fn sweep(target: &Target) -> Result<()> {
    let Some(name) = target.path.file_name() else { return Ok(()) };
    let entries = fs::read_dir(&target.directory).at(Step::Lock, &target.directory)?;
    for entry in entries.flatten() {
        if kind_of_leftover(&entry.file_name(), name).is_some() {
            // A program that still runs from `.aside-*` keeps it: then the next swap tries again.
            let _ = remove_with_sidecars(&entry.path());
        }
    }
    Ok(())
}

/// A name beside the target that nobody has, for the file that is moved aside.
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

/// Takes everybody else's permissions away from a new file, and says which it had: the system alone
/// knows what the umask and the directory's default ACL make of 0666, as the umask cannot be asked for
/// without setting it, for all threads.
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

/// What kind of leftover has this name, if it is one of the target of this name: a staging file, or a
/// file moved aside.
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

/// Twelve characters that no other swap has. They need not be hard to guess: the file is made anew
/// or not at all.
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

/// What `prepare` may have left where it worked on a database goes too. The file itself last: by
/// names alone its sidecars could be those of another target's staging file.
pub fn remove_with_sidecars(path: &Path) -> io::Result<()> {
    for sidecar in sidecars::of(path) {
        let _ = fs::remove_file(sidecar);
    }
    remove(path)
}

/// Removes a file of ours.
pub fn remove(path: &Path) -> io::Result<()> {
    #[cfg(windows)]
    if make_writable(path).is_err() {
        // The removal itself says what is wrong.
    }
    match fs::symlink_metadata(path) {
        // What a tool made of it.
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
    fn it_ends_like_the_target_and_is_removed_unless_it_is_committed() {
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
            assert_eq!(staging.default_mode(), Some(plain & 0o777), "as other new files here");
            fs::remove_file(folder.path().join("plain")).unwrap();
        }
        drop(staging);
        assert_eq!(names(&folder), [""; 0]);
        let (staging, _file) = StagingFile::create(&target, false).unwrap();
        staging.committed();
        assert_eq!(names(&folder).len(), 1);
    }

    #[test]
    fn a_sweep_removes_what_is_this_targets_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let (mine, other) = (target(&folder, "a"), target(&folder, "b-a"));
        StagingFile::create(&mine, false).unwrap().0.committed();
        StagingFile::create(&mine, false).unwrap().0.committed();
        StagingFile::create(&other, false).unwrap().0.committed();
        for name in ["a", ".staging-a", ".staging-short-a", ".staging-ABCDEFGHIJKL-a"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        fs::write(folder.path().join(".aside-0123456789ab-a"), "").unwrap();
        sweep(&mine).unwrap();
        let left = names(&folder);
        assert_eq!(left.len(), 5, "{left:?}");
        assert!(left.iter().any(|name| name.ends_with("-b-a")), "{left:?}");
    }

    #[test]
    fn a_sweep_removes_the_sidecars_of_what_it_removes() {
        let folder = tempfile::tempdir().unwrap();
        let (mine, other) = (target(&folder, "a"), target(&folder, "a-wal"));
        let (killed, _file) = StagingFile::create(&mine, false).unwrap();
        for sidecar in sidecars::of(killed.path()) {
            fs::write(sidecar, "").unwrap();
        }
        killed.committed();
        // Its name is that of a sidecar; but it is another target's, whose lock nobody has here.
        StagingFile::create(&other, false).unwrap().0.committed();
        sweep(&mine).unwrap();
        assert_eq!(names(&folder).len(), 1);
        sweep(&other).unwrap();
        assert_eq!(names(&folder), [""; 0]);
    }

    #[test]
    fn names_too_long_to_hold_the_targets_are_swept_too() {
        let folder = tempfile::tempdir().unwrap();
        let target = target(&folder, &"x".repeat(250));
        StagingFile::create(&target, false).unwrap().0.committed();
        sweep(&target).unwrap();
        assert_eq!(names(&folder), [""; 0]);
    }

    #[test]
    fn what_prepare_left_is_looked_at() {
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
