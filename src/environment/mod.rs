//! What one JavaScript environment (the main thread, a worker, a vm context) has of us: its
//! databases, its work on files, and the mailbox their answers go to. It ends before the environment
//! does.
//!
//! Lanes' threads hold numbers and the mailbox, never a handle into JavaScript.

pub mod attachments;
pub mod mailbox;
mod shutdown_request;
mod threads;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use napi::bindgen_prelude::{Env, Status};
use napi::sys;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};

use crate::client::Client;
use crate::failpoints::{Safeguard, is_removed};
use crate::jobs::ids::JobId;
use crate::jobs::pool::Pool;
use crate::swap::tasks::FileTask;
use crate::wire::records::{Outcome, Records};
use mailbox::Mailbox;
use shutdown_request::ShutdownRequest;

/// Weak: it does not keep the event loop alive by itself.
pub type Doorbell = ThreadsafeFunction<(), (), (), Status, false, true>;

/// See the module's documentation.
pub struct Environment {
    mailbox: Arc<Mailbox>,
    doorbell: Arc<Doorbell>,
    /// The number that JavaScript gives the environment's thread.
    thread: u32,
    /// What other environments asked for, by the numbers under which JavaScript knows it.
    requests: HashMap<u32, ShutdownRequest>,
    last_request: u32,
    /// Its hook has run: nothing can be opened any more, for nobody would close it. To have closed
    /// everything is something else: [`Environment::close_all`].
    ended: bool,
    databases: HashMap<u32, Arc<Client>>,
    /// Swaps, and other work on files.
    pub file_jobs: Pool<FileTask>,
    last_database: u32,
    /// How many jobs JavaScript waits for: while there are any, the event loop stays alive.
    pending: u32,
}

/// What is behind a database's number.
pub enum Lookup {
    /// An open database, or one that is closing.
    Found(Arc<Client>),
    /// It was closed.
    Closed,
    /// There never was one of this number.
    NeverOpened,
}

impl Environment {
    /// For a copy of our JavaScript that `doorbell` calls when there are answers to fetch.
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
            databases: HashMap::new(),
            file_jobs: Pool::default(),
            last_database: 0,
            pending: 0,
        }
    }

    /// Whether nothing is open and JavaScript waits for nothing.
    fn is_idle(&self) -> bool {
        self.databases.is_empty()
            && self.requests.is_empty()
            && self.pending == 0
            && self.mailbox.is_empty()
    }

    /// Where the answers of this environment's databases go.
    pub fn mailbox(&self) -> Arc<Mailbox> {
        Arc::clone(&self.mailbox)
    }

    /// Whether the environment is about to be gone.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Takes a database in and gives it a number.
    pub fn register(&mut self, database: Client) -> u32 {
        self.last_database += 1;
        self.databases.insert(self.last_database, Arc::new(database));
        self.last_database
    }

    /// What is behind a number.
    pub fn database(&self, number: u32) -> Lookup {
        match self.databases.get(&number) {
            Some(database) => Lookup::Found(Arc::clone(database)),
            None if (1..=self.last_database).contains(&number) => Lookup::Closed,
            None => Lookup::NeverOpened,
        }
    }

    /// Puts one that was opened again in the place of its closed self.
    pub fn replace(&mut self, number: u32, database: Client) {
        self.databases.insert(number, Arc::new(database));
    }

    /// Forgets a database that is closed.
    pub fn release(&mut self, number: u32) {
        self.databases.remove(&number);
    }

    /// JavaScript begins to wait for a job.
    pub fn begin_wait(&mut self, env: Env) {
        self.pending += 1;
        if self.pending == 1 {
            self.keep_alive(env, true);
        }
    }

    /// JavaScript has the answers of this many jobs.
    pub fn end_waits(&mut self, env: Env, ended: u32) {
        if ended > 0 && self.pending > 0 {
            self.pending = self.pending.saturating_sub(ended);
            if self.pending == 0 {
                self.keep_alive(env, false);
            }
        }
    }

    /// Whether the doorbell keeps the event loop alive.
    fn keep_alive(&self, env: Env, alive: bool) {
        if self.doorbell.aborted() {
            return;
        }
        let doorbell = self.doorbell.raw();
        // SAFETY: both calls are for the thread of the environment that created the function, and
        // `env` is the one whose JavaScript called us. The function lives until its last handle,
        // which we hold, is dropped or the environment finalizes it; that was asked above, and the
        // finalizer runs on this very thread.
        unsafe {
            if alive {
                sys::napi_ref_threadsafe_function(env.raw(), doorbell);
            } else {
                sys::napi_unref_threadsafe_function(env.raw(), doorbell);
            }
        }
    }

    /// The next answers for JavaScript, or nothing. What others ask for is among them.
    pub fn fetch(&mut self, env: Env) -> Option<Vec<u8>> {
        let delivery = self.mailbox.fetch()?;
        self.end_waits(env, delivery.ended);
        let mut bytes = delivery.records;
        for request in delivery.requests {
            self.last_request += 1;
            let mut records = Records::new(JobId::NONE);
            records.shutdown_request(self.last_request, request.drain, request.limit);
            bytes.extend(records.take());
            self.requests.insert(self.last_request, request);
        }
        Some(bytes)
    }

    /// Asks the other environments of a thread to shut their clients down. Each answers `job`, with
    /// its report or by ending. Returns how many there are.
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

    /// Answers a request of another environment.
    pub fn acknowledge(&mut self, request: u32, report: String) {
        if let Some(request) = self.requests.remove(&request) {
            request.acknowledge(report);
        }
    }

    /// Before the environment ends: closes every database, ends every swap and joins every thread. Nobody can touch
    /// JavaScript or a connection afterwards.
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
        // Those who asked learn that nobody will answer.
        self.requests.clear();
    }

    /// Closes every database and ends every job on files: all are stopped before the first is waited
    /// for. Returns a record of what was done for each database, under its number in the place of a
    /// job's.
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

/// Closes a database and says in records what was done, or why it could not be.
pub fn close(database: &Client, job: JobId) -> Vec<u8> {
    let mut records = Records::new(job);
    match database.close(&mut |step, took| records.step(step, took)) {
        Ok(closed) => records.closed(closed),
        Err(error) => records.error(Outcome::default(), error.record(), None),
    }
    records.take()
}
