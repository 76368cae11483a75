//! Whether a file with the name of one of our lock files, or of one of SQLite's sidecars, is
//! trusted.
//!
//! These names are predictable. A user who may only create files in the directory could put another
//! file there, or a link to one. We or SQLite would then write to it, truncate it, or read it into
//! the database. A file is therefore trusted only if
//!
//! - it is a regular file, not a symbolic link;
//! - it has one name, because writing to it would otherwise change another file. A sidecar may have
//!   several names (`cp -al` copies by hard links) if it has the database's owner and group and
//!   begins with SQLite's magic;
//! - its owner could do the same harm without it: root, the process's effective user, the owner of
//!   the directory, or the owner of the file that it is for. Any owner is trusted if others may
//!   write to that file, or may replace it: the directory is writable for group or others, and not
//!   sticky (`unlink(2)`).

use std::os::fd::BorrowedFd;
use std::path::Path;

use rustix::fs::{FileType, Mode, Stat, lstat, stat};
use rustix::io::pread;
use rustix::process::geteuid;

use super::refusal::Refusal;
use super::sidecars;

const ROOT: u32 = 0;

/// The length of the longest magic of a sidecar, in bytes.
const LONGEST_BEGINNING: usize = 8;

const PERMISSIONS: Mode = Mode::RWXU.union(Mode::RWXG).union(Mode::RWXO);

/// Write permission for group or others.
const WRITABLE_FOR_OTHERS: Mode = Mode::WGRP.union(Mode::WOTH);

/// Checks that the file can be trusted as a lock file of the file at the path `target`.
pub fn check_lock_file(found: &Stat, target: &Path) -> Result<(), Refusal> {
    check_regular(found)?;
    check_owner(found, target)?;
    match links(found) {
        // 0 means that the file was removed after it was opened.
        0 | 1 => Ok(()),
        links => Err(Refusal::HardLink(links)),
    }
}

/// Checks that the file can be trusted as a sidecar of the database. For a file with several names,
/// the caller must also check the content ([`check_content`]).
pub fn check_sidecar(found: &Stat, database: &Path) -> Result<(), Refusal> {
    check_regular(found)?;
    check_owner(found, database)?;
    match links(found) {
        0 | 1 => Ok(()),
        _ if is_of_same_owner(found, database) => Ok(()),
        links => Err(Refusal::HardLink(links)),
    }
}

/// Checks the content of a sidecar that has several names. SQLite overwrites a sidecar, so that it
/// must begin with SQLite's magic. SQLite gives an empty one the database's permissions, so that it
/// must have them already.
pub fn check_content(file: BorrowedFd<'_>, found: &Stat, path: &Path) -> Result<(), Refusal> {
    let links = links(found);
    if links <= 1 {
        return Ok(());
    }
    let mut beginning = [0; LONGEST_BEGINNING];
    let read = pread(file, &mut beginning[..], 0).unwrap_or(0);
    if sidecars::begins_like_one(path, &beginning[..read])
        && (read > 0 || has_permissions_of_database(found, path))
    {
        return Ok(());
    }
    Err(Refusal::HardLink(links))
}

fn has_permissions_of_database(found: &Stat, sidecar: &Path) -> bool {
    let permissions = |found: &Stat| Mode::from_raw_mode(found.st_mode) & PERMISSIONS;
    sidecars::database_of(sidecar)
        .and_then(|database| lstat(&database).ok())
        .is_some_and(|database| permissions(&database) == permissions(found))
}

fn is_of_same_owner(found: &Stat, database: &Path) -> bool {
    lstat(database)
        .is_ok_and(|database| (database.st_uid, database.st_gid) == (found.st_uid, found.st_gid))
}

fn links(found: &Stat) -> u64 {
    #[allow(clippy::useless_conversion, reason = "its type differs between systems")]
    u64::from(found.st_nlink)
}

fn check_owner(found: &Stat, beside: &Path) -> Result<(), Refusal> {
    if is_trusted(found.st_uid, beside) { Ok(()) } else { Err(Refusal::Owner(found.st_uid)) }
}

