//! The threads that run the file jobs of one environment. A job runs on one thread from beginning to end,
//! including its waits. Its cancel flag ends it from another thread.
//!
//! The pool limits the number of working threads only. A thread that waits, for JavaScript or for another
//! job, does not count. The reason: it may wait for a job that has no thread yet, such as an `fsyncFile()`
//! in the swap's own `prepare`.
//!
//! A few threads stay for some seconds after their last job. The system runs a new thread after all other
//! threads that compute, so on a busy machine each system call of a new thread returns later.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::cancel::{Cancel, CancelReason, WaitObserver};
use super::channel::JobChannel;
use super::ids::{JobId, WaitNumber};
use super::outbox::Outbox;
use super::queue::JobQueue;
use super::{panics, short_slices};
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{Condvar, Mutex, has_ended, lock, wait_for};

/// The largest number of working threads. Further jobs wait for one of them.
pub const MOST_WORKING: usize = 64;
/// The largest number of idle threads that stay for the next job.
pub const MOST_IDLE: usize = 4;
/// How long an idle thread waits for the next job before it ends.
pub const IDLE: Duration = Duration::from_secs(5);
/// The size of a thread's stack, in bytes. Buffers are on the heap, but SQLite's parser uses the stack.
const STACK: usize = 2 * 1024 * 1024;

/// The work of a job.
pub trait Task: Send + 'static {
    /// A path. Tasks of the same path run one after the other, in the order of their calls.
    fn turn(&self) -> Option<&Path>;
    /// Runs the task. Returns the last records of the job.
    fn run(&self, channel: &JobChannel) -> Vec<u8>;
    /// The last records of a job that did not run to its end.
    fn fail(&self, job: JobId, failure: Failure) -> Vec<u8>;
}

/// Why a job did not run to its end.
#[derive(Debug)]
pub enum Failure {
    /// The job was cancelled before it began.
    Cancelled(CancelReason),
    /// The system had no thread left for the job.
    NoThread(io::Error),
    /// The job panicked, which is a defect of latchdb. The text is that of the panic.
    Panicked(String),
}

/// The thread pool for the file jobs of one environment.
pub struct Pool<T: Task> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    /// A reference to this value, which new threads get.
    this: Weak<Self>,
    state: Mutex<State<T>>,
    /// Signalled when a job is ready, and when the pool is stopped.
    changed: Condvar,
}

struct State<T> {
    /// The jobs that a thread can take. There are more of them than idle threads only if the largest
    /// number of threads is working, or if the system has no more threads.
    ready: JobQueue<Job<T>>,
    /// The paths whose task is running or ready, each with the jobs that wait behind that task.
    turns: HashMap<PathBuf, JobQueue<Job<T>>>,
    /// The paths of the jobs that wait in `turns`.
    behind: HashMap<JobId, PathBuf>,
    channels: HashMap<JobId, Arc<JobChannel>>,
    threads: usize,
    /// The number of threads that are about to take a job, or wait for one.
    idle: usize,
    /// The number of threads that wait in the middle of a job.
    waiting: usize,
    /// The threads that have not been joined.
    handles: Vec<JoinHandle<()>>,
    stopped: bool,
}

/// A task and the channel of its job.
struct Job<T> {
    task: T,
    channel: Arc<JobChannel>,
}

impl<T: Task> Default for Pool<T> {
    fn default() -> Self {
        let shared = |this: &Weak<Shared<T>>| Shared {
            this: Weak::clone(this),
            state: Mutex::new(State {
                ready: JobQueue::default(),
                turns: HashMap::new(),
                behind: HashMap::new(),
                channels: HashMap::new(),
                threads: 0,
                idle: 0,
                waiting: 0,
                handles: Vec::new(),
                stopped: false,
            }),
            changed: Condvar::new(),
        };
        Self { shared: Arc::new_cyclic(shared) }
    }
}

