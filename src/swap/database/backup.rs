//! What the old database is called afterwards.
//!
//! Until the swap is committed it has a fixed name, by which a recovery knows it; only then the name
//! that was asked for.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::maintenance::MaintenanceConnection;
use super::recovery_record::{self, RecoveryRecord};
use super::request::{Backup, Limits};
use super::write_lock::sidecars;
use crate::files;
use crate::sqlite::utc_timestamp;
use crate::swap::error::database::DatabaseProblem;
use crate::swap::error::{At, Result, Step, SwapError};
use crate::swap::target::{Target, name_with};
use crate::swap::{lock, rename, staging};

/// The fixed name: this and the target's.
const PREFIX: &str = ".swap-backup-";

/// How long a name may be on common file systems, and what `numbered` appends, in bytes.
const LONGEST_NAME: usize = 255;
const LONGEST_NUMBER: usize = "-999".len();

/// The fixed name of a target's backup.
pub fn unnamed(target: &Target) -> PathBuf {
    target.beside(PREFIX)
}

/// An error where there still is one that an earlier swap has left, and a recovery could not name: this
/// swap's would have to take its place.
pub fn refuse_unnamed(target: &Target) -> Result<()> {
    let unnamed = unnamed(target);
    if is_there(&unnamed) {
        let problem = DatabaseProblem::BackupUnnamed;
        return Err(SwapError::new(problem.into(), Step::Recover, &unnamed));
    }
    Ok(())
}

/// What it is to be called, which nothing else is called now.
pub fn name(backup: &Backup, target: &Target, versions: (i64, i64)) -> Result<Option<OsString>> {
    match backup {
        Backup::None => Ok(None),
        Backup::Pattern => {
            let (old, new) = versions;
            Ok(Some(dated(target, &format!("v{old}-v{new}"))))
        }
        Backup::Named(path) => requested_name(path, target).map(Some),
    }
}

/// The name that the caller asked for: an error where it cannot be had.
pub fn requested_name(path: &Path, target: &Target) -> Result<OsString> {
    let path = target.directory.join(path);
    let wrong = |problem: DatabaseProblem| SwapError::new(problem.into(), Step::Backup, &path);
    let directory = path.parent().and_then(|directory| dunce::canonicalize(directory).ok());
    let name = path.file_name().ok_or_else(|| wrong(DatabaseProblem::BackupNotBeside))?;
    if directory.as_ref() != Some(&target.directory) {
        return Err(wrong(DatabaseProblem::BackupNotBeside));
    }
    if is_taken(name, target) {
        return Err(wrong(DatabaseProblem::BackupName));
    }
    match path.symlink_metadata() {
        Ok(_) => Err(wrong(DatabaseProblem::BackupExists)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => match sidecars(&path).next() {
            Some(sidecar) => Err(wrong(DatabaseProblem::BackupSidecar(sidecar))),
            None => Ok(name.to_owned()),
        },
        // A name that is too long, for example: not only once the swap is committed.
        Err(error) => Err(error).at(Step::Backup, &path),
    }
}

/// Whether SQLite takes a file of this name beside the database for a part of it, or we take it for a
/// leftover.
fn is_taken(name: &OsStr, target: &Target) -> bool {
    let database = target.path.file_name().unwrap_or_default();
    let is_sidecar = files::sidecars::of(&target.path).any(|path| path.file_name() == Some(name));
    let is_ours = [PREFIX, lock::PREFIX].iter().any(|prefix| name_with(prefix, database) == name);
    is_sidecar || is_ours || staging::kind_of_leftover(name, database).is_some()
}

/// Whether a record's name is one that a swap can have written: a name alone, and a free one. Whoever
/// may write to the directory may have written the record.
fn is_name(name: &OsStr, target: &Target) -> bool {
    let path = Path::new(name);
    path.file_name() == Some(name)
        && path.components().count() == 1
        && target.path.file_name() != Some(name)
        && !is_taken(name, target)
}

/// Gives the backup its name, or removes it where the old database has stayed. Answers where it is,
/// and whether it was there at all.
pub fn settle(
    target: &Target,
    record: Option<&RecoveryRecord>,
    limits: &Limits,
) -> Result<Option<Settled>> {
    let unnamed = unnamed(target);
    if !is_there(&unnamed) {
        return remove_second_name(target, record);
    }
    if has_old_stayed(target, &unnamed, record, limits) {
        std::fs::remove_file(&unnamed).at(Step::Recover, &unnamed)?;
        return Ok(Some(Settled::Removed(unnamed)));
    }
    let name = match record.and_then(|record| record.backup.clone()) {
        Some(name) if is_name(&name, target) => name,
        _ => dated(target, "backup"),
    };
    // A name that cannot be had, or cannot be numbered, is no reason to leave it without one.
    give_name(&unnamed, &name, target)
        .or_else(|_| give_name(&unnamed, &dated(target, "backup"), target))
        .map(|path| Some(Settled::Named(path)))
}

fn give_name(unnamed: &Path, name: &OsStr, target: &Target) -> Result<PathBuf> {
    let mut number = 1;
    loop {
        let path = target.directory.join(numbered(name, number));
        number += 1;
        // SQLite would take them for the backup's.
        if sidecars(&path).next().is_some() {
            continue;
        }
        match rename::to_new_name(unnamed, &path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).at(Step::Backup, &path),
        }
    }
}

