//! The work of one environment on files: swaps, and steps of them by hand. Each job runs on a thread
//! from its beginning to its end, through its waits too, and is ended from outside by its flag.
//!
//! Only the threads that work are limited in number. One that waits, for JavaScript or for another
//! swap, makes room: what it waits for may be the end of a job that has no thread yet, such as a step
//! by hand in its own `prepare`.
//!
//! A few threads stay for some seconds after their last job: the system lets a thread that was made
//! just now wait behind every other one that computes, so that on a busy machine each of its system
//! calls returns later.

mod short_slices;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::context::Outbox;
use crate::open_files;
use crate::swap::cancel::{Cancel, Watch};
use crate::swap::database::{self, doctor, recovery, request as database_request};
use crate::swap::error::{CancelReason, Problem, Result, Step, SwapError};
use crate::swap::rename::Patience;
use crate::swap::{self, Caller, Request, Swapped, by_hand};
use crate::wire::response::Records;
use crate::wire::swap::{Question, Wanted};

/// How many threads work at once before further jobs wait for one.
const MOST_WORKING: usize = 64;
/// How many threads stay for the next job at most, and for how long.
const MOST_IDLE: usize = 4;
const IDLE: Duration = Duration::from_secs(5);
/// How large their stacks are, in bytes: the buffers are on the heap, but SQLite parses on the stack.
const STACK: usize = 2 * 1024 * 1024;
/// How long a look at a database waits for its locks.
const LOOK: Duration = Duration::from_secs(5);
/// How often JavaScript hears of the bytes written.
const PROGRESS_EVERY: Duration = Duration::from_millis(50);

