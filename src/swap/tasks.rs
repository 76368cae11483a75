//! What the threads for files do: swaps, and single steps of them by hand.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::answers::{self, Ended};
use super::callbacks::JobCallbacks;
use super::database::request::{DatabaseSwap, Limits};
use super::database::{doctor, protocol, recovery};
use super::file::by_hand;
use super::file::{self, FileSwap, FileSwapped};
use super::steps::error::{Problem, Result, Step, SwapError};
use super::steps::rename::Retry;
use crate::files;
use crate::jobs::channel::JobChannel;
use crate::jobs::ids::JobId;
use crate::jobs::pool::{Failure, Task};

/// How long a look at a database waits for its locks.
const LOOK: Duration = Duration::from_secs(5);

/// A job on files.
#[derive(Debug)]
pub enum FileTask {
    /// Replaces a file. `progress`: JavaScript wants to hear of it.
    Swap {
        /// What is asked for.
        request: FileSwap,
        /// Whether JavaScript wants to hear of it.
        progress: bool,
    },
    /// Replaces a database, or makes a copy of one.
    SwapDatabase {
        /// What is asked for.
        request: DatabaseSwap,
        /// Whether JavaScript wants to hear of it.
        progress: bool,
    },
    /// Sets right what a killed swap left beside a database.
    Recover(PathBuf),
    /// Looks at a database.
    Examine(PathBuf),
    /// Syncs a file.
    SyncFile(PathBuf),
    /// Syncs a directory.
    SyncDirectory(PathBuf),
    /// Renames a file durably.
    Rename {
        /// Its name.
        from: PathBuf,
        /// Its new name.
        to: PathBuf,
        /// How long to try again (Windows).
        retry: Duration,
    },
    /// Removes a file.
    Remove {
        /// Its name.
        path: PathBuf,
        /// How long to try again (Windows).
        retry: Duration,
    },
}

impl FileTask {
    /// The path it is about.
    fn path(&self) -> &Path {
        match self {
            Self::Swap { request, .. } => &request.target,
            Self::SwapDatabase { request, .. } => &request.target,
            Self::SyncFile(path)
            | Self::SyncDirectory(path)
            | Self::Recover(path)
            | Self::Examine(path)
            | Self::Remove { path, .. } => path,
            Self::Rename { from, .. } => from,
        }
    }

    fn perform(&self, channel: &JobChannel) -> Result<Ended> {
        let cancel = channel.cancel();
        cancel.check().map_err(|reason| self.error(Problem::Cancelled(reason)))?;
        // The others have no signal, and a limit of their own.
        let _lease_wait = self.turn().map(|_| {
            let cancel = Arc::clone(cancel);
            files::wait_while(move || cancel.check().is_ok())
        });
        let done = |happened| {
            Ended::File(FileSwapped { committed: happened, durable: happened, bytes: 0 })
        };
        // For a look at a database on behalf of a person.
        let limits = || Limits { timeout: LOOK, cancel: Arc::clone(cancel) };
        match self {
            Self::Swap { request, progress } => {
                file::swap_file(request, &mut JobCallbacks::new(channel, *progress))
                    .map(Ended::File)
            }
            Self::SwapDatabase { request, progress } => {
                protocol::swap_database(request, &mut JobCallbacks::new(channel, *progress))
                    .map(Ended::Database)
            }
            Self::Recover(path) => {
                recovery::recover(path, &limits()).and_then(|report| self.report(&report))
            }
            Self::Examine(path) => {
                doctor::examine(path, &limits()).and_then(|report| self.report(&report))
            }
            Self::SyncFile(path) => by_hand::fsync_file(path).map(|()| done(true)),
            Self::SyncDirectory(path) => by_hand::fsync_directory(path).map(|()| done(true)),
            Self::Rename { from, to, retry } => {
                let retry = Retry { limit: *retry, cancel };
                by_hand::rename_durably(from, to, &retry).map(|()| done(true))
            }
            Self::Remove { path, retry } => {
                let retry = Retry { limit: *retry, cancel };
                by_hand::remove_with_retry(path, &retry).map(done)
            }
        }
    }

