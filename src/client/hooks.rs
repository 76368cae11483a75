//! What the connection of a lane asks its client.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::error::Error;
use super::state::ClientState;
use crate::jobs::cancel::{Cancel, CancelReason};
use crate::jobs::ids::LaneId;
use crate::sqlite::{Connection, Hooks, LockWait, StatementKind};

/// The hooks of one connection.
pub struct LaneHooks {
    state: Arc<ClientState>,
    lane: LaneId,
    cancel: Arc<Cancel>,
    /// The latest of the client's settings that the connection has.
    settings_version: AtomicU64,
}

impl LaneHooks {
    /// For a connection of this lane that is about to be opened.
    pub fn new(state: Arc<ClientState>, lane: LaneId, cancel: Arc<Cancel>) -> Self {
        Self { state, lane, cancel, settings_version: AtomicU64::new(0) }
    }

    /// Makes the settings that other connections of the client got meanwhile. Not inside a transaction,
    /// where SQLite ignores some of them.
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
        let timeouts = self.state.lock_timeouts();
        self.state.writers.wait_for_lock(self.lane, wait, timeouts, &self.cancel)
    }

    fn has_read(&self) {
        self.state.writers.has_read();
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
        // SQLite ignores this one inside a transaction.
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
