//! Which files are taken for what their names say: lock files of ours, and what SQLite keeps beside a
//! database.
//!
//! Their names can be guessed. Somebody who may make files in the directory, and no more, could put
//! another file there, or a link to one: it would be written to, truncated, or read into the database.
//! So such a file counts only if it is
//!
//! - a regular file, no symbolic link;
//! - with one name: else another file's content would be changed. A sidecar may have more (`cp -al` makes
//!   copies of links) if it is of the database's owner and group, and begins as SQLite's do;
//! - of a user who could do the same without it: root, the process's own (effective) user, the owner of
//!   the directory, the owner of the file that it is for. Of any user, where others may write to that
//!   file, or may put another one in its place: the directory is writable for group or others, and not
//!   sticky (`unlink(2)`).

use std::os::fd::BorrowedFd;
use std::path::Path;

use rustix::fs::{FileType, Mode, Stat, lstat, stat};
use rustix::io::pread;
use rustix::process::geteuid;

use super::refusal::Refusal;
use super::sidecars;

const ROOT: u32 = 0;

/// As much of a sidecar as tells that it is one, in bytes.
const LONGEST_BEGINNING: usize = 8;

const PERMISSIONS: Mode = Mode::RWXU.union(Mode::RWXG).union(Mode::RWXO);

/// Group or others may write.
const WRITABLE_FOR_OTHERS: Mode = Mode::WGRP.union(Mode::WOTH);

/// Takes it for a lock file of the file at the path `target`; or says why not.
pub fn check_lock_file(found: &Stat, target: &Path) -> Result<(), Refusal> {
    check_regular(found)?;
    check_owner(found, target)?;
    match links(found) {
        // 0: it was removed since it was opened.
        0 | 1 => Ok(()),
        links => Err(Refusal::HardLink(links)),
    }
}

/// Takes it for a sidecar of a database; or says why not. One that has several names is one only if its
/// content is that of one, too.
pub fn check_sidecar(found: &Stat, database: &Path) -> Result<(), Refusal> {
    check_regular(found)?;
    check_owner(found, database)?;
    match links(found) {
        0 | 1 => Ok(()),
        _ if is_of_same_owner(found, database) => Ok(()),
        links => Err(Refusal::HardLink(links)),
    }
}

/// Whether a sidecar that is open to be read is one by its content, too, where it has several names: SQLite
/// writes over it, and gives an empty one the permissions of its database.
pub fn check_content(file: BorrowedFd<'_>, found: &Stat, path: &Path) -> Result<(), Refusal> {
    let links = links(found);
    if links <= 1 {
        return Ok(());
    }
    let mut beginning = [0; LONGEST_BEGINNING];
    let read = pread(file, &mut beginning[..], 0).unwrap_or(0);
    if sidecars::begins_like_one(path, &beginning[..read]) && (read > 0 || is_as_made(found, path))
    {
        return Ok(());
    }
    Err(Refusal::HardLink(links))
}

fn is_as_made(found: &Stat, sidecar: &Path) -> bool {
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
    use std::os::fd::AsFd;

    const SOMEBODY: u32 = 65_534;
    const SOMEBODY_ELSE: u32 = 65_533;

    #[test]
    fn links_and_what_is_no_regular_file_are_refused() {
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
    fn a_sidecar_with_several_names_is_one_by_its_content() {
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
            // As journal_mode = persist leaves it.
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
            check_sidecar(&lstat(&sidecar).unwrap(), &target).is_ok()
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
