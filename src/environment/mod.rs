//! The state of one JavaScript environment (the main thread, a worker, a vm context): its databases, its
//! file jobs, and the mailbox for their answers. This state is torn down before the environment ends.
//!
//! Other threads hold numbers and the mailbox, never a handle into JavaScript.

pub mod attachments;
mod cleanup_hook;
pub mod mailbox;
mod process_exit;
mod shutdown_request;
mod threads;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use napi::bindgen_prelude::{Env, Status};
use napi::sys;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use rustc_hash::FxHashMap;

use crate::client::Client;
use crate::failpoints::{Safeguard, is_removed};
use crate::jobs::ids::JobId;
use crate::jobs::pool::Pool;
use crate::swap::tasks::FileTask;
use crate::wire::records::{Outcome, Records};
use mailbox::Mailbox;
use shutdown_request::ShutdownRequest;

/// The thread-safe function that rings the bell. It is weak: by itself it does not keep the event loop
/// alive.
pub type Doorbell = ThreadsafeFunction<(), (), (), Status, false, true>;

/// The state of one attached copy of our JavaScript in its environment.
pub struct Environment {
    mailbox: Arc<Mailbox>,
    doorbell: Arc<Doorbell>,
    /// The number that JavaScript gives the environment's thread.
    thread: u32,
    /// The open shutdown requests of other environments, by their numbers in JavaScript.
    requests: HashMap<u32, ShutdownRequest>,
    last_request: u32,
    /// Whether the cleanup hook has run. No database can be opened any more, because none would be closed.
    /// [`Environment::close_all`] alone does not set this.
    ended: bool,
    databases: FxHashMap<u32, Arc<Client>>,
    /// Swaps and other file jobs.
    pub file_jobs: Pool<FileTask>,
    last_database: u32,
    /// The number of jobs that JavaScript waits for. The event loop stays alive while it is not zero.
    pending: u32,
}

/// The result of looking up the number of a database.
pub enum Lookup {
    /// The database is open or closing.
    Found(Arc<Client>),
    /// The database was closed.
    Closed,
    /// No database ever had this number.
    NeverOpened,
}

impl Environment {
    /// The state for one copy of our JavaScript. `doorbell` calls that copy when there are answers to
    /// fetch.
    fn new(doorbell: Doorbell, thread: u32) -> Self {
        let doorbell = Arc::new(doorbell);
        let bell = Arc::clone(&doorbell);
        let mailbox = Arc::new(Mailbox::new(Box::new(move || {
            bell.call((), ThreadsafeFunctionCallMode::NonBlocking);
        })));
        threads::enter(thread, &mailbox);
        Self {
            mailbox,
            doorbell,
            thread,
            requests: HashMap::new(),
            last_request: 0,
            ended: false,
            databases: FxHashMap::default(),
            file_jobs: Pool::default(),
            last_database: 0,
            pending: 0,
        }
    }

    /// Prepares detaching: from now on, shutdown requests are answered with "nothing is open". Returns
    /// false, and does nothing, if a database is open or JavaScript waits for an answer.
    fn retire(&self) -> bool {
        self.databases.is_empty()
            && self.requests.is_empty()
            && self.pending == 0
            && self.mailbox.retire()
    }

    /// The mailbox for the answers of this environment's jobs.
    pub fn mailbox(&self) -> Arc<Mailbox> {
        Arc::clone(&self.mailbox)
    }

    /// Whether the environment is ending: its cleanup hook has run.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Adds a database. Returns its number.
    pub fn register(&mut self, database: Client) -> u32 {
        self.last_database += 1;
        self.replace(self.last_database, database);
        self.last_database
    }

    /// Looks up the number of a database.
    pub fn database(&self, number: u32) -> Lookup {
        match self.databases.get(&number) {
            Some(database) => Lookup::Found(Arc::clone(database)),
            None if (1..=self.last_database).contains(&number) => Lookup::Closed,
            None => Lookup::NeverOpened,
        }
    }

    /// Replaces a closed database by the one that was opened again under its number.
    pub fn replace(&mut self, number: u32, database: Client) {
        let database = Arc::new(database);
        process_exit::watch(&database);
        self.databases.insert(number, database);
    }

    /// Forgets a database that is closed.
    pub fn release(&mut self, number: u32) {
        self.databases.remove(&number);
    }