/// What a job does.
#[derive(Debug)]
pub enum Task {
    /// Replaces a file. `progress`: JavaScript wants to hear of it.
    Swap {
        /// What is asked for.
        request: Request,
        /// Whether JavaScript wants to hear of it.
        progress: bool,
    },
    /// Replaces a database, or makes a copy of one.
    SwapDatabase {
        /// What is asked for.
        request: database_request::Request,
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

impl Task {
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

    /// Swaps of one path run in the order of their calls, one after the other.
    fn turn(&self) -> Option<&Path> {
        match self {
            Self::Swap { request, .. } => Some(&request.target),
            Self::SwapDatabase { request, .. } => Some(&request.target),
            _ => None,
        }
    }
}

/// How a job ended well.
#[derive(Debug)]
pub enum Ended {
    /// A file was swapped, or a step by hand is done.
    File(Swapped),
    /// A database was swapped.
    Database(database_request::Swapped),
    /// Something was found out: JSON.
    Report(String),
}

/// What JavaScript answers to what a swap wanted.
#[derive(Debug)]
enum Reply {
    /// A piece of the content.
    Piece(Vec<u8>),
    /// There are no more pieces; the caller's own step is done.
    GoOn,
}

/// See the module's own text.
pub struct FileJobs {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Itself, for the threads that it starts.
    this: Weak<Self>,
    state: Mutex<State>,
    /// There is a job to take, or all are stopped.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Jobs to take. Either there are no more of them than threads that look for one, or as many
    /// threads work as may, or the system has no more.
    ready: VecDeque<Call>,
    /// The paths of the swaps that run or are ready, and the swaps that wait for their turn there.
    turns: HashMap<PathBuf, VecDeque<Call>>,
    conversations: HashMap<u32, Arc<Conversation>>,
    threads: usize,
    /// How many of them look for a job, or wait for one.
    looking: usize,
    /// How many of them wait in the middle of a job.
    waiting: usize,
    /// Those that have not been joined.
    handles: Vec<JoinHandle<()>>,
    stopped: bool,
}

/// One job on its way.
struct Call {
    job: u32,
    task: Task,
    conversation: Arc<Conversation>,
    outbox: Arc<dyn Outbox>,
}

/// What JavaScript says to the thread of one job.
struct Conversation {
    cancel: Arc<Cancel>,
    replies: Mutex<VecDeque<Reply>>,
    /// Memory of pieces that are written.
    spare: Mutex<Vec<u8>>,
}

impl Default for FileJobs {
    fn default() -> Self {
        let new = |this: &Weak<Shared>| Shared { this: Weak::clone(this), ..Shared::default() };
        Self { shared: Arc::new_cyclic(new) }
    }
}

impl FileJobs {
    /// Queues a job, for which JavaScript waits from now on.
    pub fn start(&mut self, job: u32, task: Task, outbox: Arc<dyn Outbox>) {
        let watch: Weak<dyn Watch> = Weak::clone(&self.shared.this) as _;
        let conversation = Arc::new(Conversation {
            cancel: Arc::new(Cancel::watched(watch)),
            replies: Mutex::default(),
            spare: Mutex::default(),
        });
        let call = Call { job, task, conversation: Arc::clone(&conversation), outbox };
        let mut state = self.shared.lock();
        if state.stopped {
            drop(state);
            call.reject(Problem::Cancelled(CancelReason::Closing));
            return;
        }
        state.conversations.insert(job, conversation);
        state.queue(call);
        let stranded = self.shared.staff(&mut state);
        drop(state);
        self.shared.changed.notify_one();
        reject_all(stranded);
    }

    /// Hands a job the piece of its content that it wanted.
    pub fn feed(&self, job: u32, piece: &[u8]) {
        let Some(conversation) = self.conversation(job) else { return };
        let mut copy = std::mem::take(&mut *conversation.lock_spare());
        copy.clear();
        copy.extend_from_slice(piece);
        conversation.reply(Reply::Piece(copy));
    }

    /// Lets a job go on: there are no more pieces, or the caller's own step is done.
    pub fn go_on(&self, job: u32) {
        if let Some(conversation) = self.conversation(job) {
            conversation.reply(Reply::GoOn);
        }
    }

    fn conversation(&self, job: u32) -> Option<Arc<Conversation>> {
        self.shared.lock().conversations.get(&job).cloned()
    }

    /// Ends a job on behalf of its caller.
    pub fn abort(&self, job: u32) {
        let mut state = self.shared.lock();
        let call = state.withdraw(job);
        let conversation = match call {
            Some(_) => state.conversations.remove(&job),
            None => state.conversations.get(&job).cloned(),
        };
        drop(state);
        if let Some(call) = call {
            call.reject(Problem::Cancelled(CancelReason::Aborted));
        } else if let Some(conversation) = conversation {
            conversation.cancel.raise(CancelReason::Aborted);
        }
    }

    /// Ends all jobs, and lets none in any more, without waiting.
    pub fn stop(&mut self) {
        let mut state = self.shared.lock();
        state.stopped = true;
        let mut waiting = std::mem::take(&mut state.ready);
        waiting.extend(state.turns.values_mut().flat_map(std::mem::take));
        for conversation in state.conversations.values() {
            conversation.cancel.raise(CancelReason::Closing);
        }
        drop(state);
        self.shared.changed.notify_all();
        for call in waiting {
            call.reject(Problem::Cancelled(CancelReason::Closing));
        }
    }

    /// Waits for the threads, which [`FileJobs::stop`] has ended. What cannot be interrupted is let
    /// finish: one system call, which may be an fsync.
    pub fn join(&mut self) {
        // Stopped, they start no others.
        let handles = std::mem::take(&mut self.shared.lock().handles);
        for thread in handles {
            // The thread catches the panics of its jobs; one that got out has nothing more to say.
            let _ = thread.join();
        }
    }
}

/// Ends jobs that no thread could be started for.
fn reject_all(stranded: Vec<(Call, io::Error)>) {
    for (call, error) in stranded {
        call.reject(Problem::Io(error));
    }
}

impl Watch for Shared {
    fn begin_wait(&self) {
        let mut state = self.lock();
        state.waiting += 1;
        let stranded = self.staff(&mut state);
        drop(state);
        reject_all(stranded);
    }

    fn end_wait(&self) {
        self.lock().waiting -= 1;
    }
}

impl Shared {
    fn run_calls(&self) {
        short_slices::ask();
        while let Some(call) = self.next() {
            let ended = call.run();
            // Before the answer: whoever hears it may call again at once.
            let mut state = self.lock();
            state.conversations.remove(&call.job);
            state.end_turn(&call);
            state.looking += 1;
            drop(state);
            call.answer(&ended);
        }
    }

    /// The next job, for which a few threads wait. Without one, the thread is counted out.
    fn next(&self) -> Option<Call> {
        let mut state = self.lock();
        if state.looking <= MOST_IDLE {
            let has_nothing = |state: &mut State| state.ready.is_empty() && !state.stopped;
            // The lock is let go while it waits.
            let waited = self.changed.wait_timeout_while(state, IDLE, has_nothing);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.looking -= 1;
        let call = state.ready.pop_front();
        if call.is_none() {
            state.threads -= 1;
        }
        call
    }

    /// Starts a thread where a job is ready, nobody looks for one and fewer work than may. Gives back
    /// the jobs that would wait for ever, as the system has no more threads and nobody works.
    fn staff(&self, state: &mut State) -> Vec<(Call, io::Error)> {
        if state.ready.len() <= state.looking || state.working() >= MOST_WORKING {
            return Vec::new();
        }
        // The lock is kept: whoever joins the threads finds all of them.
        for thread in state.handles.extract_if(.., |thread| thread.is_finished()) {
            let _ = thread.join();
        }
        let Some(shared) = self.this.upgrade() else { return Vec::new() };
        let builder = thread::Builder::new().name("latchdb-files".into()).stack_size(STACK);
        match builder.spawn(move || shared.run_calls()) {
            Ok(thread) => {
                state.handles.push(thread);
                state.threads += 1;
                state.looking += 1;
                Vec::new()
            }
            // A thread that works takes them up later.
            Err(_) if state.working() > 0 => Vec::new(),
            Err(error) => state.strand(&error),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// How many threads there are that do not wait in the middle of a job.
    fn working(&self) -> usize {
        self.threads - self.waiting
    }

    /// Takes out all jobs that are ready, and those that waited for their turn behind them.
    fn strand(&mut self, error: &io::Error) -> Vec<(Call, io::Error)> {
        let mut stranded = Vec::new();
        while let Some(call) = self.ready.pop_front() {
            self.conversations.remove(&call.job);
            self.end_turn(&call);
            let error =
                error.raw_os_error().map_or(error.kind().into(), io::Error::from_raw_os_error);
            stranded.push((call, error));
        }
        stranded
    }

    /// Takes a job in: it is ready, or waits for its turn.
    fn queue(&mut self, call: Call) {
        if let Some(turn) = call.task.turn() {
            if let Some(waiting) = self.turns.get_mut(turn) {
                waiting.push_back(call);
                return;
            }
            self.turns.insert(turn.to_owned(), VecDeque::new());
        }
        self.ready.push_back(call);
    }

    /// The next swap of the path is ready.
    fn end_turn(&mut self, ended: &Call) {
        let Some(turn) = ended.task.turn() else { return };
        match self.turns.get_mut(turn).and_then(VecDeque::pop_front) {
            Some(next) => self.ready.push_back(next),
            None => drop(self.turns.remove(turn)),
        }
    }

    /// Takes out a job that no thread has taken.
    fn withdraw(&mut self, job: u32) -> Option<Call> {
        let has_number = |call: &Call| call.job == job;
        if let Some(index) = self.ready.iter().position(has_number) {
            let call = self.ready.remove(index)?;
            self.end_turn(&call);
            return Some(call);
        }
        self.turns.values_mut().find_map(|waiting| {
            let index = waiting.iter().position(has_number)?;
            waiting.remove(index)
        })
    }
}

impl Call {
    /// Runs the job to its end. A panic becomes its error.
    fn run(&self) -> Result<Ended> {
        catch_unwind(AssertUnwindSafe(|| self.perform()))
            .unwrap_or_else(|panic| {
                let text = panic
                    .downcast_ref::<String>()
                    .map(String::as_str)
                    .or_else(|| panic.downcast_ref::<&str>().copied())
                    .unwrap_or("a panic without a text");
                Err(self.error(Problem::Panicked(text.to_owned())))
            })
            .map_err(|error| self.cancelled(error))
    }

    /// The wait for a lease ends with a cancel.
    fn cancelled(&self, error: SwapError) -> SwapError {
        let is_wait = matches!(&error.problem, Problem::Io(error) if error.kind() == io::ErrorKind::WouldBlock);
        match self.conversation.cancel.check() {
            Err(reason) if is_wait && !error.committed => {
                SwapError { problem: Problem::Cancelled(reason), ..error }
            }
            _ => error,
        }
    }

    fn perform(&self) -> Result<Ended> {
        let cancel = &self.conversation.cancel;
        cancel.check().map_err(|reason| self.error(Problem::Cancelled(reason)))?;
        // The others have no signal, and a limit of their own.
        let _patience =
            matches!(self.task, Task::Swap { .. } | Task::SwapDatabase { .. }).then(|| {
                let cancel = Arc::clone(cancel);
                open_files::wait_while(move || cancel.check().is_ok())
            });
        let done =
            |happened| Ended::File(Swapped { committed: happened, durable: happened, bytes: 0 });
        match &self.task {
            Task::Swap { request, progress } => {
                swap::swap_file(request, &mut Talk::new(self, *progress)).map(Ended::File)
            }
            Task::SwapDatabase { request, progress } => {
                database::swap_database(request, &mut Talk::new(self, *progress))
                    .map(Ended::Database)
            }
            Task::Recover(path) => {
                recovery::recover(path, &self.patience()).and_then(|report| self.report(&report))
            }
            Task::Examine(path) => {
                doctor::examine(path, &self.patience()).and_then(|report| self.report(&report))
            }
            Task::SyncFile(path) => by_hand::fsync_file(path).map(|()| done(true)),
            Task::SyncDirectory(path) => by_hand::fsync_directory(path).map(|()| done(true)),
            Task::Rename { from, to, retry } => {
                let patience = Patience { retry: *retry, cancel };
                by_hand::rename_durably(from, to, &patience).map(|()| done(true))
            }
            Task::Remove { path, retry } => {
                let patience = Patience { retry: *retry, cancel };
                by_hand::remove_with_retry(path, &patience).map(done)
            }
        }
    }

    /// For those who look at a database on behalf of a person.
    fn patience(&self) -> database_request::Patience {
        let cancel = Arc::clone(&self.conversation.cancel);
        database_request::Patience { timeout: LOOK, cancel }
    }

    fn report(&self, report: &impl serde::Serialize) -> Result<Ended> {
        let json = serde_json::to_string(report);
        // A path may be no UTF-8.
        json.map(Ended::Report).map_err(|error| self.error(Problem::Io(error.into())))
    }

    fn answer(&self, ended: &Result<Ended>) {
        answer(self.job, ended, &*self.outbox);
    }

    fn reject(self, problem: Problem) {
        let error = self.error(problem);
        self.answer(&Err(error));
    }

    fn error(&self, problem: Problem) -> SwapError {
        SwapError::new(problem, Step::Resolve, self.task.path())
    }
}

/// Tells JavaScript how a job has ended.
pub fn answer(job: u32, ended: &Result<Ended>, outbox: &dyn Outbox) {
    let mut records = Records::new(job);
    match ended {
        Ok(Ended::File(swapped)) => records.swapped(*swapped),
        Ok(Ended::Database(swapped)) => records.database_swapped(swapped),
        Ok(Ended::Report(json)) => records.report(json),
        Err(error) => records.swap_error(error),
    }
    outbox.post(records.take(), true);
}

impl Conversation {
    fn reply(&self, reply: Reply) {
        self.lock().push_back(reply);
        self.cancel.wake();
    }

    fn lock_spare(&self) -> MutexGuard<'_, Vec<u8>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_for_reply(&self) -> std::result::Result<Reply, CancelReason> {
        self.cancel.wait_for(|| self.lock().pop_front())
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Reply>> {
        self.replies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A swap's caller: JavaScript, spoken to by records and heard by replies.
struct Talk<'a> {
    call: &'a Call,
    progress: bool,
    step: Step,
    done: u64,
    total: Option<u64>,
    last_progress: Instant,
    asked: bool,
}

impl<'a> Talk<'a> {
    fn new(call: &'a Call, progress: bool) -> Self {
        Self {
            call,
            progress,
            step: Step::Resolve,
            done: 0,
            total: None,
            last_progress: Instant::now(),
            asked: false,
        }
    }

    fn want(&self, wanted: Wanted<'_>) {
        let mut records = Records::new(self.call.job);
        records.wanted(wanted);
        self.call.outbox.post(records.take(), false);
    }

    fn ask(
        &self,
        question: Question,
        staging: &str,
        old: Option<&str>,
    ) -> std::result::Result<(), CancelReason> {
        let mut records = Records::new(self.call.job);
        records.wanted_database(question, staging, old);
        self.call.outbox.post(records.take(), false);
        self.call.conversation.wait_for_reply().map(drop)
    }

    fn report(&mut self) {
        if !self.progress {
            return;
        }
        self.last_progress = Instant::now();
        let mut records = Records::new(self.call.job);
        records.progress(self.step, self.done, self.total);
        self.call.outbox.post(records.take(), false);
    }
}

impl database_request::Caller for Talk<'_> {
    fn cancel(&self) -> &Arc<Cancel> {
        &self.call.conversation.cancel
    }

    fn build(&mut self, staging: &str, old: Option<&str>) -> std::result::Result<(), CancelReason> {
        self.ask(Question::Build, staging, old)
    }

    fn verify(
        &mut self,
        staging: &str,
        old: Option<&str>,
    ) -> std::result::Result<(), CancelReason> {
        self.ask(Question::Verify, staging, old)
    }

    fn begin(&mut self, step: Step) {
        Caller::begin(self, step);
    }

    fn copied(&mut self, done: u64, total: u64) {
        self.wrote(done, Some(total));
    }
}

impl Caller for Talk<'_> {
    fn cancel(&self) -> &Arc<Cancel> {
        &self.call.conversation.cancel
    }

    /// The next piece is asked for as soon as this one is here: the one is written while the other
    /// is made.
    fn next_piece(&mut self, last: Vec<u8>) -> std::result::Result<Option<Vec<u8>>, CancelReason> {
        *self.call.conversation.lock_spare() = last;
        if !self.asked {
            self.want(Wanted::Piece);
            self.asked = true;
        }
        match self.call.conversation.wait_for_reply()? {
            Reply::Piece(piece) => {
                self.want(Wanted::Piece);
                Ok(Some(piece))
            }
            Reply::GoOn => Ok(None),
        }
    }

    fn prepare(&mut self, staging: &str) -> std::result::Result<(), CancelReason> {
        self.want(Wanted::Prepare(staging));
        self.call.conversation.wait_for_reply().map(drop)
    }

    fn begin(&mut self, step: Step) {
        self.step = step;
        self.report();
    }

    fn wrote(&mut self, done: u64, total: Option<u64>) {
        (self.done, self.total) = (done, total);
        if done == total.unwrap_or(u64::MAX) || self.last_progress.elapsed() >= PROGRESS_EVERY {
            self.report();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{self, Receiver, Sender};

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
        jobs: FileJobs,
        folder: tempfile::TempDir,
        ears: Arc<Ears>,
        heard: Receiver<(Vec<u8>, bool)>,
    }

    impl Bench {
        fn new() -> Self {
            let (sender, heard) = mpsc::channel();
            let ears = Arc::new(Ears(Mutex::new(sender)));
            Self { jobs: FileJobs::default(), folder: tempfile::tempdir().unwrap(), ears, heard }
        }

        fn start(&mut self, job: u32, task: Task) {
            let ears: Arc<dyn Outbox> = Arc::clone(&self.ears) as _;
            self.jobs.start(job, task, ears);
        }

        fn swap(&self, name: &str, prepare: bool) -> Task {
            let request = Request {
                target: self.folder.path().join(name),
                content: swap::Content::Bytes(b"new".to_vec()),
                prepare,
                durability: swap::durability::Durability::None,
                skip_if_same: false,
                mode: None,
                retry: Duration::ZERO,
                move_aside: false,
            };
            Task::Swap { request, progress: false }
        }

        fn hear(&self) -> (Vec<u8>, bool) {
            self.heard.recv_timeout(PATIENCE).unwrap()
        }

        fn threads(&self) -> usize {
            self.jobs.shared.lock().threads
        }
    }

    #[test]
    fn a_thread_stays_for_the_next_job() {
        let mut bench = Bench::new();
        for job in 1..=20 {
            let task = bench.swap("a", false);
            bench.start(job, task);
            assert!(bench.hear().1);
            assert_eq!(bench.threads(), 1);
        }
    }

    #[test]
    fn a_few_stay_and_end_at_once_when_they_are_stopped() {
        let mut bench = Bench::new();
        for job in 1..=20 {
            let task = bench.swap(&job.to_string(), true);
            bench.start(job, task);
        }
        // Each waits for its caller, so each has a thread.
        (0..20).for_each(|_| assert!(!bench.hear().1));
        assert_eq!(bench.threads(), 20);
        (1..=20).for_each(|job| bench.jobs.go_on(job));
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
        let mut bench = Bench::new();
        for job in 1..=3 {
            let task = bench.swap("a", true);
            bench.start(job, task);
        }
        assert!(!bench.hear().1, "the first one prepares");
        bench.jobs.abort(2);
        let (records, ends_job) = bench.hear();
        assert!(ends_job && String::from_utf8_lossy(&records).contains("ABORTED"));
        bench.jobs.go_on(1);
        assert!(bench.hear().1, "the first one has ended");
        assert!(!bench.hear().1, "the third one prepares");
        bench.jobs.go_on(3);
        assert!(bench.hear().1);
        let state = bench.jobs.shared.lock();
        assert!(state.turns.is_empty() && state.conversations.is_empty());
    }

    #[test]
    fn whoever_waits_leaves_the_threads_to_others() {
        let mut bench = Bench::new();
        // Each in its `prepare`: one behind the other at one target, by many names of it, and
        // at targets of their own.
        let count = u32::try_from(MOST_WORKING).unwrap() + 10;
        for job in 1..=count {
            let name = "./".repeat(job as usize) + "a";
            let Task::Swap { request, progress } = bench.swap("a", true) else { unreachable!() };
            let target = bench.folder.path().join(name).into_os_string();
            bench.start(
                job,
                Task::Swap { request: Request { target: target.into(), ..request }, progress },
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
        let mut bench = Bench::new();
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
        let mut bench = Bench::new();
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
