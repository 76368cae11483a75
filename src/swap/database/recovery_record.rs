//! The recovery record: some lines in the lock file that a recovery needs if this swap is killed.
//!
//! The record and the lock file's name are synced before the swap takes a step that a recovery must
//! undo. Otherwise a power cut could leave the effect of the step without the record. The record is
//! removed only once a recovery is no longer needed.

use std::ffi::OsString;
use std::path::Path;
#[cfg(unix)]
use std::time::UNIX_EPOCH;

use crate::failpoints::{Safeguard, is_removed};
use crate::swap::steps::durability::{self, Durability};
use crate::swap::steps::error::{At, Result, Step};
use crate::swap::steps::lock::{self, TargetLock};
use crate::swap::steps::target::Target;

const FIRST_LINE: &str = "latchdb swap 1";
const LAST_LINE: &str = "\nend\n";

/// What a recovery must undo or finish.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveryRecord {
    /// The lasting identity of the old file, if it was in WAL mode before the swap.
    pub was_wal: Option<String>,
    /// The requested name of the backup, in the target's directory.
    pub backup: Option<OsString>,
    /// The old database's `schema_version`, if the new content is copied into the old file.
    pub in_place: Option<i64>,
}

impl RecoveryRecord {
    /// Appends the record to the lock file. If the write is interrupted, the previous record still
    /// counts.
    pub fn write(&self, lock: &mut TargetLock, target: &Target, sync: Durability) -> Result<()> {
        if is_removed(Safeguard::RecoveryRecord) {
            return Ok(());
        }
        lock.append_record(&self.to_bytes(), |file| durability::sync_file(file, sync))
            .at(Step::Lock, &target.beside(lock::PREFIX))?;
        durability::sync_directory(&target.directory, sync).at(Step::Lock, &target.directory)
    }

    /// The last complete record in the lock file. None if the swap was killed before it had written
    /// one; then it had not changed anything yet.
    pub fn read(lock: &TargetLock, target: &Target) -> Result<Option<Self>> {
        let bytes = lock.records().at(Step::Lock, &target.beside(lock::PREFIX))?;
        Ok(Self::last_of(&bytes))
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut lines = FIRST_LINE.as_bytes().to_vec();
        let mut line = |key: &str, value: &[u8]| {
            lines.push(b'\n');
            lines.extend_from_slice(key.as_bytes());
            lines.push(b'=');
            lines.extend(hex(value));
        };
        if let Some(file) = &self.was_wal {
            line("was_wal", file.as_bytes());
        }
        if let Some(backup) = &self.backup {
            line("backup", backup.as_encoded_bytes());
        }
        if let Some(version) = self.in_place {
            line("in_place", version.to_string().as_bytes());
        }
        lines.extend_from_slice(LAST_LINE.as_bytes());
        lines
    }

    fn last_of(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes);
        // The text before the first record is none. A record ends with its last line.
        let records = text.split(FIRST_LINE).skip(1);
        records.filter_map(|record| Self::parse(record.split_once(LAST_LINE)?.0)).last()
    }

    fn parse(lines: &str) -> Option<Self> {
        let mut record = Self::default();
        for (key, value) in lines.lines().filter_map(|line| line.split_once('=')) {
            let value = unhex(value)?;
            match key {
                "was_wal" => record.was_wal = Some(String::from_utf8(value).ok()?),
                "backup" => record.backup = Some(os_string(value)?),
                "in_place" => record.in_place = String::from_utf8(value).ok()?.parse().ok(),
                _ => {}
            }
        }
        Some(record)
    }
}

/// Identifies the file at this path among the files that exist now. Does not follow a symbolic
/// link.
#[cfg(unix)]
pub fn identity(path: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let found = std::fs::symlink_metadata(path).ok()?;
    Some(format!("{}:{}", found.dev(), found.ino()))
}

/// Identifies the file at this path among all files that had or will have this name. Does not
/// contain the device, whose number may change when the system restarts.
#[cfg(unix)]
pub fn lasting_identity(path: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let found = std::fs::symlink_metadata(path).ok()?;
    let born = found.created().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    Some(format!("{}:{}", found.ino(), born.map_or(0, |since| since.as_nanos())))
}

/// The same as [`identity`], which does not change on Windows.
#[cfg(windows)]
pub fn lasting_identity(path: &Path) -> Option<String> {
    identity(path)
}

