//! Which files are taken for what their names say: lock files of ours, and what SQLite keeps beside a
//! database.
//!
//! Their names can be guessed. Somebody who may make files in the directory, and no more, could put
//! another file there, or a link to one: it would be written to, truncated, or read into the database.
//! So such a file counts only if it is
//!
//! - a regular file, no symbolic link;
//! - with one name: else another file's content would be changed;
//! - of a user who could do the same without it: root, the process's own (effective) user, the owner of
//!   the directory, the owner of the file that it is for. Of any user, where others may write to that
//!   file, or may put another one in its place: the directory is writable for group or others, and not
//!   sticky (`unlink(2)`).

use std::path::Path;

use rustix::fs::{FileType, Mode, Stat, lstat, stat};
use rustix::process::geteuid;

use super::Refusal;

const ROOT: u32 = 0;

/// Group or others may write.
const WRITABLE_FOR_OTHERS: Mode = Mode::WGRP.union(Mode::WOTH);

/// Takes it for what it is named for, beside the file at the path `beside`; or says why not.
pub fn check(found: &Stat, beside: &Path) -> Result<(), Refusal> {
    check_regular(found)?;
    #[allow(clippy::useless_conversion, reason = "its type differs between systems")]
    let links = u64::from(found.st_nlink);
    // 0: it was removed since it was opened.
    if links > 1 {
        return Err(Refusal::HardLink(links));
    }
    if is_trusted(found.st_uid, beside) { Ok(()) } else { Err(Refusal::Owner(found.st_uid)) }
}

/// That it is a regular file is all that is asked of one that the user has named.
pub fn check_regular(found: &Stat) -> Result<(), Refusal> {
    match FileType::from_raw_mode(found.st_mode) {
        FileType::RegularFile => Ok(()),
        FileType::Directory => Err(Refusal::NotAFile("a directory")),
        FileType::Symlink => Err(Refusal::NotAFile("a symbolic link")),
        FileType::Fifo => Err(Refusal::NotAFile("a FIFO")),
        FileType::Socket => Err(Refusal::NotAFile("a socket")),
        _ => Err(Refusal::NotAFile("a device")),
    }
}

fn is_trusted(owner: u32, beside: &Path) -> bool {
    let is_others =
        |found: &Stat| Mode::from_raw_mode(found.st_mode).intersects(WRITABLE_FOR_OTHERS);
    if owner == ROOT || owner == geteuid().as_raw() {
        return true;
    }
    if lstat(beside).is_ok_and(|found| owner == found.st_uid || is_others(&found)) {
        return true;
    }
    let directory = match beside.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    };
    let is_sticky = |found: &Stat| Mode::from_raw_mode(found.st_mode).contains(Mode::SVTX);
    stat(directory)
        .is_ok_and(|found| owner == found.st_uid || (is_others(&found) && !is_sticky(&found)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{Gid, Uid, chmod, chown, symlink};
    use std::fs;

    const SOMEBODY: u32 = 65_534;
    const SOMEBODY_ELSE: u32 = 65_533;

    #[test]
    fn links_and_what_is_no_regular_file_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let look = |name: &str| check(&lstat(path(name)).unwrap(), &path("a.db"));
        fs::write(path("file"), "").unwrap();
        assert_eq!(look("file"), Ok(()));
        fs::hard_link(path("file"), path("link")).unwrap();
        assert_eq!(look("link"), Err(Refusal::HardLink(2)));
        fs::create_dir(path("directory")).unwrap();
        assert!(matches!(look("directory"), Err(Refusal::NotAFile(_))));
        symlink("file", path("symlink")).unwrap();
        assert!(matches!(look("symlink"), Err(Refusal::NotAFile(_))));
    }

    #[test]
    fn a_stranger_is_trusted_where_he_could_change_the_file_itself() {
        let folder = tempfile::tempdir().unwrap();
        let (target, sidecar) = (folder.path().join("a.db"), folder.path().join("a.db-wal"));
        fs::write(&target, "").unwrap();
        fs::write(&sidecar, "").unwrap();
        let give = |path: &Path, owner| chown(path, Some(Uid::from_raw(owner)), None::<Gid>);
        if give(&sidecar, SOMEBODY).is_err() {
            eprintln!("skipped: only root gives files away");
            return;
        }
        let is_trusted = |directory: u16, of_directory, file: u16, of_file| {
            chmod(folder.path(), Mode::from_raw_mode(directory.into())).unwrap();
            chmod(&target, Mode::from_raw_mode(file.into())).unwrap();
            give(folder.path(), of_directory).unwrap();
            give(&target, of_file).unwrap();
            check(&lstat(&sidecar).unwrap(), &target).is_ok()
        };
        assert!(!is_trusted(0o755, ROOT, 0o644, ROOT));
        assert!(!is_trusted(0o1777, SOMEBODY_ELSE, 0o644, SOMEBODY_ELSE), "sticky");
        assert!(is_trusted(0o777, ROOT, 0o644, ROOT), "he could put another file there");
        assert!(is_trusted(0o1777, ROOT, 0o664, ROOT), "he may be of the group");
        assert!(is_trusted(0o755, SOMEBODY, 0o644, ROOT));
        assert!(is_trusted(0o755, ROOT, 0o644, SOMEBODY));
        give(&sidecar, ROOT).unwrap();
        assert!(is_trusted(0o1777, SOMEBODY_ELSE, 0o644, SOMEBODY_ELSE), "root");
    }
}
