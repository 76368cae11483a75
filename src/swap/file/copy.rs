//! Writing the staging file.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use crate::files::{Link, PlainFile, kind_name};
use crate::jobs::cancel::Cancel;
use crate::swap::steps::error::{At, Problem, Result, Step, SwapError};
use crate::swap::steps::target::refuse_open_database;

/// How many bytes are copied between two checks of the cancel flag. They take about 10 ms.
const PIECE: usize = 4 * 1024 * 1024;
/// The size of a read, if the system cannot copy inside the kernel.
const BUFFER: usize = 256 * 1024;

/// The file whose content is copied.
#[derive(Debug)]
pub struct Source<'a> {
    path: &'a Path,
    file: PlainFile,
    metadata: Metadata,
}

impl<'a> Source<'a> {
    /// Opens a regular file. Fails for a pipe or a device, without blocking.
    pub fn open(path: &'a Path) -> Result<Self> {
        let failure = |problem| Err(SwapError::new(problem, Step::Resolve, path));
        let found = match std::fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return failure(Problem::Missing("SOURCE_MISSING"));
            }
            found => found.at(Step::Resolve, path)?,
        };
        if !found.is_file() {
            return failure(Problem::NotAFile("SOURCE_NOT_A_FILE", kind_name(&found)));
        }
        refuse_open_database(path, Step::Resolve)?;
        let mut options = OpenOptions::new();
        options.read(true);
        let file = PlainFile::open(options, Link::Follow, path).at(Step::Resolve, path)?;
        let metadata = file.metadata().at(Step::Resolve, path)?;
        if !metadata.is_file() {
            return failure(Problem::NotAFile("SOURCE_NOT_A_FILE", kind_name(&metadata)));
        }
        Ok(Self { path, file, metadata })
    }

    /// The path.
    pub fn path(&self) -> &Path {
        self.path
    }

    /// The size at the time of the open, in bytes.
    pub fn len(&self) -> u64 {
        self.metadata.len()
    }

    /// The metadata at the time of the open.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Copies the whole file. Calls `wrote` with the number of bytes done.
    pub fn copy_to(
        &self,
        staging: &mut File,
        path: &Path,
        cancel: &Cancel,
        mut wrote: impl FnMut(u64),
    ) -> Result<u64> {
        let mut copier = Copier::new(&self.file);
        let mut done = 0;
        loop {
            cancel
                .check()
                .map_err(|reason| SwapError::new(Problem::Cancelled(reason), Step::Write, path))?;
            let piece = copier.copy_piece(staging).map_err(|failed| match failed {
                Failed::Reading(error) => {
                    SwapError::new(Problem::Io(error), Step::Write, self.path).while_reading()
                }
                Failed::Writing(error) => SwapError::new(Problem::Io(error), Step::Write, path),
            })?;
            if piece == 0 {
                break;
            }
            done += piece;
            wrote(done);
            // Stop here: a file that another program keeps appending to would be copied forever.
            if self.len() > 0 && done > self.len() {
                break;
            }
        }
        self.check_unchanged(done)?;
        Ok(done)
    }

    /// Fails if the source was written to during the copy, because the copy may mix old and new
    /// content.
    fn check_unchanged(&self, copied: u64) -> Result<()> {
        let now = self.file.metadata().at(Step::Write, self.path)?;
        // Files in /proc report a size of 0, even if they have content.
        let has_its_size = copied == now.len() || now.len() == 0;
        let is_same = now.len() == self.metadata.len()
            && now.modified().ok() == self.metadata.modified().ok();
        if has_its_size && is_same && !was_touched(&self.metadata, &now) {
            return Ok(());
        }
        Err(SwapError::new(Problem::SourceChanged, Step::Write, self.path).while_reading())
    }
}

/// Whether a file was changed, even if its modification time was reset. Linking, unlinking and
/// replacing a file also set the change time, but do not change the content; the link count reveals
/// them.
#[cfg(unix)]
fn was_touched(before: &Metadata, now: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    let changed = |metadata: &Metadata| (metadata.ctime(), metadata.ctime_nsec());
    before.nlink() == now.nlink() && changed(before) != changed(now)
}

#[cfg(not(unix))]
fn was_touched(_: &Metadata, _: &Metadata) -> bool {
    false
}

/// The side on which a copy failed.
enum Failed {
    Reading(io::Error),
    Writing(io::Error),
}

