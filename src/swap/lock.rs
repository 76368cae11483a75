//! One swap of a target at a time: a queue in this process, a lock file between processes.
//!
//! The lock file is beside the target while a swap is under way. What counts is not that it is there
//! but the system's lock on it, which ends with its owner however that dies; whoever lets it go in
//! order removes it.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::cancel::Cancel;
use super::error::{At, CancelReason, Problem, Result, Step, SwapError};
use super::saboteur::{Sabotage, has_taken_out};
use super::target::Target;

/// `.swap-lock-` and the target's name.
const PREFIX: &str = ".swap-lock-";

/// How soon a lock that another process has is tried again, first and at last.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// The lock of one target. Dropping it lets it go.
#[derive(Debug)]
pub struct TargetLock {
    // In the order in which they are let go.
    _file: Option<platform::LockFile>,
    _place: Place,
    has_waited: bool,
}

impl TargetLock {
    /// Waits for the lock, as long as it takes.
    pub fn acquire(target: &Target, cancel: &Arc<Cancel>) -> Result<Self> {
        let path = target.beside(PREFIX);
        let cancelled =
            |reason| SwapError::new(Problem::Cancelled(reason), Step::Lock, &target.path);
        if has_taken_out(Sabotage::SkipLock) {
            let place = Place { path: PathBuf::new(), number: 0 };
            return Ok(Self { _file: None, _place: place, has_waited: false });
        }
        let place = Place::take(path, cancel);
        let mut has_waited = !place.is_first();
        place.wait(cancel).map_err(cancelled)?;
        let mut pause = FIRST_PAUSE;
        loop {
            if let Some(file) =
                platform::LockFile::try_lock(&place.path).at(Step::Lock, &place.path)?
            {
                return Ok(Self { _file: Some(file), _place: place, has_waited });
            }
            has_waited = true;
            cancel.sleep(pause).map_err(cancelled)?;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Whether somebody else had it first: much may be different since.
    pub fn has_waited(&self) -> bool {
        self.has_waited
    }
}

/// A place in this process' queue for one lock file.
#[derive(Debug)]
struct Place {
    path: PathBuf,
    number: u64,
}

#[derive(Default)]
struct Queues {
    waiting: HashMap<PathBuf, VecDeque<(u64, Arc<Cancel>)>>,
    last: u64,
}

static QUEUES: LazyLock<Mutex<Queues>> = LazyLock::new(Mutex::default);

impl Place {
    /// Dropped where the wait is cancelled, it leaves the queue.
    fn take(path: PathBuf, cancel: &Arc<Cancel>) -> Self {
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

impl Drop for Place {
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
    QUEUES.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(unix)]
mod platform {
    use std::fs::{File, TryLockError};

    use rustix::fs::{Mode, OFlags, fchmod, fstat, open, stat};
    use rustix::io::Errno;

    use super::{Path, PathBuf, io};

    /// `flock(2)`: the lock belongs to our opening of the file and is gone with it.
    #[derive(Debug)]
    pub struct LockFile {
        path: PathBuf,
        _file: File,
    }

    impl LockFile {
        /// None where somebody else has it.
        pub fn try_lock(path: &Path) -> io::Result<Option<Self>> {
            let opened = open_lock_file(path)?;
            let locked = opened.file.try_lock();
            Self::new(path, opened, locked)
        }

        fn new(
            path: &Path,
            Opened { file, is_new }: Opened,
            locked: Result<(), TryLockError>,
        ) -> io::Result<Option<Self>> {
            match locked {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => {
                    // A file system without locks: what is ours does not stay. Where the locks have
                    // only run out (ENOLCK), one that was there may be locked.
                    if is_new {
                        let _ = std::fs::remove_file(path);
                    }
                    return Err(error);
                }
            }
            // Its last owner may have removed it between our opening it and our locking it: then
            // the next one makes and locks another file, and this lock would mean nothing.
            let (ours, named) = (fstat(&file)?, stat(path));
            let is_named =
                named.is_ok_and(|named| (named.st_dev, named.st_ino) == (ours.st_dev, ours.st_ino));
            // Whatever the umask: who may not open it could not wait for it. It stays empty.
            if is_new && Mode::from_raw_mode(ours.st_mode) & FOR_ALL != FOR_ALL {
                fchmod(&file, FOR_ALL)?;
            }
            Ok(is_named.then(|| Self { path: path.to_owned(), _file: file }))
        }
    }

    impl Drop for LockFile {
        fn drop(&mut self) {
            // Before the lock is let go. One that stays is locked and removed by the next swap.
            let _ = std::fs::remove_file(&self.path);
        }
    }

    struct Opened {
        file: File,
        /// Whether it was not there before.
        is_new: bool,
    }

    /// Its owner writes, all others read: also those who lock it.
    const FOR_ALL: Mode = Mode::RUSR.union(Mode::WUSR).union(Mode::RGRP).union(Mode::ROTH);

    /// For writing where that is allowed (NFS locks nothing else), and another user's for reading.
    fn open_lock_file(path: &Path) -> io::Result<Opened> {
        let flags = OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let new = flags | OFlags::RDWR | OFlags::CREATE;
        match open(path, new | OFlags::EXCL, FOR_ALL) {
            Err(Errno::EXIST) => {}
            Err(refused) => return Err(refused.into()),
            Ok(file) => return Ok(Opened { file: file.into(), is_new: true }),
        }
        let file = match open(path, new, FOR_ALL) {
            Err(Errno::ACCESS) => {
                let to_read = open(path, flags | OFlags::RDONLY, Mode::empty());
                to_read.map_err(|_| Errno::ACCESS)?
            }
            opened => opened?,
        };
        Ok(Opened { file: file.into(), is_new: false })
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_lock_file_of_ours_does_not_stay_where_there_are_no_locks() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("lock");
            let fail = |opened| {
                let error = TryLockError::Error(Errno::NOLCK.into());
                LockFile::new(&path, opened, Err(error)).unwrap_err()
            };
            let first = open_lock_file(&path).unwrap();
            let second = open_lock_file(&path).unwrap();
            assert!(first.is_new && !second.is_new);
            fail(second);
            assert!(path.exists(), "somebody else's");
            fail(first);
            assert!(!path.exists());
        }

        #[test]
        fn who_is_somebody_else_can_wait_for_it() {
            use rustix::fs::chmod;
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("lock");
            let mode = || Mode::from_raw_mode(stat(&path).unwrap().st_mode) & FOR_ALL;
            let opened = open_lock_file(&path).unwrap();
            // As a umask of 077 makes it, which would be one for all threads of the tests.
            chmod(&path, Mode::RUSR | Mode::WUSR).unwrap();
            let locked = opened.file.try_lock();
            let lock = LockFile::new(&path, opened, locked).unwrap();
            assert_eq!(mode(), FOR_ALL);
            drop(lock);
        }
    }
}

#[cfg(windows)]
mod platform {
    use std::fs::{File, OpenOptions};
    use std::os::windows::fs::OpenOptionsExt;

    use windows_sys::Win32::Foundation::{
        ERROR_ACCESS_DENIED, ERROR_DELETE_PENDING, ERROR_SHARING_VIOLATION,
    };
    use windows_sys::Win32::Storage::FileSystem::FILE_FLAG_DELETE_ON_CLOSE;

    use super::{Path, io};

    /// A file that is opened by one alone, and gone when it is closed, also by its owner's end.
    #[derive(Debug)]
    pub struct LockFile {
        _file: File,
    }

    impl LockFile {
        /// None where somebody else has it.
        pub fn try_lock(path: &Path) -> io::Result<Option<Self>> {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).share_mode(0);
            match options.custom_flags(FILE_FLAG_DELETE_ON_CLOSE).open(path) {
                Ok(file) => Ok(Some(Self { _file: file })),
                Err(error) if is_taken(&error, path) => Ok(None),
                Err(error) => Err(error),
            }
        }
    }

    /// A file that is being deleted denies access for a moment; a directory that we may not write
    /// to does so for ever, without the file being there.
    fn is_taken(error: &io::Error, path: &Path) -> bool {
        let code = error.raw_os_error().unwrap_or(0).cast_unsigned();
        code == ERROR_SHARING_VIOLATION
            || code == ERROR_DELETE_PENDING
            || (code == ERROR_ACCESS_DENIED && path.try_exists().unwrap_or(true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::thread;

    fn target(folder: &tempfile::TempDir) -> Target {
        Target::resolve(&folder.path().join("a")).unwrap()
    }

    #[test]
    fn those_who_wait_get_it_in_the_order_in_which_they_came() {
        let folder = tempfile::tempdir().unwrap();
        let first = TargetLock::acquire(&target(&folder), &Arc::default()).unwrap();
        let (sender, order) = mpsc::channel();
        let mut threads = Vec::new();
        for number in 0..5 {
            let (target, sender) = (target(&folder), sender.clone());
            threads.push(thread::spawn(move || {
                let lock = TargetLock::acquire(&target, &Arc::default()).unwrap();
                sender.send(number).unwrap();
                drop(lock);
            }));
            let path = target_path(&folder);
            while lock_queues().waiting.get(&path).map_or(0, VecDeque::len) < number + 2 {
                thread::yield_now();
            }
        }
        drop(first);
        assert_eq!(order.iter().take(5).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        for thread in threads {
            thread.join().unwrap();
        }
        let path = target_path(&folder);
        assert!(!path.exists(), "the lock file is gone");
        assert!(!lock_queues().waiting.contains_key(&path));
    }

    fn target_path(folder: &tempfile::TempDir) -> PathBuf {
        target(folder).beside(PREFIX)
    }

    #[test]
    fn a_wait_is_given_up_and_the_queue_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let first = TargetLock::acquire(&target(&folder), &Arc::default()).unwrap();
        let cancel = Arc::new(Cancel::default());
        let (given_up, waiting) = (target(&folder), Arc::clone(&cancel));
        let thread = thread::spawn(move || TargetLock::acquire(&given_up, &waiting).map(drop));
        cancel.raise(CancelReason::Aborted);
        assert_eq!(thread.join().unwrap().unwrap_err().code(), "ABORTED");
        drop(first);
        TargetLock::acquire(&target(&folder), &Arc::default()).unwrap();
    }

    #[test]
    fn a_lock_file_that_is_locked_elsewhere_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = target_path(&folder);
        let elsewhere = platform::LockFile::try_lock(&path).unwrap().unwrap();
        assert!(platform::LockFile::try_lock(&path).unwrap().is_none());
        let waiting = target(&folder);
        let thread =
            thread::spawn(move || TargetLock::acquire(&waiting, &Arc::default()).map(drop));
        drop(elsewhere);
        thread.join().unwrap().unwrap();
    }

    #[test]
    #[cfg(unix)]
    fn a_lock_file_that_its_dead_owner_left_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = target_path(&folder);
        std::fs::write(&path, "").unwrap();
        drop(TargetLock::acquire(&target(&folder), &Arc::default()).unwrap());
        assert!(!path.exists());
    }
}
