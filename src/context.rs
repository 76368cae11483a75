//! What all lanes of one client share.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::connection::settings::Settings;
use crate::gate::Gate;
use crate::write_line::{DEFAULT_OWN_PATIENCE, LaneId, Patience, WriteLine};

/// The number of no lane.
const NO_LANE: LaneId = LaneId::MAX;

/// Where a database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A file, by its absolute path: a later `chdir` must not send a second connection elsewhere.
    File(PathBuf),
    /// In memory, by SQLite's URI (`file::memory:?cache=shared`).
    Memory(String),
    /// SQLite's temporary database, which the empty path stands for.
    Temporary,
}

impl Location {
    /// Whether other clients of this process may have the same cache
    /// (<https://sqlite.org/sharedcache.html>).
    pub fn shares_cache(&self) -> bool {
        matches!(self, Self::Memory(uri) if uri.contains("cache=shared"))
    }
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(formatter, "{}", path.display()),
            Self::Memory(uri) => formatter.write_str(uri),
            Self::Temporary => formatter.write_str("a temporary database"),
        }
    }
}

/// Where the answers go: in the addon a mailbox of the JavaScript environment.
pub trait Outbox: Send + Sync {
    /// Hands over records, and says whether they end a job that JavaScript waits for.
    fn post(&self, records: Vec<u8>, ends_job: bool);
}

/// See the module's own text.
pub struct Context {
    /// Where the database is.
    pub location: Location,
    /// The gate of the client.
    pub gate: Gate,
    /// Its writers' line.
    pub line: Arc<WriteLine>,
    /// Its connection settings.
    pub settings: Settings,
    /// Where answers go.
    pub outbox: Arc<dyn Outbox>,
    /// Whether integers become JavaScript numbers, so that the unsafe ones are errors.
    pub numbers: bool,
    /// Whether its connections can only read.
    pub read_only: bool,
    statements: Mutex<HashMap<u32, Arc<str>>>,
    last_shape: AtomicU32,
    timeout_ms: AtomicI64,
    tied_lane: AtomicU32,
    cancelled: AtomicU32,
}

impl Context {
    /// For one client. `timeout` is its `timeout` setting, zero where it has none.
    pub fn new(
        location: Location,
        timeout: Duration,
        numbers: bool,
        read_only: bool,
        outbox: Arc<dyn Outbox>,
    ) -> Self {
        let timeout_ms = i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX);
        Self {
            location,
            gate: Gate::new(),
            line: Arc::default(),
            settings: Settings::default(),
            outbox,
            numbers,
            read_only,
            statements: Mutex::default(),
            last_shape: AtomicU32::new(0),
            timeout_ms: AtomicI64::new(timeout_ms),
            tied_lane: AtomicU32::new(NO_LANE),
            cancelled: AtomicU32::new(0),
        }
    }

    /// For the same client, opened again: what it was told stays, what belonged to its connections
    /// and their closing does not.
    pub fn renewed(&self) -> Self {
        Self {
            location: self.location.clone(),
            gate: Gate::new(),
            line: Arc::default(),
            settings: self.settings.clone(),
            outbox: Arc::clone(&self.outbox),
            numbers: self.numbers,
            read_only: self.read_only,
            statements: Mutex::new(self.statements().clone()),
            last_shape: AtomicU32::new(0),
            timeout_ms: AtomicI64::new(self.busy_timeout()),
            tied_lane: AtomicU32::new(NO_LANE),
            cancelled: AtomicU32::new(0),
        }
    }

    /// Gives a statement's text a number, by which jobs name it from now on.
    pub fn define_statement(&self, id: u32, sql: String) {
        self.statements().insert(id, sql.into());
    }

    /// Takes the number of a statement back.
    pub fn forget_statement(&self, id: u32) {
        self.statements().remove(&id);
    }

    /// The text behind a number.
    pub fn statement(&self, id: u32) -> Option<Arc<str>> {
        self.statements().get(&id).cloned()
    }

    /// A number for a new shape of rows.
    pub fn next_shape(&self) -> u32 {
        self.last_shape.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
    }

    /// What `PRAGMA busy_timeout` answers, in milliseconds.
    pub fn busy_timeout(&self) -> i64 {
        self.timeout_ms.load(Ordering::Relaxed)
    }

    /// What `PRAGMA busy_timeout = …` does, for all connections of the client.
    pub fn set_busy_timeout(&self, milliseconds: i64) {
        self.timeout_ms.store(milliseconds.clamp(0, i64::from(i32::MAX)), Ordering::Relaxed);
    }

    /// How long to wait for locks.
    pub fn patience(&self) -> Patience {
        let milliseconds = u64::try_from(self.busy_timeout()).unwrap_or(0);
        let timeout = Duration::from_millis(milliseconds);
        let own = if timeout.is_zero() { DEFAULT_OWN_PATIENCE } else { timeout };
        Patience { others: timeout, own }
    }

    /// The lane has used TEMP or ATTACH: what it made lives on its connection only. The first lane
    /// to do so is the one that the client keeps to.
    pub fn tie_to(&self, lane: LaneId) {
        let _ = self.tied_lane.compare_exchange(NO_LANE, lane, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// Whether this is the one lane that the client keeps to.
    pub fn is_tied_to(&self, lane: LaneId) -> bool {
        self.tied_lane.load(Ordering::SeqCst) == lane
    }

    /// A call was ended by the closing of the client.
    pub fn count_cancelled(&self) {
        self.cancelled.fetch_add(1, Ordering::SeqCst);
    }

    /// How many calls the closing has ended.
    pub fn cancelled(&self) -> u32 {
        self.cancelled.load(Ordering::SeqCst)
    }

    fn statements(&self) -> MutexGuard<'_, HashMap<u32, Arc<str>>> {
        self.statements.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
