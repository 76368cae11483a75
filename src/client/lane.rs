//! A lane: a queue of jobs, and one thread that runs them in order.
//!
//! The first job starts the thread. The [`Work`] of the lane runs the jobs; the thread holds its mutex
//! while a job runs. The closing joins the thread and then takes the work out. The queue's lock is held
//! for a few instructions only, never while a job runs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::jobs::cancel::{Cancel, CancelReason};
use crate::jobs::ids::JobId;
use crate::jobs::queue::JobQueue;
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{Condvar, Mutex, MutexGuard, lock, wait, wait_for};

/// A job of a lane.
pub trait Job: Send + 'static {
    /// The number by which the job can be cancelled.
    fn id(&self) -> JobId;
    /// Answers a job that was cancelled before it ran.
    fn reject(self, reason: CancelReason);
}

/// The part of a lane that runs its jobs.
pub trait Work: Send + 'static {
    /// The type of the jobs.
    type Job: Job;
    /// The type of the answers.
    type Answer: Answer;
    /// Runs one job to its end, on the lane's thread, and maybe some of those `behind` it. Returns the answer,
    /// which the lane sends once it has nothing to do: the caller's next call then finds it so. Must not panic.
    fn run(&mut self, job: Self::Job, behind: &dyn Behind<Self::Job>) -> Self::Answer;
    /// Gives up, on the lane's thread, what the lane does not need without a job. Must not panic.
    fn rest(&mut self) {}
}

/// The jobs behind the running one. Several jobs can be run as one: each is taken in its turn, and the work says
/// when none of them can be cancelled any more, or puts them back.
pub trait Behind<J> {
    /// Whether `is_wanted` returns true for the next job.
    fn is_next(&self, is_wanted: &dyn Fn(&J) -> bool) -> bool;
    /// Takes the next job, if `is_wanted` returns true for it. The jobs before it have run, but not ended. A
    /// cancel of a single one of them raises no flag while others run.
    fn take_next(&self, is_wanted: &dyn Fn(&J) -> bool) -> Option<J>;
    /// Says that the last job has run, too, and that only their common end is left. From now on a cancel of any of
    /// them raises the flag.
    fn have_run(&self);
    /// Puts jobs that were taken back, before all others. The jobs that were cancelled since they were taken are
    /// rejected.
    fn put_back(&self, jobs: Vec<J>);
}

/// The answer of a job.
pub trait Answer {
    /// Sends the answer to the caller of the job.
    fn send(self);
}

/// Makes the running job notice its cancel flag: interrupts SQLite, and wakes a wait.
pub type Interrupt = Arc<dyn Fn() + Send + Sync>;

/// A queue of jobs, and the thread that runs them.
pub struct Lane<W: Work> {
    shared: Arc<Shared<W>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    name: String,
}

struct Shared<W: Work> {
    queue: Mutex<Queue<W::Job>>,
    /// Signalled when the thread has something to do: a job is queued, or the lane is sealed.
    pushed: Condvar,
    /// Signalled when a job ends, and when the lane is sealed or woken.
    ended: Condvar,
    cancel: Arc<Cancel>,
    interrupt: Interrupt,
    /// How long the thread waits for a job before the work rests. None if it never does.
    rest_after: Option<Duration>,
    work: Mutex<Option<W>>,
}

struct Queue<J> {
    jobs: JobQueue<J>,
    running: Option<JobId>,
    /// The jobs that run as one with the running one, and have run.
    have_run: Vec<HasRun>,
    /// Why all jobs were cancelled while those ran. The flag may have the reason of a single one, which came first.
    of_all: Option<CancelReason>,
    /// Whether the lane rejects new jobs. The thread of a sealed lane ends when the queue is empty.
    sealed: bool,
    thread_started: bool,
    /// Whether the thread waits for `pushed`. Waking a thread is a system call.
    thread_sleeps: bool,
    /// The number of threads that wait for `ended`.
    waits_for_idle: usize,
}

/// A job that has run, but not ended.
struct HasRun {
    id: JobId,
    /// Why it was cancelled, in case that it has to run again.
    reason: Option<CancelReason>,
}

impl<J: Job> Queue<J> {
    fn is_idle(&self) -> bool {
        self.jobs.is_empty() && self.running.is_none()
    }

