//! One swap of a target at a time: a queue in this process, a lock file between processes.
//!
//! The lock file is beside the target while a swap is under way. What counts is not that it is there
//! but the system's lock on it, which ends with its owner however that dies; whoever lets it go in
//! order removes it. One that is there without being locked says that its owner was killed. What he
//! wrote into it is for those who clear up after him: until they have, the file stays.
//!
//! Somebody else may have put something under its name: so it is looked at before anything is done to
//! it, and nothing is done to what is no lock file of ours.

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

/// `.swap-lock-` and the target's name.
pub const PREFIX: &str = ".swap-lock-";

/// How much of a lock file is read, in bytes: a swap writes two notes at most, and who was killed left
/// no more.
const MOST_RECORDED: u64 = 64 * 1024;

/// How soon a lock that another process has is tried again, first and at last.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// The lock of one target. Dropping it lets it go.
#[derive(Debug)]
pub struct TargetLock {
    // In the order in which they are let go.
    file: Option<platform::LockFile>,
    _turn: Turn,
    has_waited: bool,
}

impl TargetLock {
    /// Waits for the lock, as long as it takes.
    pub fn acquire(target: &Target, cancel: &Arc<Cancel>) -> Result<Self> {
        let path = target.beside(PREFIX);
        let cancelled =
            |reason| SwapError::new(Problem::Cancelled(reason), Step::Lock, &target.path);
        if is_removed(Safeguard::Lock) {
            let turn = Turn { path: PathBuf::new(), number: 0 };
            return Ok(Self { file: None, _turn: turn, has_waited: false });
        }
        let turn = Turn::take(path, cancel);
        let mut has_waited = !turn.is_first();
        turn.wait(cancel).map_err(cancelled)?;
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        loop {
            if let Some(file) =
                platform::LockFile::try_lock(&turn.path, &target.path).at(Step::Lock, &turn.path)?
            {
                return Self::with(file, turn, has_waited);
            }
            has_waited = true;
            cancel.sleep(backoff.pause()).map_err(cancelled)?;
        }
    }

    /// The lock, where nobody has it or waits for it.
    pub fn try_acquire(target: &Target) -> Result<Option<Self>> {
        let turn = Turn::take(target.beside(PREFIX), &Arc::default());
        if !turn.is_first() {
            return Ok(None);
        }
        match platform::LockFile::try_lock(&turn.path, &target.path).at(Step::Lock, &turn.path)? {
            Some(file) => Self::with(file, turn, false).map(Some),
            None => Ok(None),
        }
    }

    /// Whether somebody has it. Where nobody does, nothing is changed by asking.
    pub fn is_held(target: &Target) -> Result<bool> {
        let Some(mut lock) = Self::try_acquire(target)? else { return Ok(true) };
        if let Some(file) = &mut lock.file {
            file.stays = true;
        }
        Ok(false)
    }

    fn with(mut file: platform::LockFile, turn: Turn, has_waited: bool) -> Result<Self> {
        // Whoever does not clear up after its dead owner leaves it for others to do.
        file.stays = file.handle().metadata().at(Step::Lock, &turn.path)?.len() > 0;
        Ok(Self { file: Some(file), _turn: turn, has_waited })
    }

    /// Whether somebody else had it first: much may be different since.
    pub fn has_waited(&self) -> bool {
        self.has_waited
    }

    /// What is written in the lock file, as much of it as can be ours.
    pub fn records(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        if let Some(file) = &self.file {
            let mut handle = file.handle();
            handle.rewind()?;
            handle.take(MOST_RECORDED).read_to_end(&mut bytes)?;
        }
        Ok(bytes)
    }

