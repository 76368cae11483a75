//! The jobs of the file threads: swaps, single steps of a swap, recovery and reports.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::answers::{self, Ended};
use super::callbacks::JobCallbacks;
use super::database::request::{DatabaseSwap, Limits};
use super::database::{adopt, doctor, protocol, recovery};
use super::file::by_hand;
use super::file::{self, FileSwap, FileSwapped};
use super::steps::error::{Problem, Result, Step, SwapError};
use super::steps::rename::Retry;
use crate::failpoints::{Point, reach};
use crate::files;
use crate::jobs::channel::JobChannel;
use crate::jobs::ids::JobId;
use crate::jobs::pool::{Failure, Task};

/// How long a recovery or a report waits for a lock.
const REPORT_TIMEOUT: Duration = Duration::from_secs(5);

/// A job on files.
#[derive(Debug)]
pub enum FileTask {
    /// Replaces a file.
    Swap {
        /// The request.
        request: FileSwap,
        /// Whether JavaScript wants progress reports.
        progress: bool,
    },
    /// Replaces a database, or copies one.
    SwapDatabase {
        /// The request.
        request: DatabaseSwap,
        /// Whether JavaScript wants progress reports.
        progress: bool,
    },
    /// Clears the remains of a killed swap of a database.
    Recover(PathBuf),
    /// Takes over the vector indexes of libSQL in a database.
    Adopt(PathBuf),
    /// Reports on a database.
    Examine(PathBuf),
    /// Syncs a file.
    SyncFile(PathBuf),
    /// Syncs a directory.
    SyncDirectory(PathBuf),
    /// Renames a file durably.
    Rename {
        /// The file's path.
        from: PathBuf,
        /// The file's new path.
        to: PathBuf,
        /// How long to retry (Windows).
        retry: Duration,
    },
    /// Removes a file.
    Remove {
        /// The file's path.
        path: PathBuf,
        /// How long to retry (Windows).
        retry: Duration,
    },
}

impl FileTask {
    /// The path for errors of the job itself.
    fn path(&self) -> &Path {
        match self {
            Self::Swap { request, .. } => &request.target,
            Self::SwapDatabase { request, .. } => &request.target,
            Self::SyncFile(path)
            | Self::SyncDirectory(path)
            | Self::Recover(path)
            | Self::Adopt(path)
            | Self::Examine(path)
            | Self::Remove { path, .. } => path,
            Self::Rename { from, .. } => from,
        }
    }