/// Checks that the file is a regular file. A file that the user has named needs no further check.
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
    use std::os::fd::AsFd;

    const OTHER_USER: u32 = 65_534;
    const THIRD_USER: u32 = 65_533;

    #[test]
    fn hard_links_and_special_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let look = |name: &str| check_lock_file(&lstat(path(name)).unwrap(), &path("a.db"));
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
    fn a_sidecar_with_several_names_must_have_its_magic() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let version = 3_007_000_u32.to_ne_bytes();
        for (name, content, is_one) in [
            ("a.db-wal", &b"\x37\x7f\x06\x82more"[..], true),
            ("a.db-wal", b"", true),
            ("a.db-wal", b"precious", false),
            ("a.db-wal", b"\0\0\0\0\0\0\0\0", false),
            ("a.db-shm", &version, true),
            ("a.db-shm", b"precious", false),
            ("a.db-journal", b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", true),
            // journal_mode = persist leaves a journal like this one.
            ("a.db-journal", b"\0\0\0\0\0\0\0\0", true),
            ("a.db-journal", b"\0", false),
            ("a.db-journal", b"\x37\x7f\x06\x82more", false),
        ] {
            fs::write(path("a.db"), "").unwrap();
            fs::write(path("victim"), content).unwrap();
            fs::hard_link(path("victim"), path(name)).unwrap();
            let found = lstat(path(name)).unwrap();
            let file = fs::File::open(path(name)).unwrap();
            let is_taken = check_sidecar(&found, &path("a.db"))
                .and_then(|()| check_content(file.as_fd(), &found, &path(name)));
            assert_eq!(is_taken.is_ok(), is_one, "{name} {content:?}");
            if content.is_empty() {
                chmod(path("a.db"), Mode::from_raw_mode(0o600)).unwrap();
                let is_taken = check_content(file.as_fd(), &found, &path(name));
                assert!(is_taken.is_err(), "its permissions would be changed");
            }
            fs::remove_file(path(name)).unwrap();
            fs::remove_file(path("victim")).unwrap();
            fs::remove_file(path("a.db")).unwrap();
        }
    }

    #[test]
    fn another_owner_is_trusted_if_it_could_change_the_file_itself() {
        let folder = tempfile::tempdir().unwrap();
        let (target, sidecar) = (folder.path().join("a.db"), folder.path().join("a.db-wal"));
        fs::write(&target, "").unwrap();
        fs::write(&sidecar, "").unwrap();
        let give = |path: &Path, owner| chown(path, Some(Uid::from_raw(owner)), None::<Gid>);
        if give(&sidecar, OTHER_USER).is_err() {
            eprintln!("skipped: only root gives files away");
            return;
        }
        let is_trusted = |directory: u16, of_directory, file: u16, of_file| {
            chmod(folder.path(), Mode::from_raw_mode(directory.into())).unwrap();
            chmod(&target, Mode::from_raw_mode(file.into())).unwrap();
            give(folder.path(), of_directory).unwrap();
            give(&target, of_file).unwrap();
            check_sidecar(&lstat(&sidecar).unwrap(), &target).is_ok()
        };
        assert!(!is_trusted(0o755, ROOT, 0o644, ROOT));
        assert!(!is_trusted(0o1777, THIRD_USER, 0o644, THIRD_USER), "sticky");
        assert!(is_trusted(0o777, ROOT, 0o644, ROOT), "the owner could replace the file");
        assert!(is_trusted(0o1777, ROOT, 0o664, ROOT), "the owner may be in the group");
        assert!(is_trusted(0o755, OTHER_USER, 0o644, ROOT));
        assert!(is_trusted(0o755, ROOT, 0o644, OTHER_USER));
        give(&sidecar, ROOT).unwrap();
        assert!(is_trusted(0o1777, THIRD_USER, 0o644, THIRD_USER), "root");
    }
}
