//! The name of the old database after the swap.
//!
//! Until the swap is committed, the backup has a fixed name, by which a recovery finds it. Then it
//! gets the requested name.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::maintenance::MaintenanceConnection;
use super::recovery_record::{self, RecoveryRecord};
use super::request::{Backup, Limits};
use super::sidecars;
use crate::files;
use crate::sqlite::utc_timestamp;
use crate::swap::steps::error::database::DatabaseProblem;
use crate::swap::steps::error::{At, Result, Step, SwapError};
use crate::swap::steps::target::{Target, name_with};
use crate::swap::steps::{lock, rename, staging};

/// The prefix of the fixed name. The target's name follows.
const PREFIX: &str = ".swap-backup-";

/// The longest name of a database on common file systems, and the longest suffix of `numbered`, in
/// bytes.
const LONGEST_NAME: usize = 255 - "-journal".len();
const LONGEST_NUMBER: usize = "-999".len();

/// The fixed name of a target's backup.
pub fn unnamed(target: &Target) -> PathBuf {
    target.beside(PREFIX)
}

/// Fails if an earlier swap has left a backup that a recovery could not name. The backup of this
/// swap needs the same fixed name.
pub fn refuse_unnamed(target: &Target) -> Result<()> {
    let unnamed = unnamed(target);
    if exists(&unnamed) {
        let problem = DatabaseProblem::BackupUnnamed;
        return Err(SwapError::new(problem.into(), Step::Recover, &unnamed));
    }
    Ok(())
}

/// The backup's name. No file has this name now.
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

/// The name that the caller requested. Fails if the name cannot be used.
pub fn requested_name(path: &Path, target: &Target) -> Result<OsString> {
    let path = target.directory.join(path);
    let failure = |problem: DatabaseProblem| SwapError::new(problem.into(), Step::Backup, &path);
    let directory = path.parent().and_then(|directory| dunce::canonicalize(directory).ok());
    let name = path.file_name().ok_or_else(|| failure(DatabaseProblem::BackupNotBeside))?;
    if directory.as_ref() != Some(&target.directory) {
        return Err(failure(DatabaseProblem::BackupNotBeside));
    }
    if is_reserved(name, target) {
        return Err(failure(DatabaseProblem::BackupName));
    }
    if path.symlink_metadata().is_err() {
        files::check_name(&path)
            .map_err(|problem| SwapError::new(problem.into(), Step::Backup, &path))?;
    }
    match path.symlink_metadata() {
        Ok(_) => Err(failure(DatabaseProblem::BackupExists)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            match sidecars::existing(&path).next() {
                Some(sidecar) => Err(failure(DatabaseProblem::BackupSidecar(sidecar))),
                None => Ok(name.to_owned()),
            }
        }
        // For example, the name is too long. Report that now, not after the commit.
        Err(error) => Err(error).at(Step::Backup, &path),
    }
}

/// Whether a file of this name would be taken for a sidecar of the database, or for a leftover of a
/// swap.
fn is_reserved(name: &OsStr, target: &Target) -> bool {
    let database = target.path.file_name().unwrap_or_default();
    let is_sidecar = files::sidecars::of(&target.path).any(|path| path.file_name() == Some(name));
    let is_ours = [PREFIX, lock::PREFIX].iter().any(|prefix| name_with(prefix, database) == name);
    is_sidecar || is_ours || staging::kind_of_leftover(name, database).is_some()
}

/// Whether a record's name can have been written by a swap: a single component, and not reserved.
/// Any user who may write to the directory may have written the record.
fn is_valid_name(name: &OsStr, target: &Target) -> bool {
    let path = Path::new(name);
    path.file_name() == Some(name)
        && path.components().count() == 1
        && target.path.file_name() != Some(name)
        && !is_reserved(name, target)
}

