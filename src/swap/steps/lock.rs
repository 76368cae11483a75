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

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use super::error::{At, Problem, Result, Step, SwapError};
use super::target::Target;
use crate::failpoints::{Safeguard, is_removed};
use crate::jobs::backoff::Backoff;
use crate::jobs::cancel::{Cancel, CancelReason};
use crate::sync::{Mutex, MutexGuard, lock};

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
    file: Option<platform::LockFile>,
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
            if let Some(file) = platform::LockFile::try_lock(&entry.path, &target.path)
                .at(Step::Lock, &entry.path)?
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
        match platform::LockFile::try_lock(&entry.path, &target.path).at(Step::Lock, &entry.path)? {
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

    fn with(mut file: platform::LockFile, entry: QueueEntry, has_waited: bool) -> Result<Self> {
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

#[cfg(unix)]
mod platform {
    use std::fs::{File, TryLockError};

    use rustix::fs::{Mode, OFlags, fchmod, fstat, lstat, open};
    use rustix::io::Errno;

    use super::{Path, PathBuf, io};
    use crate::files::{PlainFile, trust};

    /// A file with a `flock(2)` lock. The lock belongs to the open file description, and ends with
    /// it.
    #[derive(Debug)]
    pub struct LockFile {
        path: PathBuf,
        file: File,
        /// Whether the file is kept when the lock is released.
        pub keep: bool,
    }

    impl LockFile {
        /// Returns none if another process holds the lock. `target` is the path of the swap's
        /// target.
        pub fn try_lock(path: &Path, target: &Path) -> io::Result<Option<Self>> {
            let Some(opened) = open_lock_file(path, target)? else { return Ok(None) };
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
                    // The file system has no locks. Remove the file if we created it. An existing
                    // file is kept: another process may have locked it before the locks ran out
                    // (ENOLCK).
                    if is_new {
                        let _ = std::fs::remove_file(path);
                    }
                    return Err(error);
                }
            }
            // The previous owner may have removed the file between our open and our lock. The next
            // swap would then create and lock another file, and our lock would exclude nothing.
            let (ours, named) = (fstat(&file)?, lstat(path));
            let is_named =
                named.is_ok_and(|named| (named.st_dev, named.st_ino) == (ours.st_dev, ours.st_ino));
            // Override the umask: a user who cannot open the file cannot wait for its lock.
            if is_new && Mode::from_raw_mode(ours.st_mode) & FOR_ALL != FOR_ALL {
                fchmod(&file, FOR_ALL)?;
            }
            Ok(is_named.then(|| Self { path: path.to_owned(), file, keep: false }))
        }

        pub fn handle(&self) -> &File {
            &self.file
        }
    }

    impl Drop for LockFile {
        fn drop(&mut self) {
            if !self.keep {
                // Remove the file before the lock is released. If that fails, the next swap locks
                // and removes it.
                let _ = std::fs::remove_file(&self.path);
            }
            // Closing the descriptor is not enough: a child process that is just starting has a
            // copy.
            let _ = self.file.unlock();
        }
    }

    struct Opened {
        file: File,
        /// Whether this open created the file.
        is_new: bool,
    }

    /// The owner may write, and every user may read. Reading permission is enough for a lock.
    const FOR_ALL: Mode = Mode::RUSR.union(Mode::WUSR).union(Mode::RGRP).union(Mode::ROTH);

    /// Opens the file for writing if permitted, because NFS locks only such files. Opens another
    /// user's file for reading. Returns none if the file was just removed, or if a process holds a
    /// lease on it, which counts as a lock.
    fn open_lock_file(path: &Path, target: &Path) -> io::Result<Option<Opened>> {
        // The open must not block: the file may be a FIFO, or may be replaced by one before the
        // open.
        let flags = OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let new = flags | OFlags::RDWR | OFlags::CREATE | OFlags::EXCL;
        match open(path, new, FOR_ALL) {
            Err(Errno::EXIST) => {}
            Err(refused) => return Err(refused.into()),
            Ok(file) => return Ok(Some(Opened { file: file.into(), is_new: true })),
        }
        match lstat(path) {
            Ok(found) => trust::check_lock_file(&found, target)?,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let opened = match open(path, flags | OFlags::RDWR, Mode::empty()) {
            Err(Errno::ACCESS) => match open(path, flags | OFlags::RDONLY, Mode::empty()) {
                Err(Errno::NOENT) => Err(Errno::NOENT),
                to_read => to_read.map_err(|_| Errno::ACCESS),
            },
            opened => opened,
        };
        let file = match opened {
            Err(Errno::NOENT | Errno::AGAIN) => return Ok(None),
            opened => opened?,
        };
        let file = File::from(file);
        let checked = fstat(&file).map_err(io::Error::from).and_then(|found| {
            trust::check_lock_file(&found, target)?;
            Ok(())
        });
        if let Err(error) = checked {
            // The file may have been replaced by a link to a database that is open in this process.
            drop(PlainFile::from(file));
            return Err(error);
        }
        Ok(Some(Opened { file, is_new: false }))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn our_lock_file_is_removed_on_a_file_system_without_locks() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("lock");
            let fail = |opened| {
                let error = TryLockError::Error(Errno::NOLCK.into());
                LockFile::new(&path, opened, Err(error)).unwrap_err()
            };
            let first = open_lock_file(&path, &path).unwrap().unwrap();
            let second = open_lock_file(&path, &path).unwrap().unwrap();
            assert!(first.is_new && !second.is_new);
            fail(second);
            assert!(path.exists(), "another process has created it");
            fail(first);
            assert!(!path.exists());
        }

        #[test]
        fn the_lock_is_released_in_spite_of_a_copied_descriptor() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("lock");
            let mut lock = LockFile::try_lock(&path, &path).unwrap().unwrap();
            // The copy stands for that of a child process that is just starting.
            let copy = lock.file.try_clone().unwrap();
            lock.keep = true;
            assert!(LockFile::try_lock(&path, &path).unwrap().is_none());
            drop(lock);
            assert!(LockFile::try_lock(&path, &path).unwrap().is_some());
            drop(copy);
        }

        #[test]
        fn other_users_can_wait_for_the_lock() {
            use rustix::fs::chmod;
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("lock");
            let mode = || Mode::from_raw_mode(lstat(&path).unwrap().st_mode) & FOR_ALL;
            let opened = open_lock_file(&path, &path).unwrap().unwrap();
            // The mode that a umask of 077 gives. Setting the umask would affect all test threads.
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
    use std::os::windows::io::AsRawHandle;

    use windows_sys::Win32::Foundation::{
        ERROR_ACCESS_DENIED, ERROR_DELETE_PENDING, ERROR_SHARING_VIOLATION, GENERIC_READ,
        GENERIC_WRITE,
    };
    use windows_sys::Win32::Storage::FileSystem::{
        BY_HANDLE_FILE_INFORMATION, DELETE, FILE_DISPOSITION_INFO, FILE_FLAG_OPEN_REPARSE_POINT,
        FileDispositionInfo, GetFileInformationByHandle, SetFileInformationByHandle,
    };

    use super::{Path, io};
    use crate::files::Refusal;

    /// A file that is opened without sharing.
    #[derive(Debug)]
    pub struct LockFile {
        file: File,
        /// Whether the file is kept when the lock is released.
        pub keep: bool,
    }

    impl LockFile {
        /// Returns none if another process holds the lock.
        pub fn try_lock(path: &Path, _target: &Path) -> io::Result<Option<Self>> {
            let mut options = OpenOptions::new();
            options.access_mode(GENERIC_READ | GENERIC_WRITE | DELETE);
            options.create(true).truncate(false).write(true).share_mode(0);
            // Open a symbolic link itself instead of following it.
            options.custom_flags(FILE_FLAG_OPEN_REPARSE_POINT);
            match options.open(path) {
                Ok(file) => {
                    check(&file)?;
                    Ok(Some(Self { file, keep: false }))
                }
                Err(error) if is_taken(&error, path) => Ok(None),
                Err(error) => Err(error),
            }
        }

        pub fn handle(&self) -> &File {
            &self.file
        }
    }

    impl Drop for LockFile {
        /// Marks the file for deletion with its handle, so that no other process can open it
        /// between the two. A file that is kept, or whose process was killed, is locked and removed
        /// by the next swap.
        fn drop(&mut self) {
            if self.keep {
                return;
            }
            let disposition = FILE_DISPOSITION_INFO { DeleteFile: true };
            let size = size_of::<FILE_DISPOSITION_INFO>() as u32;
            // SAFETY: the handle is open while `self.file` lives. The structure outlives the call,
            // which only reads it, and has the given size.
            let _ = unsafe {
                SetFileInformationByHandle(
                    self.file.as_raw_handle(),
                    FileDispositionInfo,
                    (&raw const disposition).cast(),
                    size,
                )
            };
        }
    }

    /// Checks that the file is a regular file with one name.
    fn check(file: &File) -> io::Result<()> {
        if !file.metadata()?.is_file() {
            return Err(Refusal::NotAFile("a link or a device").into());
        }
        let mut info = BY_HANDLE_FILE_INFORMATION::default();
        // SAFETY: the handle is open while `file` is borrowed, and the structure outlives the call.
        if unsafe { GetFileInformationByHandle(file.as_raw_handle(), &raw mut info) } == 0 {
            return Err(io::Error::last_os_error());
        }
        match info.nNumberOfLinks {
            0 | 1 => Ok(()),
            links => Err(Refusal::HardLink(links.into()).into()),
        }
    }

    /// Whether another process has the file open. A file that is being deleted denies access for a
    /// moment. A directory without write permission also denies access, but then the file does not
    /// exist.
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
    fn waiting_swaps_get_the_lock_in_order() {
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
    fn a_cancelled_wait_leaves_the_queue() {
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
    fn a_lock_of_another_process_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = target_path(&folder);
        let elsewhere = platform::LockFile::try_lock(&path, &path).unwrap().unwrap();
        assert!(platform::LockFile::try_lock(&path, &path).unwrap().is_none());
        let waiting = target(&folder);
        let thread =
            thread::spawn(move || TargetLock::acquire(&waiting, &Arc::default()).map(drop));
        drop(elsewhere);
        thread.join().unwrap().unwrap();
    }

    #[test]
    fn a_lock_file_with_a_record_is_kept_until_its_work_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let path = target_path(&folder);
        let mut lock = TargetLock::try_acquire(&target(&folder)).unwrap().unwrap();
        assert!(TargetLock::try_acquire(&target(&folder)).unwrap().is_none());
        lock.append_record(b"one, ", |_| Ok(())).unwrap();
        lock.append_record(b"two", |_| Ok(())).unwrap();
        drop(lock);
        drop(TargetLock::acquire(&target(&folder), &Arc::default()).unwrap());
        assert!(path.exists(), "the work of its record is not done");
        let mut lock = TargetLock::try_acquire(&target(&folder)).unwrap().unwrap();
        assert_eq!(lock.records().unwrap(), b"one, two");
        lock.forget_records();
        drop(lock);
        assert!(!path.exists());
    }

    #[test]
    #[cfg(unix)]
    fn an_untrusted_lock_file_is_left_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        let path = target_path(&folder);
        let victim = folder.path().join("victim");
        std::fs::write(&victim, "precious").unwrap();
        let plants: [&dyn Fn(); 4] = [
            &|| std::fs::hard_link(&victim, &path).unwrap(),
            &|| std::os::unix::fs::symlink(&victim, &path).unwrap(),
            &|| std::fs::create_dir(&path).unwrap(),
            &|| {
                std::process::Command::new("mkfifo").arg(&path).status().unwrap();
            },
        ];
        for plant in plants {
            plant();
            let code = |error: SwapError| error.code();
            let tried = TargetLock::try_acquire(&target(&folder)).map(drop);
            assert_eq!(tried.map_err(code), Err("UNTRUSTED_FILE"));
            let acquired = TargetLock::acquire(&target(&folder), &Arc::default()).map(drop);
            assert_eq!(acquired.map_err(code), Err("UNTRUSTED_FILE"));
            assert_eq!(std::fs::read_to_string(&victim).unwrap(), "precious");
            assert!(path.symlink_metadata().is_ok());
            std::fs::remove_file(&path).or_else(|_| std::fs::remove_dir(&path)).unwrap();
        }
    }

    #[test]
    #[cfg(unix)]
    fn the_lock_file_of_a_killed_swap_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = target_path(&folder);
        std::fs::write(&path, "").unwrap();
        drop(TargetLock::acquire(&target(&folder), &Arc::default()).unwrap());
        assert!(!path.exists());
    }
}
