//! The threads of one environment that work on files. Each job runs on one thread from its beginning to
//! its end, through its waits too, and is ended from outside by its flag.
//!
//! Only the threads that work are limited in number. A thread that waits, for JavaScript or for another
//! job, makes room: what it waits for may be the end of a job that has no thread yet, such as a step by
//! hand in its own `prepare`.
//!
//! A few threads stay for some seconds after their last job: the system lets a thread that was made
//! just now wait behind every other one that computes, so that on a busy machine each of its system
//! calls returns later.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::cancel::{Cancel, CancelReason, WaitObserver};
use super::channel::JobChannel;
use super::ids::JobId;
use super::outbox::Outbox;
use super::{panics, short_slices};
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{Condvar, Mutex, has_ended, lock, wait_for};

/// How many threads work at once before further jobs wait for one.
pub const MOST_WORKING: usize = 64;
/// How many threads stay for the next job at most, and for how long.
pub const MOST_IDLE: usize = 4;
/// See [`MOST_IDLE`].
pub const IDLE: Duration = Duration::from_secs(5);
/// How large their stacks are, in bytes: the buffers are on the heap, but SQLite parses on the stack.
const STACK: usize = 2 * 1024 * 1024;

/// What a job does.
pub trait Task: Send + 'static {
    /// The path whose tasks run in the order of their calls, one after the other.
    fn turn(&self) -> Option<&Path>;
    /// Does it. Answers the last records of the job.
    fn run(&self, channel: &JobChannel) -> Vec<u8>;
    /// The last records of a job that did not come to its end.
    fn fail(&self, job: JobId, failure: Failure) -> Vec<u8>;
}

/// Why a job did not come to its end.
#[derive(Debug)]
pub enum Failure {
    /// It was cancelled before it began.
    Cancelled(CancelReason),
    /// The system gives no thread to run it on.
    NoThread(io::Error),
    /// A defect of ours.
    Panicked(String),
}

/// See the module's documentation.
pub struct Pool<T: Task> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    /// Itself, for the threads that it starts.
    this: Weak<Self>,
    state: Mutex<State<T>>,
    /// There is a job to take, or all are stopped.
    changed: Condvar,
}

struct State<T> {
    /// Jobs to take. Either there are no more of them than idle threads, or as many threads work as
    /// may, or the system has no more.
    ready: VecDeque<Job<T>>,
    /// The paths of the tasks that run or are ready, and the jobs that wait for their turn there.
    turns: HashMap<PathBuf, VecDeque<Job<T>>>,
    channels: HashMap<JobId, Arc<JobChannel>>,
    threads: usize,
    /// How many threads look for a job, or wait for one.
    idle: usize,
    /// How many threads wait in the middle of a job.
    waiting: usize,
    /// Those that have not been joined.
    handles: Vec<JoinHandle<()>>,
    stopped: bool,
}

/// One job on its way.
struct Job<T> {
    task: T,
    channel: Arc<JobChannel>,
}

