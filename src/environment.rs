//! What one JavaScript environment (the main thread, a worker, a vm context) has of us: its
//! databases and swaps, the mailbox their answers go to, and the hook that ends them all before the
//! environment does.
//!
//! The state is the environment's instance data, which Node-API frees last. Lanes' threads hold
//! numbers and the mailbox, never a handle into JavaScript.

pub mod mailbox;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use napi::bindgen_prelude::{Env, Error, Function, Result, Status};
use napi::sys;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};

use crate::database::Database;
use crate::file_jobs::FileJobs;
use mailbox::Mailbox;

/// Weak: it does not keep the event loop alive by itself.
type Doorbell = ThreadsafeFunction<(), (), (), Status, false, true>;

/// All copies of our JavaScript that an environment has loaded (a bundler may make several).
type Attachments = Rc<RefCell<Vec<Environment>>>;

/// See the module's own text.
pub struct Environment {
    mailbox: Arc<Mailbox>,
    doorbell: Arc<Doorbell>,
    databases: HashMap<u32, Arc<Database>>,
    /// Swaps, and other work on files.
    pub file_jobs: FileJobs,
    last_database: u32,
    /// How many jobs JavaScript waits for: while there are any, the event loop stays alive.
    pending: u32,
}

/// What is behind a database's number.
pub enum Lookup {
    /// An open database, or one that is closing.
    Found(Arc<Database>),
    /// It was closed.
    Closed,
    /// There never was one of this number.
    NeverOpened,
}

/// Sets up the state for one copy of our JavaScript. `on_ready` is called on the JavaScript thread
/// when there are answers to fetch. Returns the number of the attachment.
pub fn attach(env: Env, on_ready: &Function<'_, (), ()>) -> Result<u32> {
    let doorbell: Arc<Doorbell> =
        Arc::new(on_ready.build_threadsafe_function::<()>().weak::<true>().build()?);
    let bell = Arc::clone(&doorbell);
    let mailbox = Arc::new(Mailbox::new(Box::new(move || {
        bell.call((), ThreadsafeFunctionCallMode::NonBlocking);
    })));
    let attachments = match env.get_instance_data::<Attachments>()? {
        Some(attachments) => Rc::clone(attachments),
        None => {
            let attachments = Attachments::default();
            env.set_instance_data(Rc::clone(&attachments), (), |_| {})?;
            attachments
        }
    };
    let index = attachments.borrow().len();
    attachments.borrow_mut().push(Environment {
        mailbox,
        doorbell,
        databases: HashMap::new(),
        file_jobs: FileJobs::default(),
        last_database: 0,
        pending: 0,
    });
    // Hooks run last in, first out: added after the thread-safe function was created, this one runs
    // before that is finalized, and joins every thread that might still call it.
    env.add_env_cleanup_hook((attachments, index), |(attachments, index)| {
        if let Some(environment) = attachments.borrow_mut().get_mut(index) {
            environment.tear_down();
        }
    })?;
    u32::try_from(index).map_err(|_| Error::from_status(Status::GenericFailure))
}

/// Runs `action` on the state of one attachment.
pub fn with<T>(env: Env, attachment: u32, action: impl FnOnce(&mut Environment) -> T) -> Result<T> {
    let attachments = env.get_instance_data::<Attachments>()?;
    let mut attachments = attachments.map(|attachments| attachments.borrow_mut());
    attachments
        .as_mut()
        .and_then(|attachments| attachments.get_mut(attachment as usize))
        .map(action)
        .ok_or_else(|| {
            Error::new(Status::InvalidArg, "latchdb was not attached to this environment")
        })
}

impl Environment {
    /// Where the answers of this environment's databases go.
    pub fn mailbox(&self) -> Arc<Mailbox> {
        Arc::clone(&self.mailbox)
    }

    /// Takes a database in and gives it a number.
    pub fn register(&mut self, database: Database) -> u32 {
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

    /// Before the environment ends: closes every database, ends every swap and joins every thread. Nobody can touch
    /// JavaScript or a connection afterwards.
    fn tear_down(&mut self) {
        self.mailbox.silence();
        self.close_all();
    }

    /// Closes every database and ends every swap: all are stopped before the first is waited for.
    pub fn close_all(&mut self) {
        self.file_jobs.stop();
        for database in self.databases.values() {
            database.stop();
        }
        for (_, database) in self.databases.drain() {
            // Nobody is left to hear of an error.
            let _ = database.close();
        }
        self.file_jobs.join();
    }
}