/// Gives the backup its name, or removes it if the old database is still the target. Returns none
/// if there is no backup.
pub fn settle(
    target: &Target,
    record: Option<&RecoveryRecord>,
    limits: &Limits,
) -> Result<Option<Settled>> {
    let unnamed = unnamed(target);
    if !exists(&unnamed) {
        return remove_second_name(target, record);
    }
    if is_target_still_old(target, &unnamed, record, limits) {
        std::fs::remove_file(&unnamed).at(Step::Recover, &unnamed)?;
        return Ok(Some(Settled::Removed(unnamed)));
    }
    let name = match record.and_then(|record| record.backup.clone()) {
        Some(name) if is_valid_name(&name, target) => name,
        _ => dated(target, "backup"),
    };
    // If the name cannot be used or numbered, give the backup a name with the date instead.
    give_name(&unnamed, &name, target)
        .or_else(|_| give_name(&unnamed, &dated(target, "backup"), target))
        .map(|path| Some(Settled::Named(path)))
}

fn give_name(unnamed: &Path, name: &OsStr, target: &Target) -> Result<PathBuf> {
    let mut number = 1;
    loop {
        let path = target.directory.join(numbered(name, number));
        if number > 1 {
            files::check_name(&path)
                .map_err(|problem| SwapError::new(problem.into(), Step::Backup, &path))?;
        }
        number += 1;
        // SQLite would take the sidecars of this name for the backup's.
        if sidecars::existing(&path).next().is_some() {
            continue;
        }
        match rename::to_new_name(unnamed, &path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).at(Step::Backup, &path),
        }
    }
}

/// Removes a second name of the database, which a power cut may leave. One sync covers both the
/// rename and the naming of the backup. If only the backup's name reached the disk, it is another
/// name of the database, which was not replaced.
fn remove_second_name(target: &Target, record: Option<&RecoveryRecord>) -> Result<Option<Settled>> {
    let Some(name) = record.and_then(|record| record.backup.as_ref()) else { return Ok(None) };
    let path = target.directory.join(name);
    if !is_valid_name(name, target)
        || !exists(&path)
        || recovery_record::identity(&path) != recovery_record::identity(&target.path)
    {
        return Ok(None);
    }
    std::fs::remove_file(&path).at(Step::Recover, &path)?;
    Ok(Some(Settled::Removed(path)))
}

/// The result of `settle`.
#[derive(Debug, PartialEq, Eq)]
pub enum Settled {
    /// The backup has this name.
    Named(PathBuf),
    /// The backup was removed: it was another name of the database, or a copy of its present
    /// content.
    Removed(PathBuf),
}

/// Whether the target is still the old database. A swap by rename has committed if backup and
/// target are different files. A swap in place has committed if the database's `schema_version` has
/// increased, as each such copy does. If the database cannot be read, the backup is kept.
fn is_target_still_old(
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

/// An unused name that contains the time.
pub fn dated(target: &Target, what: &str) -> OsString {
    let end = format!(".{what}-{}", timestamp(SystemTime::now()));
    let mut name = shortened(target.path.file_name().unwrap_or_default(), end.len());
    name.push(end);
    let mut number = 1;
    let is_free = |path: PathBuf| !exists(&path) && sidecars::existing(&path).next().is_none();
    while !is_free(target.directory.join(numbered(&name, number))) {
        number += 1;
    }
    numbered(&name, number)
}

/// The beginning of a name, shortened to leave `room` bytes and space for a number.
fn shortened(name: &OsStr, room: usize) -> OsString {
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

fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// The time in UTC, in a form that sorts and is valid on every file system.
fn timestamp(time: SystemTime) -> String {
    utc_timestamp(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn timestamps_match_the_calendar() {
        let at = |seconds| timestamp(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "19700101T000000Z");
        assert_eq!(at(951_782_400), "20000229T000000Z");
        assert_eq!(at(1_709_251_199), "20240229T235959Z");
        assert_eq!(at(1_767_323_045), "20260102T030405Z");
        assert_eq!(at(4_107_542_400), "21000301T000000Z");
    }

    #[test]
    fn a_name_must_be_unused_and_in_the_databases_directory() {
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
        // The -wal of a deleted database. A connection on the backup would read it.
        std::fs::write(folder.path().join("gone.db-wal"), "").unwrap();
        assert_eq!(code(Path::new("gone.db")), "BACKUP_EXISTS");
        let first = name(&Backup::Pattern, &target, (1, 2)).unwrap().unwrap();
        std::fs::write(folder.path().join(&first), "").unwrap();
        assert_ne!(name(&Backup::Pattern, &target, (1, 2)).unwrap().unwrap(), first);
        assert!(first.to_str().unwrap().starts_with("a.db.v1-v2-2"), "{first:?}");
    }
}
