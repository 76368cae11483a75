//! Runs one swap of a target at a time, by a queue inside this process and a lock file between
//! processes.
//!
//! The lock file exists in the target's directory while a swap runs. The system's lock on the file
//! decides, not its existence: the system releases the lock when the process ends, even if it is
//! killed. A swap that ends normally removes the file. An unlocked lock file therefore means that
//! its process was killed. The file holds that swap's recovery record, and is kept until a recovery
//! has done what the record asks for.
//!
//! Another user may have put a different file under this name. The file is therefore checked before
//! it is used, and a file that is not ours is left unchanged.

#[cfg(test)]
mod tests;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use super::error::{At, Problem, Result, Step, SwapError};
use super::target::Target;
use crate::failpoints::{Safeguard, is_removed};
use crate::jobs::backoff::Backoff;
use crate::jobs::cancel::{Cancel, CancelReason};
use crate::sync::{Mutex, MutexGuard, lock};

#[cfg(unix)]
use unix::LockFile;
#[cfg(windows)]
use windows::LockFile;

/// The prefix of a lock file's name. The target's name follows.
pub const PREFIX: &str = ".swap-lock-";

/// How many bytes of a lock file are read. A swap writes at most two records.
const MOST_RECORD_BYTES: u64 = 64 * 1024;

/// The first and the longest pause between two attempts to lock a file that another process has
/// locked.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// The lock of one target. Dropping it releases the lock.
#[derive(Debug)]
pub struct TargetLock {
    // The fields are dropped in this order: first the lock file, then the place in the queue.
    file: Option<LockFile>,
    _entry: QueueEntry,
    has_waited: bool,
}

impl TargetLock {
    /// Waits for the lock, until it is free or the swap is cancelled.
    pub fn acquire(target: &Target, cancel: &Arc<Cancel>) -> Result<Self> {
        let path = target.beside(PREFIX);
        let cancelled =
            |reason| SwapError::new(Problem::Cancelled(reason), Step::Lock, &target.path);
        if is_removed(Safeguard::Lock) {
            let entry = QueueEntry { path: PathBuf::new(), number: 0 };
            return Ok(Self { file: None, _entry: entry, has_waited: false });
        }
        let entry = QueueEntry::join(path, cancel);
        let mut has_waited = !entry.is_first();
        entry.wait(cancel).map_err(cancelled)?;
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        loop {
            if let Some(file) =
                LockFile::try_lock(&entry.path, &target.path).at(Step::Lock, &entry.path)?
            {
                return Self::with(file, entry, has_waited);
            }
            has_waited = true;
            cancel.sleep(backoff.pause()).map_err(cancelled)?;
        }
    }

    /// Takes the lock if no swap holds it or waits for it.
    pub fn try_acquire(target: &Target) -> Result<Option<Self>> {
        let entry = QueueEntry::join(target.beside(PREFIX), &Arc::default());
        if !entry.is_first() {
            return Ok(None);
        }
        match LockFile::try_lock(&entry.path, &target.path).at(Step::Lock, &entry.path)? {
            Some(file) => Self::with(file, entry, false).map(Some),
            None => Ok(None),
        }
    }

    /// Whether a swap holds the lock. Leaves an unlocked lock file unchanged.
    pub fn is_held(target: &Target) -> Result<bool> {
        let Some(mut lock) = Self::try_acquire(target)? else { return Ok(true) };
        if let Some(file) = &mut lock.file {
            file.keep = true;
        }
        Ok(false)
    }

    fn with(mut file: LockFile, entry: QueueEntry, has_waited: bool) -> Result<Self> {
        // A file with records is from a killed swap. It is kept until a recovery has done its work.
        file.keep = file.handle().metadata().at(Step::Lock, &entry.path)?.len() > 0;
        Ok(Self { file: Some(file), _entry: entry, has_waited })
    }

    /// Whether another swap held the lock first. The target may have changed since.
    pub fn has_waited(&self) -> bool {
        self.has_waited
    }

    /// The bytes of the records in the lock file.
    pub fn records(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        if let Some(file) = &self.file {
            let mut handle = file.handle();
            handle.rewind()?;
            handle.take(MOST_RECORD_BYTES).read_to_end(&mut bytes)?;
        }
        Ok(bytes)
    }

    /// Appends to the lock file. From now on the file is kept when the lock is released.
    pub fn append_record(
        &mut self,
        bytes: &[u8],
        sync: impl Fn(&File) -> io::Result<()>,
    ) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        file.keep = true;
        let mut handle = file.handle();
        handle.seek(io::SeekFrom::End(0))?;
        handle.write_all(bytes)?;
        sync(handle)
    }

    /// Whether the lock file has a record whose work is not done.
    pub fn has_record(&self) -> bool {
        self.file.as_ref().is_some_and(|file| file.keep)
    }

    /// The work of all records is done. The lock file is removed when the lock is released.
    pub fn forget_records(&mut self) {
        if let Some(file) = &mut self.file {
            file.keep = false;
        }
    }

    /// The same, and empties the file for the swap that holds the lock.
    pub fn empty(&mut self) {
        self.forget_records();
        if let Some(file) = &self.file {
            // If this fails, a recovery reads the old records and finds that their work is done.
            let _ = file.handle().set_len(0);
        }
    }
}

/// A place in this process's queue for one lock file. Dropping it leaves the queue.
#[derive(Debug)]
struct QueueEntry {
    path: PathBuf,
    number: u64,
}

#[derive(Default)]
struct Queues {
    waiting: HashMap<PathBuf, VecDeque<(u64, Arc<Cancel>)>>,
    last: u64,
}

static QUEUES: LazyLock<Mutex<Queues>> = LazyLock::new(Mutex::default);

impl QueueEntry {
    /// Joins the end of the queue.
    fn join(path: PathBuf, cancel: &Arc<Cancel>) -> Self {
        let mut queues = lock_queues();
        queues.last += 1;
        let number = queues.last;
        queues.waiting.entry(path.clone()).or_default().push_back((number, Arc::clone(cancel)));
        Self { path, number }
    }

    fn wait(&self, cancel: &Cancel) -> std::result::Result<(), CancelReason> {
        cancel.wait_for(|| self.is_first().then_some(()))
    }

    fn is_first(&self) -> bool {
        let queues = lock_queues();
        let first = queues.waiting.get(&self.path).and_then(VecDeque::front);
        first.is_some_and(|(number, _)| *number == self.number)
    }
}

impl Drop for QueueEntry {
    fn drop(&mut self) {
        let mut queues = lock_queues();
        let Some(queue) = queues.waiting.get_mut(&self.path) else { return };
        queue.retain(|(number, _)| *number != self.number);
        let next = queue.front().map(|(_, cancel)| Arc::clone(cancel));
        if queue.is_empty() {
            queues.waiting.remove(&self.path);
        }
        drop(queues);
        if let Some(next) = next {
            next.wake();
        }
    }
}

fn lock_queues() -> MutexGuard<'static, Queues> {
    lock(&QUEUES)
}