impl<T: Task> Pool<T> {
    /// Queues a job. Its answer goes to `outbox`, in every case.
    pub fn start(&self, id: JobId, task: T, outbox: Arc<dyn Outbox>) {
        let observer: Weak<dyn WaitObserver> = Weak::clone(&self.shared.this) as _;
        let channel = Arc::new(JobChannel::new(id, Cancel::observed(observer), outbox));
        let job = Job { task, channel: Arc::clone(&channel) };
        let mut state = lock(&self.shared.state);
        if state.stopped {
            drop(state);
            job.fail(Failure::Cancelled(CancelReason::EnvironmentClosing));
            return;
        }
        state.channels.insert(id, channel);
        state.queue(job);
        let unstartable = self.shared.spawn_if_needed(&mut state);
        drop(state);
        self.shared.changed.notify_one();
        fail_unstartable(unstartable);
    }

    /// The channel of a job. None if the job has ended.
    pub fn channel(&self, job: JobId) -> Option<Arc<JobChannel>> {
        lock(&self.shared.state).channels.get(&job).cloned()
    }

    /// Cancels a job for its caller's `AbortSignal`.
    pub fn abort(&self, id: JobId) {
        let mut state = lock(&self.shared.state);
        let job = state.withdraw(id);
        let channel = match job {
            Some(_) => state.channels.remove(&id),
            None => state.channels.get(&id).cloned(),
        };
        drop(state);
        if let Some(job) = job {
            job.fail(Failure::Cancelled(CancelReason::Aborted));
        } else if let Some(channel) = channel {
            channel.cancel().raise(CancelReason::Aborted);
        }
    }

    /// Cancels all jobs and rejects new ones, without waiting for the threads.
    pub fn stop(&self) {
        let mut state = lock(&self.shared.state);
        state.stopped = true;
        let mut unstarted: Vec<_> = state.ready.take_all().collect();
        unstarted.extend(state.turns.values_mut().flat_map(JobQueue::take_all));
        state.behind.clear();
        for channel in state.channels.values() {
            channel.cancel().raise(CancelReason::EnvironmentClosing);
        }
        drop(state);
        self.shared.changed.notify_all();
        for job in unstarted {
            job.fail(Failure::Cancelled(CancelReason::EnvironmentClosing));
        }
    }

    /// Waits for the threads, after [`Pool::stop`]. A thread ends after its current system call, which
    /// may be an fsync.
    pub fn join(&self) {
        // The threads of a stopped pool start no further threads.
        let handles = std::mem::take(&mut lock(&self.shared.state).handles);
        for thread in handles {
            // An error means that the thread panicked outside of a job. There is no caller to tell.
            let _ = thread.join();
        }
    }

    /// The number of threads.
    #[cfg(test)]
    pub fn threads(&self) -> usize {
        lock(&self.shared.state).threads
    }

    /// Whether the pool holds no jobs.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        let state = lock(&self.shared.state);
        state.turns.is_empty() && state.behind.is_empty() && state.channels.is_empty()
    }
}

/// Answers jobs for which no thread could be started.
fn fail_unstartable<T: Task>(unstartable: Vec<(Job<T>, io::Error)>) {
    for (job, error) in unstartable {
        job.fail(Failure::NoThread(error));
    }
}

impl<T: Task> WaitObserver for Shared<T> {
    fn begin_wait(&self, _: WaitNumber) {
        let mut state = lock(&self.state);
        state.waiting += 1;
        let unstartable = self.spawn_if_needed(&mut state);
        drop(state);
        fail_unstartable(unstartable);
    }

    fn end_wait(&self, _: WaitNumber) {
        lock(&self.state).waiting -= 1;
    }
}

impl<T: Task> Shared<T> {
    fn run_jobs(&self) {
        short_slices::ask();
        while let Some(job) = self.next() {
            let records = job.run();
            // The job is removed before its answer, because its caller may start the next job at once.
            let mut state = lock(&self.state);
            state.channels.remove(&job.channel.job());
            state.end_turn(&job);
            state.idle += 1;
            drop(state);
            job.channel.answer(records);
        }
    }

