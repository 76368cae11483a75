//! What all lanes of one client share.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

use super::gate::Gate;
use super::settings::Settings;
use super::writer_queue::{DEFAULT_OWN_TIMEOUT, LockTimeouts, WriterQueue};
use crate::jobs::ids::LaneId;
use crate::jobs::outbox::Outbox;
use crate::sqlite::Location;
use crate::sync::{Mutex, MutexGuard, lock};

/// The number of no lane.
const NO_LANE: u32 = u32::MAX;

/// How a client is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the database is.
    pub location: Location,
    /// The `timeout` setting; zero where it is not set.
    pub timeout: Duration,
    /// Whether integers become JavaScript numbers, so that the unsafe ones are errors.
    pub numbers: bool,
    /// Whether its connections can only read.
    pub read_only: bool,
    /// How many connections it may have at once.
    pub most_lanes: usize,
    /// Called before each opening of the database file.
    pub before_open: fn(&Path),
}

/// See the module's documentation.
pub struct ClientState {
    /// How it was opened.
    pub options: Options,
    /// The gate of the client.
    pub gate: Gate,
    /// The queue of its writers.
    pub writers: Arc<WriterQueue>,
    /// Its connection settings.
    pub settings: Settings,
    /// Where answers go.
    pub outbox: Arc<dyn Outbox>,
    statements: Mutex<HashMap<u32, Arc<str>>>,
    last_shape: AtomicU32,
    timeout_ms: AtomicI64,
    pinned_lane: AtomicU32,
    cancelled: AtomicU32,
}

impl ClientState {
    /// For one client.
    pub fn new(options: Options, outbox: Arc<dyn Outbox>) -> Self {
        let timeout_ms = i64::try_from(options.timeout.as_millis()).unwrap_or(i64::MAX);
        Self {
            options,
            gate: Gate::new(),
            writers: Arc::default(),
            settings: Settings::default(),
            outbox,
            statements: Mutex::default(),
            last_shape: AtomicU32::new(0),
            timeout_ms: AtomicI64::new(timeout_ms),
            pinned_lane: AtomicU32::new(NO_LANE),
            cancelled: AtomicU32::new(0),
        }
    }

    /// For the same client, opened again: what it was told stays, what belonged to its connections and
    /// their closing does not.
    pub fn renewed(&self) -> Self {
        Self {
            settings: self.settings.clone(),
            statements: Mutex::new(self.statements().clone()),
            timeout_ms: AtomicI64::new(self.busy_timeout()),
            ..Self::new(self.options.clone(), Arc::clone(&self.outbox))
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
    pub fn lock_timeouts(&self) -> LockTimeouts {
        let milliseconds = u64::try_from(self.busy_timeout()).unwrap_or(0);
        let timeout = Duration::from_millis(milliseconds);
        let own = if timeout.is_zero() { DEFAULT_OWN_TIMEOUT } else { timeout };
        LockTimeouts { others: timeout, own }
    }

    /// The lane has used TEMP or ATTACH: what it made lives on its connection only. The first lane to do
    /// so is the one that the client is pinned to.
    pub fn pin_to(&self, LaneId(lane): LaneId) {
        let order = Ordering::SeqCst;
        let _ = self.pinned_lane.compare_exchange(NO_LANE, lane, order, order);
    }

    /// The lane that the client is pinned to, if it is.
    pub fn pinned_lane(&self) -> Option<LaneId> {
        let lane = self.pinned_lane.load(Ordering::SeqCst);
        (lane != NO_LANE).then_some(LaneId(lane))
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
        lock(&self.statements)
    }
}