    /// Writes behind what is in the lock file, which stays from now on, also when the lock is let go.
    pub fn append_record(
        &mut self,
        bytes: &[u8],
        sync: impl Fn(&File) -> io::Result<()>,
    ) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        file.stays = true;
        let mut handle = file.handle();
        handle.seek(io::SeekFrom::End(0))?;
        handle.write_all(bytes)?;
        sync(handle)
    }

    /// Whether there is a note in it of which not all is done.
    pub fn has_record(&self) -> bool {
        self.file.as_ref().is_some_and(|file| file.stays)
    }

    /// All that the notes ask for is done: the lock file goes with the lock.
    pub fn forget_records(&mut self) {
        if let Some(file) = &mut self.file {
            file.stays = false;
        }
    }

    /// The same, where the lock is kept for what comes next, which begins with an empty file.
    pub fn empty(&mut self) {
        self.forget_records();
        if let Some(file) = &self.file {
            // One that stays full is read by nobody who would do anything because of it.
            let _ = file.handle().set_len(0);
        }
    }
}

/// A turn in this process' queue for one lock file.
#[derive(Debug)]
struct Turn {
    path: PathBuf,
    number: u64,
}

#[derive(Default)]
struct Queues {
    waiting: HashMap<PathBuf, VecDeque<(u64, Arc<Cancel>)>>,
    last: u64,
}

static QUEUES: LazyLock<Mutex<Queues>> = LazyLock::new(Mutex::default);

impl Turn {
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

impl Drop for Turn {
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
    use crate::files::trust;

    /// `flock(2)`: the lock belongs to our opening of the file and is gone with it.
    #[derive(Debug)]
    pub struct LockFile {
        path: PathBuf,
        file: File,
        /// Whether it is left when the lock is let go.
        pub stays: bool,
    }

    impl LockFile {
        /// None where somebody else has it. `target` is what it is for.
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
            let (ours, named) = (fstat(&file)?, lstat(path));
            let is_named =
                named.is_ok_and(|named| (named.st_dev, named.st_ino) == (ours.st_dev, ours.st_ino));
            // Whatever the umask: who may not open it could not wait for it.
            if is_new && Mode::from_raw_mode(ours.st_mode) & FOR_ALL != FOR_ALL {
                fchmod(&file, FOR_ALL)?;
            }
            Ok(is_named.then(|| Self { path: path.to_owned(), file, stays: false }))
        }

        pub fn handle(&self) -> &File {
            &self.file
        }
    }

    impl Drop for LockFile {
        fn drop(&mut self) {
            if !self.stays {
                // Before the lock is let go. One that stays is locked and removed by the next swap.
                let _ = std::fs::remove_file(&self.path);
            }
            // A process that is just being begun has a copy of the descriptor: its end is not enough.
            let _ = self.file.unlock();
        }
    }

    struct Opened {
        file: File,
        /// Whether it was not there before.
        is_new: bool,
    }

    /// Its owner writes, all others read: also those who lock it.
    const FOR_ALL: Mode = Mode::RUSR.union(Mode::WUSR).union(Mode::RGRP).union(Mode::ROTH);

    /// For writing where that is allowed (NFS locks nothing else), and another user's for reading. None
    /// where somebody has just removed it, or has a lease on it, which is a lock, too.
    fn open_lock_file(path: &Path, target: &Path) -> io::Result<Option<Opened>> {
        // Neither waits: it may be a FIFO, or become one before it is opened.
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
        trust::check_lock_file(&fstat(&file)?, target)?;
        Ok(Some(Opened { file: file.into(), is_new: false }))
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
            let first = open_lock_file(&path, &path).unwrap().unwrap();
            let second = open_lock_file(&path, &path).unwrap().unwrap();
            assert!(first.is_new && !second.is_new);
            fail(second);
            assert!(path.exists(), "somebody else's");
            fail(first);
            assert!(!path.exists());
        }