    /// An error of a wait for a lease that the cancel has ended.
    fn cancelled(&self, error: SwapError, channel: &JobChannel) -> SwapError {
        let is_wait = matches!(&error.problem, Problem::Io(error) if error.kind() == io::ErrorKind::WouldBlock);
        match channel.cancel().check() {
            Err(reason) if is_wait && !error.committed => {
                SwapError { problem: Problem::Cancelled(reason), ..error }
            }
            _ => error,
        }
    }

    fn report(&self, report: &impl serde::Serialize) -> Result<Ended> {
        let json = serde_json::to_string(report);
        // A path may be no UTF-8.
        json.map(Ended::Report).map_err(|error| self.error(Problem::Io(error.into())))
    }

    fn error(&self, problem: Problem) -> SwapError {
        SwapError::new(problem, Step::Resolve, self.path())
    }
}

impl Task for FileTask {
    fn turn(&self) -> Option<&Path> {
        match self {
            Self::Swap { request, .. } => Some(&request.target),
            Self::SwapDatabase { request, .. } => Some(&request.target),
            _ => None,
        }
    }

    fn run(&self, channel: &JobChannel) -> Vec<u8> {
        let ended = self.perform(channel).map_err(|error| self.cancelled(error, channel));
        answers::ended(channel.job(), &ended)
    }