    /// Takes the next job. Waits for one if few threads are idle. None if there is no job; the calling
    /// thread then does not count any more, and ends.
    fn next(&self) -> Option<Job<T>> {
        let mut state = lock(&self.state);
        if state.idle <= MOST_IDLE {
            let until = Instant::now() + IDLE;
            while state.ready.is_empty() && !state.stopped {
                let Some(left) = until.checked_duration_since(Instant::now()) else { break };
                state = wait_for(&self.changed, state, left);
            }
        }
        state.idle -= 1;
        let job = state.ready.pop();
        if job.is_none() {
            state.threads -= 1;
        }
        job
    }

    /// Starts a thread if there are more ready jobs than idle threads, and fewer working threads than
    /// allowed. If the system has no thread left and no thread is working, the ready jobs would wait for
    /// ever: they are removed and returned.
    fn spawn_if_needed(&self, state: &mut State<T>) -> Vec<(Job<T>, io::Error)> {
        if state.ready.len() <= state.idle || state.working() >= MOST_WORKING {
            return Vec::new();
        }
        // The lock is held until the new thread is in `handles`, so that `join` finds all threads.
        for thread in state.handles.extract_if(.., |thread| has_ended(thread)) {
            let _ = thread.join();
        }
        let Some(shared) = self.this.upgrade() else { return Vec::new() };
        let builder = thread::Builder::new().name("latchdb-files".into()).stack_size(STACK);
        match builder.spawn(move || shared.run_jobs()) {
            Ok(thread) => {
                state.handles.push(thread);
                state.threads += 1;
                state.idle += 1;
                Vec::new()
            }
            // A working thread will take the ready jobs later.
            Err(_) if state.working() > 0 => Vec::new(),
            Err(error) => state.take_unstartable(&error),
        }
    }
}

impl<T: Task> State<T> {
    /// The number of threads that do not wait in the middle of a job.
    fn working(&self) -> usize {
        self.threads - self.waiting
    }

    /// Removes and returns all ready jobs, and the jobs that wait behind them.
    fn take_unstartable(&mut self, error: &io::Error) -> Vec<(Job<T>, io::Error)> {
        let mut unstartable = Vec::new();
        while let Some(job) = self.ready.pop() {
            self.channels.remove(&job.channel.job());
            self.end_turn(&job);
            let error =
                error.raw_os_error().map_or(error.kind().into(), io::Error::from_raw_os_error);
            unstartable.push((job, error));
        }
        unstartable
    }

    /// Adds a job, which is ready or waits behind another task of its path.
    fn queue(&mut self, job: Job<T>) {
        let id = job.channel.job();
        if let Some(turn) = job.task.turn() {
            if let Some(waiting) = self.turns.get_mut(turn) {
                self.behind.insert(id, turn.to_owned());
                waiting.push(id, job);
                return;
            }
            self.turns.insert(turn.to_owned(), JobQueue::default());
        }
        self.ready.push(id, job);
    }

    /// Makes the next job of an ended job's path ready.
    fn end_turn(&mut self, ended: &Job<T>) {
        let Some(turn) = ended.task.turn() else { return };
        match self.turns.get_mut(turn).and_then(JobQueue::pop) {
            Some(next) => {
                let id = next.channel.job();
                self.behind.remove(&id);
                self.ready.push(id, next);
            }
            None => drop(self.turns.remove(turn)),
        }
    }

    /// Removes and returns a job that no thread has taken. None if it is running or has ended.
    fn withdraw(&mut self, id: JobId) -> Option<Job<T>> {
        if let Some(job) = self.ready.remove(id) {
            self.end_turn(&job);
            return Some(job);
        }
        let turn = self.behind.remove(&id)?;
        self.turns.get_mut(&turn)?.remove(id)
    }
}

impl<T: Task> Job<T> {
    /// Runs the job. Returns its last records. A panic becomes the error of the job.
    fn run(&self) -> Vec<u8> {
        panics::catch(|| self.task.run(&self.channel))
            .unwrap_or_else(|text| self.task.fail(self.channel.job(), Failure::Panicked(text)))
    }

    fn fail(self, failure: Failure) {
        self.channel.answer(self.task.fail(self.channel.job(), failure));
    }
}