impl<T: Task> Default for Pool<T> {
    fn default() -> Self {
        let shared = |this: &Weak<Shared<T>>| Shared {
            this: Weak::clone(this),
            state: Mutex::new(State {
                ready: VecDeque::new(),
                turns: HashMap::new(),
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
    /// Queues a job, for which JavaScript waits from now on.
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

    /// The channel of a job that has not ended.
    pub fn channel(&self, job: JobId) -> Option<Arc<JobChannel>> {
        lock(&self.shared.state).channels.get(&job).cloned()
    }

    /// Ends a job on behalf of its caller.
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

    /// Ends all jobs, and lets none in any more, without waiting.
    pub fn stop(&self) {
        let mut state = lock(&self.shared.state);
        state.stopped = true;
        let mut unstarted = std::mem::take(&mut state.ready);
        unstarted.extend(state.turns.values_mut().flat_map(std::mem::take));
        for channel in state.channels.values() {
            channel.cancel().raise(CancelReason::EnvironmentClosing);
        }
        drop(state);
        self.shared.changed.notify_all();
        for job in unstarted {
            job.fail(Failure::Cancelled(CancelReason::EnvironmentClosing));
        }
    }

    /// Waits for the threads, which [`Pool::stop`] has ended. What cannot be interrupted finishes: one
    /// system call, which may be an fsync.
    pub fn join(&self) {
        // Stopped, they start no others.
        let handles = std::mem::take(&mut lock(&self.shared.state).handles);
        for thread in handles {
            // The thread catches the panics of its jobs; one that got out has nothing more to say.
            let _ = thread.join();
        }
    }

    /// How many threads there are.
    #[cfg(test)]
    pub fn threads(&self) -> usize {
        lock(&self.shared.state).threads
    }

    /// Whether nothing is kept of any job.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        let state = lock(&self.shared.state);
        state.turns.is_empty() && state.channels.is_empty()
    }
}

/// Ends jobs that no thread could be started for.
fn fail_unstartable<T: Task>(unstartable: Vec<(Job<T>, io::Error)>) {
    for (job, error) in unstartable {
        job.fail(Failure::NoThread(error));
    }
}

impl<T: Task> WaitObserver for Shared<T> {
    fn begin_wait(&self) {
        let mut state = lock(&self.state);
        state.waiting += 1;
        let unstartable = self.spawn_if_needed(&mut state);
        drop(state);
        fail_unstartable(unstartable);
    }

    fn end_wait(&self) {
        lock(&self.state).waiting -= 1;
    }
}

impl<T: Task> Shared<T> {
    fn run_jobs(&self) {
        short_slices::ask();
        while let Some(job) = self.next() {
            let records = job.run();
            // Before the answer: whoever hears it may call again at once.
            let mut state = lock(&self.state);
            state.channels.remove(&job.channel.job());
            state.end_turn(&job);
            state.idle += 1;
            drop(state);
            job.channel.answer(records);
        }
    }

    /// The next job, for which a few threads wait. Without one, the thread is counted out.
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
        let job = state.ready.pop_front();
        if job.is_none() {
            state.threads -= 1;
        }
        job
    }

    /// Starts a thread where a job is ready, no thread is idle and fewer work than may. Gives back the
    /// jobs that would wait for ever, as the system has no more threads and nobody works.
    fn spawn_if_needed(&self, state: &mut State<T>) -> Vec<(Job<T>, io::Error)> {
        if state.ready.len() <= state.idle || state.working() >= MOST_WORKING {
            return Vec::new();
        }
        // The lock is kept: whoever joins the threads finds all of them.
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
            // A thread that works takes them up later.
            Err(_) if state.working() > 0 => Vec::new(),
            Err(error) => state.take_unstartable(&error),
        }
    }
}

impl<T: Task> State<T> {
    /// How many threads there are that do not wait in the middle of a job.
    fn working(&self) -> usize {
        self.threads - self.waiting
    }

    /// Takes out all jobs that are ready, and those that waited for their turn behind them.
    fn take_unstartable(&mut self, error: &io::Error) -> Vec<(Job<T>, io::Error)> {
        let mut unstartable = Vec::new();
        while let Some(job) = self.ready.pop_front() {
            self.channels.remove(&job.channel.job());
            self.end_turn(&job);
            let error =
                error.raw_os_error().map_or(error.kind().into(), io::Error::from_raw_os_error);
            unstartable.push((job, error));
        }
        unstartable
    }

    /// Takes a job in: it is ready, or waits for its turn.
    fn queue(&mut self, job: Job<T>) {
        if let Some(turn) = job.task.turn() {
            if let Some(waiting) = self.turns.get_mut(turn) {
                waiting.push_back(job);
                return;
            }
            self.turns.insert(turn.to_owned(), VecDeque::new());
        }
        self.ready.push_back(job);
    }

    /// The next job of the path is ready.
    fn end_turn(&mut self, ended: &Job<T>) {
        let Some(turn) = ended.task.turn() else { return };
        match self.turns.get_mut(turn).and_then(VecDeque::pop_front) {
            Some(next) => self.ready.push_back(next),
            None => drop(self.turns.remove(turn)),
        }
    }

    /// Takes out a job that no thread has taken.
    fn withdraw(&mut self, id: JobId) -> Option<Job<T>> {
        let is_it = |job: &Job<T>| job.channel.job() == id;
        if let Some(index) = self.ready.iter().position(is_it) {
            let job = self.ready.remove(index)?;
            self.end_turn(&job);
            return Some(job);
        }
        self.turns.values_mut().find_map(|waiting| {
            let index = waiting.iter().position(is_it)?;
            waiting.remove(index)
        })
    }
}

impl<T: Task> Job<T> {
    /// Runs the job to its end. A panic becomes its error.
    fn run(&self) -> Vec<u8> {
        panics::catch(|| self.task.run(&self.channel))
            .unwrap_or_else(|text| self.task.fail(self.channel.job(), Failure::Panicked(text)))
    }

    fn fail(self, failure: Failure) {
        self.channel.answer(self.task.fail(self.channel.job(), failure));
    }
}