        #[test]
        fn it_is_let_go_whoever_has_a_copy_of_its_descriptor() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("lock");
            let mut lock = LockFile::try_lock(&path, &path).unwrap().unwrap();
            // As a process that is just being begun has one.
            let copy = lock.file.try_clone().unwrap();
            lock.stays = true;
            assert!(LockFile::try_lock(&path, &path).unwrap().is_none());
            drop(lock);
            assert!(LockFile::try_lock(&path, &path).unwrap().is_some());
            drop(copy);
        }

        #[test]
        fn who_is_somebody_else_can_wait_for_it() {
            use rustix::fs::chmod;
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("lock");
            let mode = || Mode::from_raw_mode(lstat(&path).unwrap().st_mode) & FOR_ALL;
            let opened = open_lock_file(&path, &path).unwrap().unwrap();
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

    /// A file that is opened by one alone.
    #[derive(Debug)]
    pub struct LockFile {
        file: File,
        /// Whether it is left when the lock is let go.
        pub stays: bool,
    }

    impl LockFile {
        /// None where somebody else has it.
        pub fn try_lock(path: &Path, _target: &Path) -> io::Result<Option<Self>> {
            let mut options = OpenOptions::new();
            options.access_mode(GENERIC_READ | GENERIC_WRITE | DELETE);
            options.create(true).truncate(false).write(true).share_mode(0);
            // A symbolic link is not followed, but opened.
            options.custom_flags(FILE_FLAG_OPEN_REPARSE_POINT);
            match options.open(path) {
                Ok(file) => {
                    check(&file)?;
                    Ok(Some(Self { file, stays: false }))
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
        /// Marks it to go with its handle: nobody else can come to it between the two. One that
        /// stays, or whose owner was killed, is locked and removed by the next swap.
        fn drop(&mut self) {
            if self.stays {
                return;
            }
            let gone = FILE_DISPOSITION_INFO { DeleteFile: true };
            let size = size_of::<FILE_DISPOSITION_INFO>() as u32;
            // SAFETY: the handle is open as long as `self.file`, and the structure, whose size is
            // given, lives as long as the call, which only reads it.
            let _ = unsafe {
                SetFileInformationByHandle(
                    self.file.as_raw_handle(),
                    FileDispositionInfo,
                    (&raw const gone).cast(),
                    size,
                )
            };
        }
    }

    /// Whether it is a regular file with one name.
    fn check(file: &File) -> io::Result<()> {
        if !file.metadata()?.is_file() {
            return Err(Refusal::NotAFile("a link or a device").into());
        }
        let mut info = BY_HANDLE_FILE_INFORMATION::default();
        // SAFETY: the handle is open as long as `file` is borrowed, and the structure lives as long as
        // the call.
        if unsafe { GetFileInformationByHandle(file.as_raw_handle(), &raw mut info) } == 0 {
            return Err(io::Error::last_os_error());
        }
        match info.nNumberOfLinks {
            0 | 1 => Ok(()),
            links => Err(Refusal::HardLink(links.into()).into()),
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
        let elsewhere = platform::LockFile::try_lock(&path, &path).unwrap().unwrap();
        assert!(platform::LockFile::try_lock(&path, &path).unwrap().is_none());
        let waiting = target(&folder);
        let thread =
            thread::spawn(move || TargetLock::acquire(&waiting, &Arc::default()).map(drop));
        drop(elsewhere);
        thread.join().unwrap().unwrap();
    }

    #[test]
    fn a_lock_file_with_a_note_stays_until_what_it_asks_for_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let path = target_path(&folder);
        let mut lock = TargetLock::try_acquire(&target(&folder)).unwrap().unwrap();
        assert!(TargetLock::try_acquire(&target(&folder)).unwrap().is_none());
        lock.append_record(b"one, ", |_| Ok(())).unwrap();
        lock.append_record(b"two", |_| Ok(())).unwrap();
        drop(lock);
        drop(TargetLock::acquire(&target(&folder), &Arc::default()).unwrap());
        assert!(path.exists(), "nobody did what it asks for");
        let mut lock = TargetLock::try_acquire(&target(&folder)).unwrap().unwrap();
        assert_eq!(lock.records().unwrap(), b"one, two");
        lock.forget_records();
        drop(lock);
        assert!(!path.exists());
    }

    #[test]
    #[cfg(unix)]
    fn what_is_no_lock_file_of_ours_is_left_as_it_is() {
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
    fn a_lock_file_that_its_dead_owner_left_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = target_path(&folder);
        std::fs::write(&path, "").unwrap();
        drop(TargetLock::acquire(&target(&folder), &Arc::default()).unwrap());
        assert!(!path.exists());
    }
}
