//! What a recovery must know, should this swap be killed: a few lines in the lock file.
//!
//! It is on the disk, with the lock file's name, before anything is done that it undoes: else a power
//! cut could leave the deed without the note. It is forgotten only when that is done for good.

use std::ffi::OsString;
use std::path::Path;

use crate::saboteur::{Sabotage, has_taken_out};
use crate::swap::durability::{self, Durability};
use crate::swap::error::{At, Result, Step};
use crate::swap::lock::TargetLock;
use crate::swap::target::Target;

const FIRST_LINE: &str = "latchdb swap 1";
const LAST_LINE: &str = "end";

/// See the module's own text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Note {
    /// The old file is no longer in WAL mode, but was: which file that is.
    pub was_wal: Option<String>,
    /// What the backup is to be called, in the target's directory.
    pub backup: Option<OsString>,
    /// The new database is copied into the old file, whose `schema_version` is this until then.
    pub in_place: Option<i64>,
}

impl Note {
    /// Writes it into the lock file.
    pub fn write(&self, lock: &mut TargetLock, target: &Target, sync: Durability) -> Result<()> {
        if has_taken_out(Sabotage::SkipNote) {
            return Ok(());
        }
        lock.write_note(&self.to_bytes(), |file| durability::sync_file(file, sync))
            .at(Step::Lock, &target.path)?;
        durability::sync_directory(&target.directory, sync).at(Step::Lock, &target.directory)
    }

    /// The one in the lock file. None where its writer was killed before the last line: then he had
    /// done nothing yet.
    pub fn read(lock: &TargetLock, target: &Target) -> Result<Option<Self>> {
        lock.note().at(Step::Lock, &target.path).map(|bytes| Self::parse(&bytes))
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
        lines.push(b'\n');
        lines.extend_from_slice(LAST_LINE.as_bytes());
        lines
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let lines = text.strip_prefix(FIRST_LINE)?.strip_suffix(LAST_LINE)?.lines();
        let mut note = Self::default();
        for (key, value) in lines.filter_map(|line| line.split_once('=')) {
            let value = unhex(value)?;
            match key {
                "was_wal" => note.was_wal = Some(String::from_utf8(value).ok()?),
                "backup" => note.backup = Some(os_string(value)?),
                "in_place" => note.in_place = String::from_utf8(value).ok()?.parse().ok(),
                _ => {}
            }
        }
        Some(note)
    }
}

/// What tells the file at this path from every other: a link to it is not followed.
#[cfg(unix)]
pub fn identity(path: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let found = std::fs::symlink_metadata(path).ok()?;
    Some(format!("{}:{}", found.dev(), found.ino()))
}

/// What tells the file at this path from every other. It is opened for its attributes alone, which is
/// in nobody's way.
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
    // SAFETY: the handle is open as long as `file`, and the structure lives as long as the call.
    if unsafe { GetFileInformationByHandle(file.as_raw_handle(), &raw mut info) } == 0 {
        return None;
    }
    Some(format!("{}:{}:{}", info.dwVolumeSerialNumber, info.nFileIndexHigh, info.nFileIndexLow))
}

/// Names may hold anything, line ends too.
fn hex(bytes: &[u8]) -> impl Iterator<Item = u8> {
    let digit = |half: u8| b"0123456789abcdef"[usize::from(half)];
    bytes.iter().flat_map(move |byte| [digit(byte >> 4), digit(byte & 15)])
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
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
    fn a_note_is_read_as_it_was_written_or_not_at_all() {
        let note = Note {
            was_wal: Some("1:2".to_owned()),
            backup: Some("a name\nwith = lines".into()),
            in_place: Some(-3),
        };
        let bytes = note.to_bytes();
        assert_eq!(Note::parse(&bytes).as_ref(), Some(&note));
        for length in 0..bytes.len() {
            assert_eq!(Note::parse(&bytes[..length]), None, "cut off at {length}");
        }
        assert_eq!(Note::parse(&Note::default().to_bytes()), Some(Note::default()));
    }
}
