//! The single steps of a swap, for programs that move files themselves.

use std::fs::OpenOptions;
use std::path::Path;

use crate::files::{Link, PlainFile, kind_name};
use crate::swap::steps::durability::{self, Durability};
use crate::swap::steps::error::{At, Problem, Result, Step, SwapError};
use crate::swap::steps::rename::{self, Retry};
use crate::swap::steps::target::{refuse_open_database, refuse_sidecars};

/// Syncs a file's content to the disk.
pub fn fsync_file(path: &Path) -> Result<()> {
    refuse_open_database(path, Step::Sync)?;
    let found = std::fs::metadata(path).map_err(|error| missing(error, Step::Sync, path))?;
    if found.is_dir() {
        return Err(SwapError::new(Problem::IsDirectory("IS_DIRECTORY"), Step::Sync, path));
    }
    if !found.is_file() {
        return Err(SwapError::new(
            Problem::NotAFile("NOT_A_FILE", kind_name(&found)),
            Step::Sync,
            path,
        ));
    }
    let mut options = OpenOptions::new();
    options.read(true).write(durability::NEEDS_WRITABLE);
    let file = PlainFile::open(options, Link::Follow, path).at(Step::Sync, path)?;
    durability::sync_file(&file, Durability::Full).at(Step::Sync, path)
}

/// Syncs a directory's entries to the disk.
pub fn fsync_directory(path: &Path) -> Result<()> {
    let found =
        std::fs::metadata(path).map_err(|error| missing(error, Step::SyncDirectory, path))?;
    if !found.is_dir() {
        return Err(SwapError::new(Problem::NotADirectory, Step::SyncDirectory, path));
    }
    durability::sync_directory(path, Durability::Full).at(Step::SyncDirectory, path)
}

/// Renames a file durably, and replaces an existing one.
pub fn rename_durably(from: &Path, to: &Path, retry: &Retry<'_>) -> Result<()> {
    refuse_open_database(from, Step::Rename)?;
    refuse_open_database(to, Step::Rename)?;
    // Without a file at `to`, sidecars there may belong to the moved file: a caller may move them
    // first.
    if to.symlink_metadata().is_ok() {
        refuse_sidecars(to, Step::Rename)?;
    }
    fsync_file(from)?;
    rename::replace_also_link(from, to, retry)?;
    let not_durable = |error: SwapError| SwapError {
        problem: match error.problem {
            Problem::Io(error) => Problem::NotDurable(error),
            problem => problem,
        },
        committed: true,
        ..error
    };
    // Sync the new name first, so that a power cut between the two syncs leaves both names, not
    // none.
    let (from, to) = (directory_of(from), directory_of(to));
    fsync_directory(to).map_err(not_durable)?;
    if from == to { Ok(()) } else { fsync_directory(from).map_err(not_durable) }
}

/// Removes a file. Returns false if it did not exist.
pub fn remove_with_retry(path: &Path, retry: &Retry<'_>) -> Result<bool> {
    refuse_open_database(path, Step::Remove)?;
    if std::fs::symlink_metadata(path).is_ok_and(|found| found.is_dir()) {
        return Err(SwapError::new(Problem::IsDirectory("IS_DIRECTORY"), Step::Remove, path));
    }
    rename::remove(path, retry)
}

