//! The hooks of a lane's connection: how it reaches its client.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::counts::OpenConnection;
use super::error::Error;
use super::state::{ClientState, Journal};
use super::waits::Waits;
use crate::jobs::cancel::{Cancel, CancelReason};
use crate::jobs::ids::LaneId;
use crate::sqlite::{Connection, Hooks, LockWait, StatementKind, Wanted};

/// A commit that waits for a cursor which reads on holds up the reads behind it for so long: what the cursor reads may
/// take any time.
const READING_ON: Duration = Duration::from_secs(1);

/// The hooks of one lane's connection.
pub struct LaneHooks {
    state: Arc<ClientState>,
    lane: LaneId,
    cancel: Arc<Cancel>,
    waits: Arc<Waits>,
    /// The hooks live as long as their connection.
    _counted: OpenConnection,
    /// The version of the client's settings that the connection has.
    settings_version: AtomicU64,
    /// Whether the running call waits for locks. On the thread of JavaScript it does not, nor while others are committed
    /// with it.
    waits_for_locks: AtomicBool,
}

impl LaneHooks {
    /// The hooks for a new connection of this lane.
    pub fn new(
        state: Arc<ClientState>,
        lane: LaneId,
        cancel: Arc<Cancel>,
        waits: Arc<Waits>,
        reads: bool,
    ) -> Self {
        Self {
            _counted: OpenConnection::of(Arc::clone(&state.counts), reads),
            state,
            lane,
            cancel,
            waits,
            settings_version: AtomicU64::new(0),
            waits_for_locks: AtomicBool::new(true),
        }
    }

    /// The version of the client's settings that the connection has.
    pub fn settings_version(&self) -> u64 {
        self.settings_version.load(Ordering::Relaxed)
    }

    /// Says whether the call that runs next waits for locks.
    pub fn set_waits(&self, waits: bool) {
        self.waits_for_locks.store(waits, Ordering::Relaxed);
    }

    /// Applies the settings that other connections of the client have made since the last call. Does
    /// nothing inside a transaction, because SQLite ignores some settings there.
    pub fn apply_settings(&self, connection: &Connection) -> Result<(), Error> {
        let version = self.settings_version.load(Ordering::Relaxed);
        if self.state.settings.version() != version && connection.is_autocommit() {
            let version = self.state.settings.apply(connection, version)?;
            self.settings_version.store(version, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl Hooks for LaneHooks {
    fn cancelled(&self) -> Option<CancelReason> {
        self.cancel.reason()
    }

    fn wait_for_lock(&self, wait: LockWait) -> bool {
        if !self.waits_for_locks.load(Ordering::Relaxed) {
            return false;
        }
        let Some(writers) = self.state.writers() else { return false };
        if wait.wanted != Wanted::Begin
            && wait.tries == 0
            && let Some(turns) = self.state.turns()
        {
            turns.read_on(&self.state.cursors.all());
        }
        let wait = LockWait { began: self.waits.counts_from(wait.began, wait.tries == 0), ..wait };
        let (lane, timeouts) = (self.state.lane_key(self.lane), self.state.lock_timeouts());
        // A cursor that reads on into memory ends by itself: the reads behind the commit do not go past it meanwhile.
        let is_in_passing = wait.wanted != Wanted::Begin
            && wait.began.elapsed() < READING_ON
            && self.state.cursors.any_reads_on();
        writers.wait_for_lock(lane, wait, timeouts, &self.cancel, !is_in_passing)
    }

    fn has_read(&self) {
        if let Some(writers) = self.state.writers() {
            writers.has_read();
        }
    }

    fn busy_timeout(&self, set: Option<&str>) -> i64 {
        if let Some(value) = set {
            self.state.set_busy_timeout(value.trim().parse().unwrap_or(0));
        }
        self.state.busy_timeout()
    }

    fn ran(&self, kind: &StatementKind, was_autocommit: bool) {
        if kind.pins_connection {
            self.state.pin_to(self.lane);
        }
        let Some(pragma) = &kind.pragma else { return };
        if pragma.name == "journal_mode" && pragma.value.is_some() {
            self.state.set_journal(Journal::Unknown);
        }
        // SQLite ignores `PRAGMA foreign_keys` inside a transaction.
        if pragma.name == "foreign_keys" && !was_autocommit {
            return;
        }
        let settings = &self.state.settings;
        let is_up_to_date = settings.version() == self.settings_version.load(Ordering::Relaxed);
        if settings.keep(pragma) && is_up_to_date {
            self.settings_version.store(settings.version(), Ordering::Relaxed);
        }
    }
}