    /// Makes `next` the running job, beside which the former one has run.
    fn run_next(&mut self, next: JobId, cancel: &Cancel) {
        let reason = cancel.reason().filter(|reason| reason.is_of_one_call());
        if reason.is_some() {
            cancel.clear();
            if let Some(of_all) = self.of_all {
                cancel.raise(of_all);
            }
        }
        if let Some(id) = self.running.replace(next) {
            self.have_run.push(HasRun { id, reason });
        }
    }
}

/// What a lane needs to run what is queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Need {
    /// Nothing: it is running.
    Nothing,
    /// Its thread sleeps.
    Waking,
    /// It has no thread yet.
    Thread,
}

/// The result of cancelling a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// The job had not begun, and was rejected.
    Queued,
    /// The job is running, and was asked to end.
    Running,
    /// The job is not in this lane, or has ended.
    Gone,
}

impl<W: Work> Lane<W> {
    /// A lane for `work`. `name` is the name of its thread, `cancel` the flag that `work` checks. The work rests
    /// once the lane has had no job for `rest_after`.
    pub fn new(
        name: String,
        work: W,
        cancel: Arc<Cancel>,
        interrupt: Interrupt,
        rest_after: Option<Duration>,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                queue: Mutex::new(Queue {
                    jobs: JobQueue::default(),
                    running: None,
                    have_run: Vec::new(),
                    of_all: None,
                    sealed: false,
                    thread_started: false,
                    thread_sleeps: false,
                    waits_for_idle: 0,
                }),
                pushed: Condvar::new(),
                ended: Condvar::new(),
                cancel,
                interrupt,
                rest_after,
                work: Mutex::new(Some(work)),
            }),
            thread: Mutex::new(None),
            name,
        }
    }

    /// Queues a job, and sees to it that the job runs. A sealed or stopped lane rejects the job; this is the
    /// second check after the gate.
    pub fn push(&self, job: W::Job) {
        match self.enqueue(job) {
            Ok(need) => self.meet(need),
            Err(job) => job.reject(CancelReason::ClientClosed),
        }
    }

    /// Queues a job. The job runs once [`Lane::meet`] is called with the result.
    ///
    /// # Errors
    /// The job, if the lane is sealed.
    pub fn enqueue(&self, job: W::Job) -> Result<Need, W::Job> {
        let mut queue = self.shared.lock_queue();
        if queue.sealed {
            return Err(job);
        }
        queue.jobs.push(job.id(), job);
        Ok(if !queue.thread_started {
            queue.thread_started = true;
            Need::Thread
        } else if queue.thread_sleeps {
            Need::Waking
        } else {
            Need::Nothing
        })
    }

    /// Lets the lane run what was queued. Where the system has no thread left, the jobs run here.
    pub fn meet(&self, need: Need) {
        match need {
            Need::Nothing => {}
            Need::Waking => self.shared.pushed.notify_one(),
            Need::Thread => self.start_thread(),
        }
    }

    /// Takes the jobs that have not begun and for which `is_wanted` returns true, in their order.
    pub fn take_back(&self, is_wanted: impl FnMut(&W::Job) -> bool) -> Vec<W::Job> {
        self.shared.lock_queue().jobs.take_if(is_wanted)
    }

    /// Runs `run` on the calling thread, as the job of this number, if the lane has nothing to do. None if it
    /// has, or if `run` returns None; the job must then be queued. `run` is told whether the lane has a thread.
    pub fn run_in_place<T>(
        &self,
        id: JobId,
        run: impl FnOnce(&mut W, bool) -> Option<T>,
    ) -> Option<T> {
        let has_thread = {
            let mut queue = self.shared.lock_queue();
            if queue.sealed || !queue.is_idle() {
                return None;
            }
            self.shared.cancel.clear();
            queue.running = Some(id);
            queue.thread_started
        };
        // The lane goes on after a panic, too, which the caller reports.
        let _end = EndOfJob(&self.shared);
        self.shared.lock_work().as_mut().and_then(|work| run(work, has_thread))
    }

    /// Cancels one job, queued or running. The queue's lock is held during the interrupt, and the thread
    /// needs that lock to take the next job. The interrupt therefore cannot hit another job.
    pub fn cancel(&self, id: JobId, reason: CancelReason) -> Cancelled {
        let mut queue = self.shared.lock_queue();
        if queue.running == Some(id) {
            self.shared.interrupt_current(reason);
            return Cancelled::Running;
        }
        if let Some(has_run) = queue.have_run.iter_mut().find(|has_run| has_run.id == id) {
            has_run.reason.get_or_insert(reason);
            if queue.running == Some(JobId::NONE) {
                // Their common end may wait. Those that were not cancelled run again.
                self.shared.interrupt_current(reason);
            }
            return Cancelled::Running;
        }
        let Some(job) = queue.jobs.remove(id) else {
            return Cancelled::Gone;
        };
        drop(queue);
        job.reject(reason);
        Cancelled::Queued
    }

    /// Cancels every queued job and the running one. The lane still accepts new jobs.
    pub fn cancel_all(&self, reason: CancelReason) {
        let mut queue = self.shared.lock_queue();
        let jobs = queue.jobs.take_all();
        if queue.running.is_some() {
            queue.of_all.get_or_insert(reason);
            self.shared.interrupt_current(reason);
        }
        drop(queue);
        for job in jobs {
            job.reject(reason);
        }
    }

    /// Whether no job is queued or running.
    pub fn is_idle(&self) -> bool {
        self.shared.lock_queue().is_idle()
    }

    /// Makes the lane reject new jobs. The queued jobs still run, and then the thread ends.
    pub fn seal(&self) {
        let mut queue = self.shared.lock_queue();
        queue.sealed = true;
        let (sleeps, is_awaited) = (queue.thread_sleeps, queue.waits_for_idle > 0);
        drop(queue);
        if sleeps {
            self.shared.pushed.notify_one();
        }
        if is_awaited {
            self.shared.ended.notify_all();
        }
    }

    /// Waits until no job is queued or running. Returns false if `deadline` passes first, or if `hurry`
    /// returns true. `hurry` is called at the beginning and after every change or [`Lane::wake`].
    pub fn wait_idle(&self, deadline: Option<Instant>, hurry: &dyn Fn() -> bool) -> bool {
        let mut queue = self.shared.lock_queue();
        queue.waits_for_idle += 1;
        let is_idle = loop {
            if queue.is_idle() {
                break true;
            }
            if hurry() {
                break false;
            }
            queue = match deadline {
                None => wait(&self.shared.ended, queue),
                Some(deadline) => {
                    let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                        break false;
                    };
                    wait_for(&self.shared.ended, queue, left)
                }
            };
        };
        queue.waits_for_idle -= 1;
        is_idle
    }

    /// Makes the callers of [`Lane::wait_idle`] check their conditions again.
    pub fn wake(&self) {
        // A waiter holds the lock from its check until it sleeps. So this lock is taken before the
        // check, which then sees the change, or during the sleep, which the signal ends.
        drop(self.shared.lock_queue());
        self.shared.ended.notify_all();
    }

    /// Seals the lane and cancels all of its jobs.
    pub fn stop(&self, reason: CancelReason) {
        self.seal();
        self.cancel_all(reason);
    }

    /// Waits for the thread of a sealed or stopped lane, and returns the lane's work. None if an earlier
    /// call has returned it.
    pub fn join(&self) -> Option<W> {
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread {
            // An error means that the thread panicked outside of a job. There is no caller to tell.
            let _ = thread.join();
        }
        self.shared.lock_work().take()
    }

    fn start_thread(&self) {
        let shared = Arc::clone(&self.shared);
        let spawned =
            thread::Builder::new().name(self.name.clone()).spawn(move || shared.run_jobs());
        match spawned {
            Ok(thread) => {
                *lock(&self.thread) = Some(thread);
            }
            // The system has no thread left: the job runs on the caller's thread.
            Err(_) => self.shared.run_queued_here(),
        }
    }
}