/// The backup gets its name right after the rename, with one sync for both: a power cut may leave that
/// name alone, as another name of the database that has stayed.
fn remove_second_name(target: &Target, record: Option<&RecoveryRecord>) -> Result<Option<Settled>> {
    let Some(name) = record.and_then(|record| record.backup.as_ref()) else { return Ok(None) };
    let path = target.directory.join(name);
    if !is_name(name, target)
        || !is_there(&path)
        || recovery_record::identity(&path) != recovery_record::identity(&target.path)
    {
        return Ok(None);
    }
    std::fs::remove_file(&path).at(Step::Recover, &path)?;
    Ok(Some(Settled::Removed(path)))
}

/// What became of a backup.
#[derive(Debug, PartialEq, Eq)]
pub enum Settled {
    /// It has this name.
    Named(PathBuf),
    /// It was another name of the database itself, or a copy of what is still there.
    Removed(PathBuf),
}

/// A swap that renames has committed once the two are different files. One that copies leaves the
/// database's `schema_version` greater than it was, by SQLite's own counting; one that cannot be read
/// is no reason to remove a backup.
fn has_old_stayed(
    target: &Target,
    unnamed: &Path,
    record: Option<&RecoveryRecord>,
    limits: &Limits,
) -> bool {
    if recovery_record::identity(unnamed) == recovery_record::identity(&target.path) {
        return true;
    }
    let Some(before) = record.and_then(|record| record.in_place) else { return false };
    let now = MaintenanceConnection::open(&target.path, Step::Recover, limits)
        .and_then(|connection| connection.pragma::<i64>("schema_version"));
    now.is_ok_and(|now| now == before)
}

/// A name that nobody has, with the time.
fn dated(target: &Target, what: &str) -> OsString {
    let end = format!(".{what}-{}", timestamp(SystemTime::now()));
    let mut name = beginning(target.path.file_name().unwrap_or_default(), end.len());
    name.push(end);
    let mut number = 1;
    let is_free = |path: PathBuf| !is_there(&path) && sidecars(&path).next().is_none();
    while !is_free(target.directory.join(numbered(&name, number))) {
        number += 1;
    }
    numbered(&name, number)
}

/// As much of a name's beginning as leaves room for so many bytes, and a number.
fn beginning(name: &OsStr, room: usize) -> OsString {
    let most = LONGEST_NAME.saturating_sub(room + LONGEST_NUMBER);
    if name.len() <= most {
        return name.to_owned();
    }
    let text = name.to_string_lossy();
    let end = (0..=most).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    text[..end].into()
}

fn numbered(name: &OsStr, number: u32) -> OsString {
    let mut name = name.to_owned();
    if number > 1 {
        name.push(format!("-{number}"));
    }
    name
}

fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// The time in UTC: it sorts, and any file system can hold it.
fn timestamp(time: SystemTime) -> String {
    utc_timestamp(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn times_are_those_of_the_calendar() {
        let at = |seconds| timestamp(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "19700101T000000Z");
        assert_eq!(at(951_782_400), "20000229T000000Z");
        assert_eq!(at(1_709_251_199), "20240229T235959Z");
        assert_eq!(at(1_767_323_045), "20260102T030405Z");
        assert_eq!(at(4_107_542_400), "21000301T000000Z");
    }

    #[test]
    fn a_name_must_be_free_and_beside_the_database() {
        let folder = tempfile::tempdir().unwrap();
        let target = Target::resolve(&folder.path().join("a.db")).unwrap();
        let code = |path: &Path| requested_name(path, &target).unwrap_err().code();
        assert_eq!(requested_name(Path::new("old.db"), &target).unwrap(), "old.db");
        assert_eq!(requested_name(&folder.path().join("old.db"), &target).unwrap(), "old.db");
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        assert_eq!(code(&folder.path().join("sub/old.db")), "BACKUP_NOT_BESIDE");
        assert_eq!(code(Path::new("/")), "BACKUP_NOT_BESIDE");
        std::fs::write(folder.path().join("old.db"), "").unwrap();
        assert_eq!(code(Path::new("old.db")), "BACKUP_EXISTS");
        // Of a database that is gone: whoever opened the backup would read it.
        std::fs::write(folder.path().join("gone.db-wal"), "").unwrap();
        assert_eq!(code(Path::new("gone.db")), "BACKUP_EXISTS");
        let first = name(&Backup::Pattern, &target, (1, 2)).unwrap().unwrap();
        std::fs::write(folder.path().join(&first), "").unwrap();
        assert_ne!(name(&Backup::Pattern, &target, (1, 2)).unwrap().unwrap(), first);
        assert!(first.to_str().unwrap().starts_with("a.db.v1-v2-2"), "{first:?}");
    }
}