struct Copier<'a> {
    source: &'a File,
    /// Allocated once the system cannot copy between these files inside the kernel.
    buffer: Vec<u8>,
}

impl<'a> Copier<'a> {
    fn new(source: &'a File) -> Self {
        Self { source, buffer: Vec::new() }
    }

    /// Copies a piece. Returns 0 at the end.
    fn copy_piece(&mut self, staging: &mut File) -> std::result::Result<u64, Failed> {
        #[cfg(target_os = "linux")]
        if self.buffer.is_empty() {
            match copy_in_kernel(self.source, staging).map_err(Failed::Writing)? {
                Some(copied) if copied > 0 => return Ok(copied),
                // The call also returns 0 for files in /proc, which may still have content to read.
                _ => {}
            }
        }
        self.buffer.resize(BUFFER, 0);
        let mut copied = 0;
        while copied < PIECE {
            let read = match self.source.read(&mut self.buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Failed::Reading(error)),
            };
            // `write_all` continues after a short write.
            staging.write_all(&self.buffer[..read]).map_err(Failed::Writing)?;
            copied += read;
        }
        Ok(copied as u64)
    }
}

/// Copies with `copy_file_range(2)`, inside the kernel. A file system that can share blocks copies
/// no data. Returns none if the call does not support these files.
#[cfg(target_os = "linux")]
fn copy_in_kernel(source: &File, staging: &File) -> io::Result<Option<u64>> {
    use rustix::io::Errno;
    loop {
        match rustix::fs::copy_file_range(source, None, staging, None, PIECE) {
            Ok(copied) => return Ok(Some(copied as u64)),
            Err(Errno::INTR) => {}
            Err(
                Errno::XDEV
                | Errno::INVAL
                | Errno::NOSYS
                | Errno::OPNOTSUPP
                | Errno::PERM
                | Errno::BADF
                | Errno::TXTBSY
                | Errno::IO,
            ) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Writes bytes. Calls `wrote` with the number of bytes done.
pub fn write_bytes(
    bytes: &[u8],
    staging: &mut File,
    path: &Path,
    cancel: &Cancel,
    mut wrote: impl FnMut(u64),
) -> Result<()> {
    let mut done = 0;
    for piece in bytes.chunks(PIECE) {
        cancel
            .check()
            .map_err(|reason| SwapError::new(Problem::Cancelled(reason), Step::Write, path))?;
        staging.write_all(piece).at(Step::Write, path)?;
        done += piece.len() as u64;
        wrote(done);
    }
    Ok(())
}

/// Returns the metadata of the written file. Fails if its size is wrong.
pub fn check_size(staging: &File, path: &Path, written: u64) -> Result<Metadata> {
    let metadata = staging.metadata().at(Step::Write, path)?;
    let found = metadata.len();
    if found == written {
        return Ok(metadata);
    }
    Err(SwapError::new(Problem::SizeMismatch { written, found }, Step::Write, path))
}

/// Whether two readers return the same bytes. Returns false if the swap is cancelled.
pub fn same_bytes(mut one: impl Read, mut other: impl Read, cancel: &Cancel) -> io::Result<bool> {
    let (mut first, mut second) = (vec![0; BUFFER], vec![0; BUFFER]);
    loop {
        if cancel.check().is_err() {
            // The caller checks the flag again before its next step.
            return Ok(false);
        }
        let (read, also_read) = (fill(&mut one, &mut first)?, fill(&mut other, &mut second)?);
        if first[..read] != second[..also_read] {
            return Ok(false);
        }
        if read == 0 {
            return Ok(true);
        }
    }
}

/// Reads until the buffer is full or the reader is at its end.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::cancel::CancelReason;
    use std::fs;

    fn staging(folder: &tempfile::TempDir) -> (File, std::path::PathBuf) {
        let path = folder.path().join("staging");
        (OpenOptions::new().write(true).create_new(true).open(&path).unwrap(), path)
    }

    #[test]
    fn a_file_is_copied_in_full_and_in_pieces() {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("from");
        let content: Vec<u8> =
            (0..PIECE * 2 + 77).map(|i| u8::try_from(i % 251).unwrap()).collect();
        fs::write(&from, &content).unwrap();
        let (mut file, path) = staging(&folder);
        let mut reports = Vec::new();
        let source = Source::open(&from).unwrap();
        let copied = source
            .copy_to(&mut file, &path, &Cancel::default(), |done| reports.push(done))
            .unwrap();
        assert_eq!(copied, content.len() as u64);
        assert_eq!(reports.last(), Some(&copied));
        assert!(reports.len() >= 3);
        assert!(fs::read(&path).unwrap() == content);
        check_size(&file, &path, copied).unwrap();
        assert_eq!(check_size(&file, &path, copied + 1).unwrap_err().code(), "SIZE_MISMATCH");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_file_that_reports_size_zero_is_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let (mut file, path) = staging(&folder);
        let source = Source::open(Path::new("/proc/self/cmdline")).unwrap();
        assert_eq!(source.len(), 0);
        let copied = source.copy_to(&mut file, &path, &Cancel::default(), |_| {}).unwrap();
        assert!(copied > 0);
    }

    #[test]
    fn a_source_that_grows_or_is_written_to_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("from");
        fs::write(&from, vec![1; PIECE * 2]).unwrap();
        let (mut file, path) = staging(&folder);
        let source = Source::open(&from).unwrap();
        let grow = |_| {
            let mut file = OpenOptions::new().append(true).open(&from).unwrap();
            file.write_all(b"more").unwrap();
        };
        let error = source.copy_to(&mut file, &path, &Cancel::default(), grow).unwrap_err();
        assert_eq!(error.code(), "SOURCE_CHANGED");
    }

    #[test]
    fn a_source_with_a_reset_time_is_refused_and_a_replaced_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("from");
        let copy = |meanwhile: &dyn Fn()| {
            fs::write(&from, vec![1; PIECE * 2]).unwrap();
            // Wait for a tick of the clock that sets the files' times.
            std::thread::sleep(std::time::Duration::from_millis(20));
            let (mut file, path) = staging(&folder);
            let source = Source::open(&from).unwrap();
            let copied = source.copy_to(&mut file, &path, &Cancel::default(), |_| meanwhile());
            fs::remove_file(path).unwrap();
            copied.map_err(|error| error.code())
        };
        let rewritten = copy(&|| {
            let mut file = OpenOptions::new().write(true).open(&from).unwrap();
            let modified = file.metadata().unwrap().modified().unwrap();
            file.write_all(b"2").unwrap();
            file.set_modified(modified).unwrap();
        });
        assert_eq!(rewritten.err(), cfg!(unix).then_some("SOURCE_CHANGED"));
        let replaced = copy(&|| {
            fs::write(folder.path().join("new"), "new").unwrap();
            fs::rename(folder.path().join("new"), &from).unwrap();
        });
        assert_eq!(replaced, Ok(PIECE as u64 * 2));
    }

    #[test]
    fn a_copy_is_cancelled_between_two_pieces() {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("from");
        fs::write(&from, vec![1; PIECE * 4]).unwrap();
        let (mut file, path) = staging(&folder);
        let cancel = Cancel::default();
        let source = Source::open(&from).unwrap();
        let stop = |_| cancel.raise(CancelReason::Aborted);
        let error = source.copy_to(&mut file, &path, &cancel, stop).unwrap_err();
        assert_eq!(error.code(), "ABORTED");
        assert_eq!(fs::metadata(&path).unwrap().len(), PIECE as u64);
    }

    #[test]
    #[cfg(unix)]
    fn a_pipe_or_a_device_is_no_source() {
        let folder = tempfile::tempdir().unwrap();
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{CWD, FileType, Mode, mknodat};
            let pipe = folder.path().join("pipe");
            mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
            assert_eq!(Source::open(&pipe).unwrap_err().code(), "SOURCE_NOT_A_FILE");
        }
        let error = Source::open(Path::new("/dev/zero")).unwrap_err();
        assert_eq!(error.code(), "SOURCE_NOT_A_FILE");
        assert_eq!(Source::open(folder.path()).unwrap_err().code(), "SOURCE_NOT_A_FILE");
        let error = Source::open(&folder.path().join("none")).unwrap_err();
        assert_eq!(error.code(), "SOURCE_MISSING");
    }

    #[test]
    fn every_byte_is_compared() {
        let (cancel, long) = (Cancel::default(), vec![7; BUFFER + 5]);
        let same = |one: &[u8], other: &[u8]| same_bytes(one, other, &cancel).unwrap();
        assert!(same(b"", b""));
        assert!(same(&long, &long.clone()));
        assert!(!same(&long, &long[1..]));
        let mut other = long.clone();
        other[BUFFER + 4] = 8;
        assert!(!same(&long, &other));
    }
}