    /// Counts a job that JavaScript waits for from now on.
    pub fn begin_wait(&mut self, env: Env) {
        self.pending += 1;
        if self.pending == 1 {
            self.keep_alive(env, true);
        }
    }

    /// Counts the jobs whose answers JavaScript has fetched.
    pub fn end_waits(&mut self, env: Env, ended: u32) {
        if ended > 0 && self.pending > 0 {
            self.pending = self.pending.saturating_sub(ended);
            if self.pending == 0 {
                self.keep_alive(env, false);
            }
        }
    }

    /// Sets whether the doorbell keeps the event loop alive.
    fn keep_alive(&self, env: Env, alive: bool) {
        if self.doorbell.aborted() {
            return;
        }
        let doorbell = self.doorbell.raw();
        // SAFETY: both functions must be called on the thread of the environment that created
        // `doorbell`. `env` is that environment: its JavaScript is calling us. `doorbell` is valid
        // until its last handle is dropped, and we hold a handle, or until the environment finalizes
        // it. The check above rules the second case out; the finalizer runs on this thread, so it
        // cannot run in between.
        unsafe {
            if alive {
                sys::napi_ref_threadsafe_function(env.raw(), doorbell);
            } else {
                sys::napi_unref_threadsafe_function(env.raw(), doorbell);
            }
        }
    }

    /// Fetches the next records for JavaScript, among them the shutdown requests of other environments: as
    /// many as fit into `room` bytes, and at least one letter. None if there are no records.
    pub fn fetch(&mut self, env: Env, room: usize) -> Option<Vec<Vec<u8>>> {
        let delivery = self.mailbox.fetch(room)?;
        self.end_waits(env, delivery.ended);
        let mut letters = delivery.records;
        for request in delivery.requests {
            self.last_request += 1;
            let mut records = Records::new(JobId::NONE);
            records.shutdown_request(self.last_request, request.drain, request.limit);
            letters.push(records.take());
            self.requests.insert(self.last_request, request);
        }
        Some(letters)
    }

    /// Asks the other environments of a thread to shut down their clients. Each of them answers `job`,
    /// with its report or by ending. Returns the number of environments that were asked.
    pub fn ask_to_shut_down(
        &mut self,
        env: Env,
        thread: u32,
        job: JobId,
        drain: bool,
        limit: Duration,
    ) -> u32 {
        let mut asked = 0;
        for mailbox in threads::of(thread) {
            if !Arc::ptr_eq(&mailbox, &self.mailbox) {
                self.begin_wait(env);
                mailbox.ask(ShutdownRequest::new(self.mailbox(), job, drain, limit));
                asked += 1;
            }
        }
        asked
    }

    /// Answers a shutdown request of another environment.
    pub fn acknowledge(&mut self, request: u32, report: String) {
        if let Some(request) = self.requests.remove(&request) {
            request.acknowledge(report);
        }
    }

    /// Closes every database, cancels every file job and joins every thread. Called before the
    /// environment ends. Afterwards no thread of latchdb can use JavaScript or a connection.
    fn tear_down(&mut self) {
        self.ended = true;
        threads::leave(self.thread, &self.mailbox);
        self.mailbox.silence();
        if is_removed(Safeguard::Join) {
            for (_, database) in self.databases.drain() {
                database.stop();
                std::mem::forget(database);
            }
        }
        self.close_all();
        // Dropping a request answers it without a report.
        self.requests.clear();
    }

    /// Closes every database and cancels every file job. All are stopped before the first one is waited
    /// for. Returns the closing records of each database; its number stands in place of a job's.
    pub fn close_all(&mut self) -> Vec<u8> {
        self.file_jobs.stop();
        for database in self.databases.values() {
            database.stop();
        }
        let mut bytes = Vec::new();
        for (number, database) in self.databases.drain() {
            bytes.extend(close(&database, JobId(number)));
        }
        self.file_jobs.join();
        bytes
    }
}

/// Closes a database. Returns the records of the closing: its steps, and then its result or an error.
pub fn close(database: &Client, job: JobId) -> Vec<u8> {
    let mut records = Records::new(job);
    match database.close(&mut |step, took| records.step(step, took)) {
        Ok(closed) => records.closed(closed),
        Err(error) => records.error(Outcome::default(), error.record(), None),
    }
    records.take()
}