impl<W: Work> Shared<W> {
    fn run_jobs(&self) {
        let mut rest_after = self.rest_after;
        loop {
            match self.next_job(true, rest_after) {
                Next::Job(job) => {
                    self.run(job);
                    rest_after = self.rest_after;
                }
                Next::Rest => {
                    if let Some(work) = self.lock_work().as_mut() {
                        work.rest();
                    }
                    self.end_job();
                    rest_after = None;
                }
                Next::End => return,
            }
        }
    }

    fn run_queued_here(&self) {
        while let Next::Job(job) = self.next_job(false, None) {
            self.run(job);
        }
        self.lock_queue().thread_started = false;
    }

    /// Takes the next job and marks it as running, under one lock of the queue. With `waits`, waits for
    /// a job until the lane is sealed, or until it shall rest.
    fn next_job(&self, waits: bool, rest_after: Option<Duration>) -> Next<W::Job> {
        let mut queue = self.lock_queue();
        loop {
            // A job that runs in place comes before the queued ones.
            if queue.running.is_none()
                && let Some(job) = queue.jobs.pop()
            {
                self.cancel.clear();
                queue.running = Some(job.id());
                return Next::Job(job);
            }
            if queue.running.is_none() && (queue.sealed || !waits) {
                return Next::End;
            }
            queue.thread_sleeps = true;
            let Some(time) = rest_after else {
                queue = wait(&self.pushed, queue);
                queue.thread_sleeps = false;
                continue;
            };
            let began = Instant::now();
            queue = wait_for(&self.pushed, queue, time);
            queue.thread_sleeps = false;
            if began.elapsed() >= time && !queue.sealed && queue.is_idle() {
                // Nobody can cancel it.
                queue.running = Some(JobId::NONE);
                return Next::Rest;
            }
        }
    }