/// The directory of a path. Callers pass absolute paths, so that every path has one.
fn directory_of(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

fn missing(error: std::io::Error, step: Step, path: &Path) -> SwapError {
    let problem = match error.kind() {
        std::io::ErrorKind::NotFound => Problem::Missing("FILE_MISSING"),
        _ => Problem::Io(error),
    };
    SwapError::new(problem, step, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::OpenFile;
    use crate::jobs::cancel::Cancel;
    use std::fs;
    use std::time::Duration;

    #[test]
    fn each_step_refuses_an_open_database() {
        let folder = tempfile::tempdir().unwrap();
        let (database, other) = (folder.path().join("a.db"), folder.path().join("b"));
        fs::write(&database, "").unwrap();
        fs::write(&other, "").unwrap();
        let cancel = Cancel::default();
        let retry = Retry { limit: Duration::ZERO, cancel: &cancel };
        let entry = OpenFile::enter(&database).unwrap();
        for refused in [
            fsync_file(&database),
            rename_durably(&database, &other, &retry),
            rename_durably(&other, &database, &retry),
            remove_with_retry(&database, &retry).map(drop),
        ] {
            let error = refused.unwrap_err();
            assert_eq!((error.code(), &error.path), ("FILE_IS_OPEN_DATABASE", &database));
        }
        drop(entry);
        fsync_file(&database).unwrap();
        rename_durably(&other, &database, &retry).unwrap();
        assert!(remove_with_retry(&database, &retry).unwrap());
        assert!(!remove_with_retry(&database, &retry).unwrap());
        fsync_directory(folder.path()).unwrap();
    }

    #[test]
    fn leftover_sidecars_are_not_given_to_another_file() {
        let folder = tempfile::tempdir().unwrap();
        let (to, from) = (folder.path().join("a.db"), folder.path().join("b"));
        let cancel = Cancel::default();
        let retry = Retry { limit: Duration::ZERO, cancel: &cancel };
        let code = || {
            fs::write(&from, "new").unwrap();
            rename_durably(&from, &to, &retry).err().map(|error| error.code())
        };
        let wal: &[u8] = b"\x37\x7f\x06\x82rows";
        for (sidecar, content, refused) in [
            ("a.db-wal", wal, true),
            ("a.db-wal", b"", false),
            ("a.db-wal", b"another program's", false),
            ("a.db-journal", b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7rows", true),
            // journal_mode = persist leaves a journal like this one.
            ("a.db-journal", b"\0\0\0\0\0\0\0\0rows", false),
            ("a.db-shm", b"an index", false),
        ] {
            fs::write(&to, "old").unwrap();
            let sidecar = folder.path().join(sidecar);
            fs::write(&sidecar, content).unwrap();
            assert_eq!(code(), refused.then_some("TARGET_HAS_SIDECAR"), "{}", sidecar.display());
            assert_eq!(fs::read_to_string(&to).unwrap(), if refused { "old" } else { "new" });
            fs::remove_file(sidecar).unwrap();
        }
        // A database is moved with its sidecars, and the sidecars are moved first.
        fs::remove_file(&to).unwrap();
        fs::write(folder.path().join("a.db-wal"), wal).unwrap();
        assert_eq!(code(), None);
    }

    #[test]
    #[cfg(unix)]
    fn a_rename_between_two_links_to_one_file_keeps_the_new_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let names = || {
            let entries = fs::read_dir(folder.path()).unwrap();
            let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        let cancel = Cancel::default();
        let retry = Retry { limit: Duration::ZERO, cancel: &cancel };
        fs::create_dir(path("other")).unwrap();
        fs::write(path("x"), "x").unwrap();
        for to in ["y", "other/x"] {
            fs::hard_link(path("x"), path(to)).unwrap();
            rename_durably(&path("x"), &path(to), &retry).unwrap();
            assert!(!path("x").exists());
            fs::rename(path(to), path("x")).unwrap();
        }
        // Two paths to one directory entry are one name, even if the file has other links.
        fs::hard_link(path("x"), path("y")).unwrap();
        std::os::unix::fs::symlink(".", path("here")).unwrap();
        rename_durably(&path("x"), &path("x"), &retry).unwrap();
        rename_durably(&path("x"), &path("here/x"), &retry).unwrap();
        assert_eq!(names(), ["here", "other", "x", "y"]);
        assert_eq!(fs::read_to_string(path("x")).unwrap(), "x");
    }

    #[test]
    fn missing_files_and_directories_have_error_codes() {
        let folder = tempfile::tempdir().unwrap();
        let cancel = Cancel::default();
        let retry = Retry { limit: Duration::ZERO, cancel: &cancel };
        let none = folder.path().join("none");
        assert_eq!(fsync_file(&none).unwrap_err().code(), "FILE_MISSING");
        assert_eq!(fsync_directory(&none).unwrap_err().code(), "FILE_MISSING");
        assert_eq!(rename_durably(&none, &none, &retry).unwrap_err().code(), "FILE_MISSING");
        assert_eq!(fsync_file(folder.path()).unwrap_err().code(), "IS_DIRECTORY");
        let removed = remove_with_retry(folder.path(), &retry);
        assert_eq!(removed.unwrap_err().code(), "IS_DIRECTORY");
    }
}