/// Identifies the file at this path. Opens it only for its attributes, which conflicts with no
/// other handle.
#[cfg(windows)]
pub fn identity(path: &Path) -> Option<String> {
    use std::os::windows::fs::OpenOptionsExt;
    use std::os::windows::io::AsRawHandle;

    use windows_sys::Win32::Storage::FileSystem::{
        BY_HANDLE_FILE_INFORMATION, FILE_READ_ATTRIBUTES, GetFileInformationByHandle,
    };

    let mut options = std::fs::OpenOptions::new();
    let file = options.access_mode(FILE_READ_ATTRIBUTES).open(path).ok()?;
    let mut info = BY_HANDLE_FILE_INFORMATION::default();
    // SAFETY: the handle is open while `file` lives, and the structure outlives the call.
    if unsafe { GetFileInformationByHandle(file.as_raw_handle(), &raw mut info) } == 0 {
        return None;
    }
    Some(format!("{}:{}:{}", info.dwVolumeSerialNumber, info.nFileIndexHigh, info.nFileIndexLow))
}

/// Encodes a value, because a name may contain any byte, including line ends.
fn hex(bytes: &[u8]) -> impl Iterator<Item = u8> {
    let digit = |half: u8| b"0123456789abcdef"[usize::from(half)];
    bytes.iter().flat_map(move |byte| [digit(byte >> 4), digit(byte & 15)])
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let half = |digit: u8| u8::try_from(char::from(digit).to_digit(16)?).ok();
    let byte = |pair: &[u8]| match pair {
        &[high, low] => Some(half(high)? << 4 | half(low)?),
        _ => None,
    };
    text.as_bytes().chunks(2).map(byte).collect()
}

#[cfg(unix)]
fn os_string(bytes: Vec<u8>) -> Option<OsString> {
    Some(std::os::unix::ffi::OsStringExt::from_vec(bytes))
}

#[cfg(not(unix))]
fn os_string(bytes: Vec<u8>) -> Option<OsString> {
    String::from_utf8(bytes).ok().map(OsString::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_completely_or_not_at_all() {
        let record = RecoveryRecord {
            was_wal: Some("1:2".to_owned()),
            backup: Some("a name\nwith = lines".into()),
            in_place: Some(-3),
        };
        let bytes = record.to_bytes();
        assert_eq!(RecoveryRecord::last_of(&bytes).as_ref(), Some(&record));
        for length in 0..bytes.len() {
            assert_eq!(RecoveryRecord::last_of(&bytes[..length]), None, "cut off at {length}");
        }
        assert_eq!(
            RecoveryRecord::last_of(&RecoveryRecord::default().to_bytes()),
            Some(RecoveryRecord::default())
        );
        let wrong = String::from_utf8(bytes).unwrap().replace("backup=61", "backup=+1");
        assert_eq!(RecoveryRecord::last_of(wrong.as_bytes()), None);
    }

    #[test]
    fn a_truncated_record_leaves_the_previous_one_valid() {
        let first = RecoveryRecord { was_wal: Some("1".to_owned()), ..RecoveryRecord::default() };
        let second = RecoveryRecord { in_place: Some(7), ..first.clone() };
        let (before, after) = (first.to_bytes(), second.to_bytes());
        for length in 0..after.len() {
            let cut = [&before[..], &after[..length]].concat();
            assert_eq!(RecoveryRecord::last_of(&cut).as_ref(), Some(&first), "cut off at {length}");
            // A record that is appended after the truncated one is valid.
            let again = [&cut[..], &after[..]].concat();
            assert_eq!(
                RecoveryRecord::last_of(&again).as_ref(),
                Some(&second),
                "cut off at {length}"
            );
        }
    }

    #[test]
    fn a_lasting_identity_survives_a_rename() {
        let folder = tempfile::tempdir().unwrap();
        let (path, name) = (folder.path().join("a"), folder.path().join("b"));
        std::fs::write(&path, "1").unwrap();
        let known = lasting_identity(&path);
        assert!(known.is_some());
        std::fs::write(&path, "2").unwrap();
        std::fs::rename(&path, &name).unwrap();
        std::fs::write(&path, "3").unwrap();
        assert_eq!(lasting_identity(&name), known);
        assert_ne!(lasting_identity(&path), known);
    }
}