    fn run(&self, job: W::Job) {
        let answer = self.lock_work().as_mut().map(|work| work.run(job, self));
        self.end_job();
        if let Some(answer) = answer {
            answer.send();
        }
    }

    fn end_job(&self) {
        let mut queue = self.lock_queue();
        queue.running = None;
        queue.have_run.clear();
        queue.of_all = None;
        let is_awaited = queue.waits_for_idle > 0;
        // After a run in place, the thread may have jobs to run, or may have to end.
        let is_wanted = queue.thread_sleeps && (queue.sealed || !queue.jobs.is_empty());
        drop(queue);
        if is_awaited {
            self.ended.notify_all();
        }
        if is_wanted {
            self.pushed.notify_one();
        }
    }

    /// Interrupts the running job. The caller holds the queue's lock and has seen that a job is running.
    fn interrupt_current(&self, reason: CancelReason) {
        self.cancel.raise(reason);
        (self.interrupt)();
    }

    fn lock_queue(&self) -> MutexGuard<'_, Queue<W::Job>> {
        lock(&self.queue)
    }

    fn lock_work(&self) -> MutexGuard<'_, Option<W>> {
        lock(&self.work)
    }
}

impl<W: Work> Behind<W::Job> for Shared<W> {
    fn is_next(&self, is_wanted: &dyn Fn(&W::Job) -> bool) -> bool {
        self.lock_queue().jobs.first().is_some_and(is_wanted)
    }

    fn take_next(&self, is_wanted: &dyn Fn(&W::Job) -> bool) -> Option<W::Job> {
        let mut queue = self.lock_queue();
        if queue.of_all.is_some()
            || self.cancel.reason().is_some_and(|reason| !reason.is_of_one_call())
            || !queue.jobs.first().is_some_and(is_wanted)
        {
            return None;
        }
        let job = queue.jobs.pop()?;
        queue.run_next(job.id(), &self.cancel);
        Some(job)
    }

    fn have_run(&self) {
        let mut queue = self.lock_queue();
        queue.run_next(JobId::NONE, &self.cancel);
        // The job that was cancelled does not wait for the common end.
        if let Some(reason) = queue.have_run.iter().find_map(|has_run| has_run.reason) {
            self.cancel.raise(reason);
        }
    }

    fn put_back(&self, jobs: Vec<W::Job>) {
        let mut rejected = Vec::new();
        let mut queue = self.lock_queue();
        queue.run_next(JobId::NONE, &self.cancel);
        // The lane is stopping: its other jobs have been rejected.
        let of_all = self.cancel.reason();
        for job in jobs.into_iter().rev() {
            let has_run = queue.have_run.iter().find(|has_run| has_run.id == job.id());
            match has_run.and_then(|has_run| has_run.reason).or(of_all) {
                Some(reason) => rejected.push((job, reason)),
                None => queue.jobs.push_first(job.id(), job),
            }
        }
        // From now on a cancel finds those that wait in the queue.
        let Queue { jobs, have_run, .. } = &mut *queue;
        have_run.retain(|has_run| !jobs.contains(has_run.id));
        drop(queue);
        for (job, reason) in rejected.into_iter().rev() {
            job.reject(reason);
        }
    }
}

/// What the thread of a lane does next.
enum Next<J> {
    /// It runs a job.
    Job(J),
    /// It gives up what it does not need.
    Rest,
    /// It ends.
    End,
}

/// Ends the running job when it is dropped.
struct EndOfJob<'a, W: Work>(&'a Shared<W>);

impl<W: Work> Drop for EndOfJob<'_, W> {
    fn drop(&mut self) {
        self.0.end_job();
    }
}

#[cfg(test)]
#[cfg(not(feature = "model"))]
mod tests;