    fn fail(&self, job: JobId, failure: Failure) -> Vec<u8> {
        let problem = match failure {
            Failure::Cancelled(reason) => Problem::Cancelled(reason),
            Failure::NoThread(error) => Problem::Io(error),
            Failure::Panicked(text) => Problem::Panicked(text),
        };
        answers::ended(job, &Err(self.error(problem)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::channel::Reply;
    use crate::jobs::outbox::Outbox;
    use crate::jobs::pool::{IDLE, MOST_IDLE, MOST_WORKING, Pool};
    use crate::swap::steps::durability::Durability;
    use std::sync::Mutex;
    use std::sync::mpsc::{self, Receiver, Sender};
    use std::thread;
    use std::time::Instant;

    /// How long a test waits in vain.
    const PATIENCE: Duration = Duration::from_secs(60);

    /// Tells of each record, and whether it ends a job.
    struct Ears(Mutex<Sender<(Vec<u8>, bool)>>);

    impl Outbox for Ears {
        fn post(&self, records: Vec<u8>, ends_job: bool) {
            let _ = self.0.lock().unwrap().send((records, ends_job));
        }
    }

    struct Bench {
        jobs: Pool<FileTask>,
        folder: tempfile::TempDir,
        ears: Arc<Ears>,
        heard: Receiver<(Vec<u8>, bool)>,
    }

    impl Bench {
        fn new() -> Self {
            let (sender, heard) = mpsc::channel();
            let ears = Arc::new(Ears(Mutex::new(sender)));
            Self { jobs: Pool::default(), folder: tempfile::tempdir().unwrap(), ears, heard }
        }

        fn start(&self, job: u32, task: FileTask) {
            let ears: Arc<dyn Outbox> = Arc::clone(&self.ears) as _;
            self.jobs.start(JobId(job), task, ears);
        }

        fn swap(&self, name: &str, prepare: bool) -> FileTask {
            let request = FileSwap {
                target: self.folder.path().join(name),
                content: file::Content::Bytes(b"new".to_vec()),
                prepare,
                durability: Durability::None,
                skip_if_same: false,
                mode: None,
                retry: Duration::ZERO,
                move_aside: false,
            };
            FileTask::Swap { request, progress: false }
        }

        fn hear(&self) -> (Vec<u8>, bool) {
            self.heard.recv_timeout(PATIENCE).unwrap()
        }

        fn go_on(&self, job: u32) {
            self.jobs.channel(JobId(job)).unwrap().send(Reply::Continue);
        }

        fn threads(&self) -> usize {
            self.jobs.threads()
        }
    }

    #[test]
    fn a_thread_stays_for_the_next_job() {
        let bench = Bench::new();
        for job in 1..=20 {
            let task = bench.swap("a", false);
            bench.start(job, task);
            assert!(bench.hear().1);
            assert_eq!(bench.threads(), 1);
        }
    }

    #[test]
    fn a_few_stay_and_end_at_once_when_they_are_stopped() {
        let bench = Bench::new();
        for job in 1..=20 {
            let task = bench.swap(&job.to_string(), true);
            bench.start(job, task);
        }
        // Each waits for its caller, so each has a thread.
        (0..20).for_each(|_| assert!(!bench.hear().1));
        assert_eq!(bench.threads(), 20);
        (1..=20).for_each(|job| bench.go_on(job));
        (0..20).for_each(|_| assert!(bench.hear().1));
        let began = Instant::now();
        while bench.threads() > MOST_IDLE && began.elapsed() < IDLE / 2 {
            thread::yield_now();
        }
        assert!((1..=MOST_IDLE).contains(&bench.threads()), "{}", bench.threads());
        bench.jobs.stop();
        bench.jobs.join();
        assert_eq!(bench.threads(), 0);
        assert!(began.elapsed() < IDLE, "nobody waited for their time to run out");
        let task = bench.swap("a", false);
        bench.start(21, task);
        assert!(bench.hear().1, "refused");
        assert_eq!(bench.threads(), 0);
    }

    #[test]
    fn swaps_of_one_path_take_turns_and_leave_the_line_when_they_are_aborted() {
        let bench = Bench::new();
        for job in 1..=3 {
            let task = bench.swap("a", true);
            bench.start(job, task);
        }
        assert!(!bench.hear().1, "the first one prepares");
        bench.jobs.abort(JobId(2));
        let (records, ends_job) = bench.hear();
        assert!(ends_job && String::from_utf8_lossy(&records).contains("ABORTED"));
        bench.go_on(1);
        assert!(bench.hear().1, "the first one has ended");
        assert!(!bench.hear().1, "the third one prepares");
        bench.go_on(3);
        assert!(bench.hear().1);
        assert!(bench.jobs.is_empty());
    }

    #[test]
    fn whoever_waits_leaves_the_threads_to_others() {
        let bench = Bench::new();
        // Each in its `prepare`: one behind the other at one target, by many names of it, and
        // at targets of their own.
        let count = u32::try_from(MOST_WORKING).unwrap() + 10;
        for job in 1..=count {
            let name = "./".repeat(job as usize) + "a";
            let FileTask::Swap { request, progress } = bench.swap("a", true) else {
                unreachable!()
            };
            let target = bench.folder.path().join(name).into_os_string();
            bench.start(
                job,
                FileTask::Swap { request: FileSwap { target: target.into(), ..request }, progress },
            );
            let task = bench.swap(&job.to_string(), true);
            bench.start(count + job, task);
        }
        let heard: Vec<_> = (0..=count).map(|_| bench.hear().1).collect();
        assert!(heard.iter().all(|ends_job| !ends_job), "each target is prepared by one");
        let task = bench.swap("another", false);
        bench.start(2 * count + 1, task);
        assert!(bench.hear().1);
        bench.jobs.stop();
        bench.jobs.join();
        assert_eq!(bench.threads(), 0);
    }

    #[test]
    fn no_more_threads_than_may_work_at_once() {
        let bench = Bench::new();
        let mut most = 0;
        for job in 1..=u32::try_from(MOST_WORKING).unwrap() * 4 {
            let task = bench.swap(&job.to_string(), false);
            bench.start(job, task);
            most = most.max(bench.threads());
        }
        assert!(most <= MOST_WORKING, "{most}");
        (0..MOST_WORKING * 4).for_each(|_| assert!(bench.hear().1));
    }

    #[test]
    fn whoever_waits_for_a_turn_is_told_that_it_will_not_come() {
        let bench = Bench::new();
        for job in 1..=3 {
            let task = bench.swap("a", true);
            bench.start(job, task);
        }
        assert!(!bench.hear().1);
        bench.jobs.stop();
        bench.jobs.join();
        (0..3).for_each(|_| assert!(bench.hear().1));
        assert_eq!(std::fs::read_dir(bench.folder.path()).unwrap().count(), 0);
    }
}