    fn perform(&self, channel: &JobChannel) -> Result<Ended> {
        let cancel = channel.cancel();
        cancel.check().map_err(|reason| self.error(Problem::Cancelled(reason)))?;
        // Swaps wait for a lease until they are cancelled. Other jobs cannot be cancelled, and keep
        // the default limit.
        let _lease_wait = self.turn().map(|_| {
            let cancel = Arc::clone(cancel);
            files::wait_while(move || cancel.check().is_ok())
        });
        let done = |happened| {
            Ended::File(FileSwapped { committed: happened, durable: happened, bytes: 0 })
        };
        // A person waits for the result of a recovery or a report.
        let limits = || Limits { timeout: REPORT_TIMEOUT, cancel: Arc::clone(cancel) };
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
            Self::Adopt(path) => {
                let callbacks = &mut JobCallbacks::new(channel, false);
                adopt::adopt(path, &limits(), callbacks).and_then(|report| self.report(&report))
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

    /// Turns the error of a wait for a lease into "cancelled" if the job was cancelled.
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
        // Fails for a path that is not UTF-8.
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
        reach(Point::FileJob);
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

    /// How long a test waits before it fails.
    const TEST_TIMEOUT: Duration = Duration::from_secs(60);

    /// Sends each record to the test, and whether it ends a job.
    struct TestOutbox(Mutex<Sender<(Vec<u8>, bool)>>);

    impl Outbox for TestOutbox {
        fn post(&self, records: Vec<u8>, ends_job: bool) {
            let _ = self.0.lock().unwrap().send((records, ends_job));
        }
    }

    struct Bench {
        jobs: Pool<FileTask>,
        folder: tempfile::TempDir,
        outbox: Arc<TestOutbox>,
        records: Receiver<(Vec<u8>, bool)>,
    }

    impl Bench {
        fn new() -> Self {
            let (sender, records) = mpsc::channel();
            let outbox = Arc::new(TestOutbox(Mutex::new(sender)));
            Self { jobs: Pool::default(), folder: tempfile::tempdir().unwrap(), outbox, records }
        }

        fn start(&self, job: u32, task: FileTask) {
            let outbox: Arc<dyn Outbox> = Arc::clone(&self.outbox) as _;
            self.jobs.start(JobId(job), task, outbox);
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

        fn next_record(&self) -> (Vec<u8>, bool) {
            self.records.recv_timeout(TEST_TIMEOUT).unwrap()
        }

        fn continue_job(&self, job: u32) {
            self.jobs.channel(JobId(job)).unwrap().send(Reply::Continue);
        }

        fn threads(&self) -> usize {
            self.jobs.threads()
        }
    }

    #[test]
    fn a_thread_is_reused_by_the_next_job() {
        let bench = Bench::new();
        for job in 1..=20 {
            let task = bench.swap("a", false);
            bench.start(job, task);
            assert!(bench.next_record().1);
            assert_eq!(bench.threads(), 1);
        }
    }

    #[test]
    fn a_few_idle_threads_stay_and_end_at_once_when_the_pool_stops() {
        let bench = Bench::new();
        for job in 1..=20 {
            let task = bench.swap(&job.to_string(), true);
            bench.start(job, task);
        }
        // Each job waits in `prepare` for the test, so that each has a thread.
        (0..20).for_each(|_| assert!(!bench.next_record().1));
        assert_eq!(bench.threads(), 20);
        (1..=20).for_each(|job| bench.continue_job(job));
        (0..20).for_each(|_| assert!(bench.next_record().1));
        let began = Instant::now();
        while bench.threads() > MOST_IDLE && began.elapsed() < IDLE / 2 {
            thread::yield_now();
        }
        assert!((1..=MOST_IDLE).contains(&bench.threads()), "{}", bench.threads());
        bench.jobs.stop();
        bench.jobs.join();
        assert_eq!(bench.threads(), 0);
        assert!(began.elapsed() < IDLE, "idle threads end before their time");
        let task = bench.swap("a", false);
        bench.start(21, task);
        assert!(bench.next_record().1, "refused");
        assert_eq!(bench.threads(), 0);
    }

    #[test]
    fn swaps_of_one_path_run_in_order_and_leave_the_queue_when_aborted() {
        let bench = Bench::new();
        for job in 1..=3 {
            let task = bench.swap("a", true);
            bench.start(job, task);
        }
        assert!(!bench.next_record().1, "the first swap prepares");
        bench.jobs.abort(JobId(2));
        let (records, ends_job) = bench.next_record();
        assert!(ends_job && String::from_utf8_lossy(&records).contains("ABORTED"));
        bench.continue_job(1);
        assert!(bench.next_record().1, "the first swap has ended");
        assert!(!bench.next_record().1, "the third swap prepares");
        bench.continue_job(3);
        assert!(bench.next_record().1);
        assert!(bench.jobs.is_empty());
    }

    #[test]
    fn waiting_swaps_leave_threads_to_other_jobs() {
        let bench = Bench::new();
        // Half of the swaps wait for one target, by different paths to it. The others wait in
        // `prepare`, each with a target of its own.
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
        let ends: Vec<_> = (0..=count).map(|_| bench.next_record().1).collect();
        assert!(ends.iter().all(|ends_job| !ends_job), "one swap of each target prepares");
        let task = bench.swap("another", false);
        bench.start(2 * count + 1, task);
        assert!(bench.next_record().1);
        bench.jobs.stop();
        bench.jobs.join();
        assert_eq!(bench.threads(), 0);
    }

    #[test]
    fn the_number_of_threads_is_limited() {
        let bench = Bench::new();
        let mut most = 0;
        for job in 1..=u32::try_from(MOST_WORKING).unwrap() * 4 {
            let task = bench.swap(&job.to_string(), false);
            bench.start(job, task);
            most = most.max(bench.threads());
        }
        assert!(most <= MOST_WORKING, "{most}");
        (0..MOST_WORKING * 4).for_each(|_| assert!(bench.next_record().1));
    }

    #[test]
    fn stopping_the_pool_ends_waiting_swaps() {
        let bench = Bench::new();
        for job in 1..=3 {
            let task = bench.swap("a", true);
            bench.start(job, task);
        }
        assert!(!bench.next_record().1);
        bench.jobs.stop();
        bench.jobs.join();
        (0..3).for_each(|_| assert!(bench.next_record().1));
        assert_eq!(std::fs::read_dir(bench.folder.path()).unwrap().count(), 0);
    }
}
